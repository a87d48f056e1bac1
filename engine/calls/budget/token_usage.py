"""What one call to a model used, in tokens of each kind, and what else of it has a price.

:mod:`engine.calls.budget.usage_forms` reads the forms in which providers say it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from engine.errors import UsageError
from engine.model import Json

MODALITIES = ("audio_input", "audio_output", "image_input", "image_output")
"""Kinds of tokens that have a price of their own, besides text."""
SEARCH = "search"
USES = (*MODALITIES, SEARCH)
"""What a call may use that a price of text says nothing of."""


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """Tokens of one call; every token is in exactly one of the kinds.

    Attributes:
        input_tokens: Of the prompt, text, neither read from a cache nor written to one.
        output_tokens: Generated text, hidden reasoning included.
        cached_tokens: Of the prompt, read from the provider's cache.
        cache_write_tokens: Of the prompt, written to it.
        audio_input_tokens: Of the prompt, audio.
        audio_output_tokens: Generated audio.
        image_input_tokens: Of the prompt, images.
        image_output_tokens: Generated images.
        searches: Searches that the provider made for it; no tokens.
        unknown: Members of the provider's object that say something nobody here knows the price of.
    """

    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    audio_input_tokens: int = 0
    audio_output_tokens: int = 0
    image_input_tokens: int = 0
    image_output_tokens: int = 0
    searches: int = 0
    unknown: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in COUNTS:
            require_count(name, getattr(self, name))

    @property
    def tokens(self) -> int:
        """All of them."""
        return sum(getattr(self, name) for name in COUNTS if name != "searches")

    @property
    def uses(self) -> dict[str, int]:
        """How much it used of each of :data:`USES`; nothing of what it did not."""
        amounts = {
            **{kind: getattr(self, f"{kind}_tokens") for kind in MODALITIES},
            SEARCH: self.searches,
        }
        return {kind: amount for kind, amount in amounts.items() if amount}


COUNTS = tuple(field.name for field in fields(TokenUsage) if field.name != "unknown")
"""Names of the counts of a usage, which are members of its own form, too."""


def require_count(name: str, value: Json) -> int:
    """Return ``value``, a whole number of tokens.

    Raises:
        UsageError: It is something else.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**53:
        raise UsageError(f"usage: {name} is {value!r}", "a whole number of tokens, 0 or more")
    return value
