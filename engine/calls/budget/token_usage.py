"""What one call to a model used, in tokens, whatever form its provider tells it in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.errors import UsageError, suggest
from engine.model import Json

_OWN = ("input_tokens", "output_tokens", "cached_tokens", "cache_write_tokens")
_SEPARATE = ("cache_read_input_tokens", "cache_creation_input_tokens")
_DETAILS = ("prompt_tokens_details", "input_tokens_details")
_KNOWN = (*_OWN, *_SEPARATE, "prompt_tokens", "completion_tokens")


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """Tokens of one call; every token is in exactly one of the four.

    Attributes:
        input_tokens: Of the prompt, neither read from a cache nor written to one.
        output_tokens: Generated, hidden reasoning included.
        cached_tokens: Of the prompt, read from the provider's cache.
        cache_write_tokens: Of the prompt, written to it.
    """

    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    cache_write_tokens: int = 0

    def __post_init__(self) -> None:
        for name in _OWN:
            _count(name, getattr(self, name))

    @property
    def tokens(self) -> int:
        """All of them."""
        return self.input_tokens + self.output_tokens + self.cached_tokens + self.cache_write_tokens

    @classmethod
    def read(cls, members: Mapping[str, Json]) -> TokenUsage:
        """Return the usage of a provider's ``usage`` object.

        Understands OpenAI's forms (``prompt_tokens`` or ``input_tokens`` with the cached ones
        inside, told by ``…_details.cached_tokens``), Anthropic's (``cache_read_input_tokens``
        and ``cache_creation_input_tokens`` beside ``input_tokens``), and this class's own
        members. Where ``total_tokens`` is more than the parts, the rest counts as output, the
        dearest kind.

        Raises:
            UsageError: Neither form, a count that is none, more cached than there was, or a
                total that is less than its parts.
        """
        if "prompt_tokens" in members or any(members.get(name) is not None for name in _DETAILS):
            usage = _cached_inside(members)
        elif "input_tokens" in members:
            usage = _cached_beside(members)
        else:
            raise UsageError(
                "usage: neither prompt_tokens nor input_tokens is there",
                suggest(next(iter(members), ""), _KNOWN) or "give the provider's `usage` object",
            )
        total = _count("total_tokens", members.get("total_tokens") or usage.tokens)
        if total < usage.tokens:
            raise UsageError(
                f"usage: total_tokens is {total}, its parts are {usage.tokens}",
                "give the provider's `usage` object as it came",
            )
        rest = total - usage.tokens
        return cls(
            usage.input_tokens,
            usage.output_tokens + rest,
            usage.cached_tokens,
            usage.cache_write_tokens,
        )


def _cached_inside(members: Mapping[str, Json]) -> TokenUsage:
    prompt_name = "prompt_tokens" if "prompt_tokens" in members else "input_tokens"
    output_name = "completion_tokens" if "completion_tokens" in members else "output_tokens"
    prompt = _member(members, prompt_name)
    details: Json = next((members[name] for name in _DETAILS if members.get(name) is not None), {})
    if not isinstance(details, Mapping):
        raise UsageError(f"usage: {prompt_name}_details is no object")
    read, written = (_optional(members, name) for name in _SEPARATE)
    read = max(read, _optional(details, "cached_tokens"))
    written = max(written, _optional(details, "cache_creation_tokens"))
    if read + written > prompt:
        raise UsageError(
            f"usage: {read + written} cached tokens of {prompt} in {prompt_name}",
            "cached tokens are part of them in this form",
        )
    # An embedding's usage has no output to tell.
    return TokenUsage(prompt - read - written, _optional(members, output_name), read, written)


def _cached_beside(members: Mapping[str, Json]) -> TokenUsage:
    read, written = (_optional(members, name) for name in _SEPARATE)
    return TokenUsage(
        _member(members, "input_tokens"),
        _member(members, "output_tokens"),
        read + _optional(members, "cached_tokens"),
        written + _optional(members, "cache_write_tokens"),
    )


def _member(members: Mapping[str, Json], name: str) -> int:
    if name not in members:
        raise UsageError(f"usage: {name} is missing", suggest(next(iter(members)), [name]))
    return _count(name, members[name])


def _optional(members: Mapping[str, Json], name: str) -> int:
    value = members.get(name)
    return 0 if value is None else _count(name, value)


def _count(name: str, value: Json) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**53:
        raise UsageError(f"usage: {name} is {value!r}", "a whole number of tokens, 0 or more")
    return value
