"""What is asked for: one call to a model, or some, before it is made."""

from __future__ import annotations

import re
from dataclasses import dataclass

from engine.calls.budget.token_usage import USES
from engine.errors import UsageError, suggest
from engine.formats.money import MOST_MICROS
from engine.formats.printable import is_seen
from engine.metrics.amounts import MOST
from engine.model import Json

_NAME = re.compile(r"[^\s\ud800-\udfff]{1,200}")
MOST_TAGS = 16


@dataclass(frozen=True, slots=True)
class Request:
    """What a reservation is asked for.

    Attributes:
        provider: As the price book has it, such as ``openai``.
        model: As the provider's API takes it.
        usd_micros: What the caller says it costs at most; None leaves it to the price book.
        tokens: Most tokens that it may use; None if nobody said.
        requests: Calls that it is for.
        team: Who pays.
        tags: What else budgets may go by.
        route: What it is for; profiles may let routes past the soft limits.
        uses: What it will use besides text, of :data:`~engine.calls.budget.token_usage.USES`; it
            is denied where that has no price.
    """

    provider: str
    model: str
    usd_micros: int | None = None
    tokens: int | None = None
    requests: int = 1
    team: str | None = None
    tags: tuple[str, ...] = ()
    route: str | None = None
    uses: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        named: dict[str, str | None] = {"provider": self.provider, "model": self.model}
        named |= {"team": self.team, "route": self.route}
        for what, name in (*named.items(), *(("tag", tag) for tag in self.tags)):
            is_left_out = name is None and what in ("team", "route")
            if not (is_left_out or _is_name(name)):
                raise UsageError(f"{what} {str(name)[:40]!r}", "1 to 200 characters, no spaces")
        if len(self.tags) > MOST_TAGS or len(set(self.tags)) != len(self.tags):
            raise UsageError(f"{len(self.tags)} tags", f"at most {MOST_TAGS}, each once")
        for use in self.uses:
            if use not in USES:
                near = suggest(str(use), USES) or f"known: {', '.join(USES)}"
                raise UsageError(f"use {str(use)[:40]!r}", near)
        count("requests", self.requests, least=1)
        if self.tokens is not None:
            count("tokens", self.tokens)
        if self.usd_micros is not None:
            count("usd_micros", self.usd_micros, most=MOST_MICROS)

    @property
    def about(self) -> dict[str, Json]:
        """Whose request it is and what for, as records write it."""
        members: dict[str, Json] = {"provider": self.provider, "model": self.model}
        if self.team is not None:
            members["team"] = self.team
        if self.tags:
            members["tags"] = sorted(self.tags)
        if self.route is not None:
            members["route"] = self.route
        return members


def _is_name(name: object) -> bool:
    return isinstance(name, str) and is_seen(name) and bool(_NAME.fullmatch(name))


def count(what: str, value: Json, *, least: int = 0, most: int = MOST) -> int:
    """Return ``value``, a whole number from ``least`` to ``most``.

    Raises:
        UsageError: It is something else.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise UsageError(f"{what}: {str(value)[:40]!r}", f"a whole number from {least} to {most}")
    return value
