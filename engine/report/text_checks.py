"""The checks of a decision as lines of text: passes counted, what needs somebody at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from engine.decision.margins import counterfactual, is_straddling, is_unsigned, margin
from engine.formats.columns import columns_of, kept_together, padded, wrapped
from engine.formats.printable import plain
from engine.model import Json, Status
from engine.report import Report, ReportOptions
from engine.report.findings import (
    RELEASING,
    VerdictEffect,
    by_effect,
    grouped,
    text_of,
    unread_groups,
)
from engine.report.wording import (
    distance_of,
    is_invalid,
    lacking_of,
    observed_and_limit_of,
    share_of,
    waiver_line,
    was_compared,
)

_LONGEST_NAME, _LONGEST_VALUE = 34, 26
"""Columns; what is longer stands on lines of its own and widens no column."""
_MOST_NAMED = 3
_COUNTS = 24


class _Row(NamedTuple):
    sign: str
    word: str
    check: Json


class CheckLines:
    """Lays out the checks of one decision.

    Args:
        report: The decision.
        options: Which checks are shown, and how wide.
    """

    def __init__(self, report: Report, options: ReportOptions) -> None:
        self._report = report
        self._options = options
        self._edge = "" if options.is_narrow else "  "
        effects = by_effect(report.decision.checks)
        self._passed, self._off = effects[VerdictEffect.PASSED], effects[VerdictEffect.OFF]
        against = effects[VerdictEffect.AGAINST]
        self._minor = [_Row("⚑", "waived", check) for check in effects[VerdictEffect.WAIVED]]
        self._minor += [_Row("!", "warns", check) for check in effects[VerdictEffect.WARNS]]
        self._against = [
            *(_row(check) for check in against if check["status"] != Status.FAIL),
            *(_row(check) for check in against if check["status"] == Status.FAIL),
        ]
        listed = options.passes or options.explain or options.verbose
        shown = listed and not options.failures_only
        self._passes = [_row(check) for check in self._passed] if shown else []
        rows = [*self._passes, *self._minor, *self._against]
        names = [columns_of(plain(row.check["id"])) for row in rows]
        values = [columns_of(self._value(row.check)) for row in rows]
        self._names = max((size for size in names if size <= _LONGEST_NAME), default=0)
        self._values = max((size for size in values if size <= _LONGEST_VALUE), default=0)

    def lines(self) -> Iterator[str]:
        """Yield every line, with an empty one before each part."""
        counts = [] if self._options.failures_only else [*self._counts()]
        parts = (
            [line for row in self._passes for line in self._finding(row)],
            counts,
            [line for row in self._minor for line in self._finding(row)],
            [line for row in self._against for line in self._finding(row)],
        )
        for part in parts:
            if part:
                yield ""
                yield from part

    def _counts(self) -> Iterator[str]:
        """What passed, and what was not looked at."""
        if self._passed:
            passes = sum(check["status"] != Status.EXEMPT for check in self._passed)
            exempt = len(self._passed) - passes
            count = f"{passes} passed" + (f", {exempt} exempt" if exempt else "")
            yield from self._count("✓", count, self._passed_text())
        for number, (why, names) in enumerate(self._off_groups()):
            reason = f" ({why})" if why else ""
            count = f"{len(self._off)} off" if number == 0 else ""
            yield from self._count("-" if count else "", count, plain(f"{names}{reason}"))

        for number, (readers, names) in enumerate(unread_groups(self._report)):
            count = (
                f"{len(self._report.decision.unread_metrics)} given, not asked"
                if number == 0
                else ""
            )
            yield from self._count("?" if count else "", count, plain(f"{names}: {readers}"))

    def _count(self, sign: str, count: str, text: str) -> list[str]:
        head = f"{self._edge}{self._sign(sign)} {count}"
        if self._options.is_narrow:
            head = f"{head}  " if count else "  "
            return wrapped(text, self._options.width, head, "  ")
        return wrapped(text, self._options.width, f"{padded(head, _COUNTS - 2)}  ")

    def _passed_text(self) -> str:
        if self._passes:
            return "as above"
        domains = Counter(check["id"].partition(".")[0] for check in self._passed)
        text = ", ".join(
            kept_together(plain(f"{domain} {count}")) for domain, count in sorted(domains.items())
        )
        if self._report.decision.verdict in RELEASING and (closest := _closest(self._passed)):
            distance = kept_together(plain(distance_of(closest)))
            text += f"; closest: {plain(closest['id'])}, {distance}"
        return f"{text}; {kept_together('all of them: --all')}"

    def _off_groups(self) -> list[tuple[str, str]]:
        """The profile's reasons, and the checks that are off for each."""
        pairs = [(self._report.reasons.get(check["id"], ""), check["id"]) for check in self._off]
        groups = grouped(pairs)
        if self._passes or self._options.verbose:
            return groups
        return [(why, ", ".join(_few(names.split(", ")))) for why, names in groups]

    def _finding(self, row: _Row) -> list[str]:
        check, width = row.check, self._options.width
        head = f"{self._edge}{self._sign(row.sign)} {row.word:<7} "
        name, value = plain(check["id"]), self._value(check)
        facts = self._facts(check)
        line = f"{head}{padded(name, self._names)}  {padded(value, self._values)}  {facts}"
        if columns_of(line) <= width and not self._options.is_narrow:
            lines, indent = [line.rstrip()], " " * columns_of(head)
        else:
            indent = " " * (2 if self._options.is_narrow else columns_of(head))
            lines = wrapped(name, width, head, indent)
            lines += wrapped(", ".join(filter(None, (value, facts))), width, indent)
        return [*lines, *self._explained(row, indent)]

    def _value(self, check: Json) -> str:
        return plain(observed_and_limit_of(check))

    def _facts(self, check: Json) -> str:
        facts = [plain(distance_of(check) if was_compared(check) else lacking_of(check))]
        if check.get("n") is not None:
            facts.append(kept_together(f"n {check['n']:,}"))
        if self._options.verbose:
            facts += map(plain, self._sources(check))
        elif self._options.explain and (distance := margin(check)) is not None:
            facts.append(f"margin {distance}")
        return ", ".join(filter(None, facts))

    def _sources(self, check: Json) -> Iterator[str]:
        """Exact margin, unit, age, and where the metric was given."""
        if (distance := margin(check)) is not None:
            yield f"margin {distance}"
        if (unit := check.get("unit")) and unit not in ("1", "none"):
            yield f"unit {unit}"
        if check.get("age_s") is not None and check["status"] != Status.STALE:
            yield f"{check['age_s']:,} s old"
        if place := self._report.locations.get(check["metric"]):
            yield f"{place.file}:{place.line}"

    def _explained(self, row: _Row, indent: str) -> Iterator[str]:
        check, report = row.check, self._report
        is_pass = check["status"] in (Status.PASS, Status.EXEMPT)
        if is_pass and not (self._options.explain or self._options.verbose):
            return
        sentences = [_waiver(check, report)] if row.word == "waived" else []
        title, why = (text_of(check, report, key) for key in ("title", "why"))
        sentences += [f"{title}: {why}" if title and why else title or why]
        sentences += [counterfactual(check) or ""]
        if not is_pass and (fix := text_of(check, report, "fix")):
            sentences.append(f"fix: {fix}")
        for text in filter(None, sentences):
            yield from wrapped(plain(text), self._options.width, indent, f"{indent}  ")

    def _sign(self, sign: str) -> str:
        return self._options.mark(sign) if sign else " "


_WORDS = {
    Status.PASS: ("✓", "pass"),
    Status.EXEMPT: ("✓", "exempt"),
    Status.FAIL: ("✗", "FAIL"),
    Status.UNKNOWN: ("…", "UNKNOWN"),
    Status.STALE: ("…", "STALE"),
    Status.INSUFFICIENT: ("…", "TOO FEW"),
}


def _row(check: Json) -> _Row:
    sign, word = _WORDS[Status(check["status"])]
    if is_unsigned(check):
        return _Row(sign, "UNSIGNED", check)
    word = "UNSURE" if is_straddling(check) else "INVALID" if is_invalid(check) else word
    return _Row(sign, word, check)


def _few(names: Sequence[str]) -> list[str]:
    """The names; of a domain with many, how many."""
    domains: dict[str, list[str]] = {}
    for name in names:
        domains.setdefault(name.partition(".")[0], []).append(name)
    return [
        shown
        for domain, inside in domains.items()
        for shown in (inside if len(inside) <= _MOST_NAMED else [f"{domain}.* {len(inside)}"])
    ]


def _closest(passed: Sequence[Json]) -> Json | None:
    """The check with the least room, as a share of its limit; None where none has any."""
    shares = [(share, check) for check in passed if (share := share_of(check)) is not None]
    return min(shares, key=lambda pair: pair[0])[1] if shares else None


def _waiver(check: Json, report: Report) -> str:
    for use in report.decision.waivers:
        if use["id"] == check["waived_by"] and use.get("check") in (check["id"], None):
            approvers = ", ".join(map(str, use.get("approvers") or ()))
            return f"waiver {waiver_line(use)}" + (f" (by {approvers})" if approvers else "")
    return f"waiver {check['waived_by']}"
