"""A decision's checks by what they did to it, and the words that several formats have for them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from enum import StrEnum

from engine.decision.margins import counterfactual, is_unsigned, written
from engine.errors import GovernanceError, Position
from engine.formats.printable import plain
from engine.model import Decision, Json, Severity, Status, UnreadMetric, Verdict
from engine.proof.verdict_rules import is_waived
from engine.report import Location, Report, ReportOptions
from engine.report.way_out import way_out
from engine.report.wording import facts_of, fix_of, is_invalid, limit_of

STANDARD_INPUT = "-"
STANDARD_INPUT_NAME = "standard-input"
"""What it is called where a consumer takes no finding without a file."""
VERDICT_RULE = "verdict"
"""Name of the finding that a verdict has which no single check explains."""
UNNAMED = "unnamed"
"""What a check is called whose name no reader would see."""
RELEASING = (Verdict.PROMOTE, Verdict.ALLOW)
FAILING = (Verdict.BLOCK, Verdict.ROLLBACK, Verdict.DENY)

_WORDS: dict[str, str] = {
    Status.PASS: "passed",
    Status.EXEMPT: "exempt",
    Status.FAIL: "failed",
    Status.UNKNOWN: "unknown",
    Status.STALE: "stale",
    Status.INSUFFICIENT: "too little evidence",
    Status.OFF: "off",
}


class VerdictEffect(StrEnum):
    """What one check did to the verdict."""

    AGAINST = "stands against it"
    WARNS = "warns"
    WAIVED = "waived"
    PASSED = "passed"
    OFF = "off"


REPORTED = (VerdictEffect.AGAINST, VerdictEffect.WARNS, VerdictEffect.WAIVED)
"""Effects of the checks that a reader should look at, gravest first."""


def effect_of(check: Json) -> VerdictEffect:
    """Return what ``check`` did; a status that is not known stands against."""
    if check["status"] == Status.OFF:
        return VerdictEffect.OFF
    if is_waived(check):
        return VerdictEffect.WAIVED
    if check["status"] in (Status.PASS, Status.EXEMPT):
        return VerdictEffect.PASSED
    return VerdictEffect.WARNS if check["severity"] == Severity.WARN else VerdictEffect.AGAINST


def by_effect(checks: Iterable[Json]) -> dict[VerdictEffect, list[Json]]:
    """Return the checks of each effect, in their order."""
    groups: dict[VerdictEffect, list[Json]] = {effect: [] for effect in VerdictEffect}
    for check in checks:
        groups[effect_of(check)].append(check)
    return groups


def holds_without_finding(decision: Decision) -> bool:
    """Whether the verdict lets nothing through though no blocking check stands against it.

    A relaxation that the profile does not tolerate is such a case, and every dry run.
    """
    released = decision.verdict in RELEASING and decision.recorded
    return not released and not any(
        effect_of(check) is VerdictEffect.AGAINST for check in decision.checks
    )


def why_not_released(decision: Decision) -> str:
    """Return why nobody may act on a verdict that :func:`holds_without_finding`."""
    if decision.verdict in RELEASING:
        return f"{decision.verdict}, but not recorded: a dry run; nobody may act on it"
    fix = way_out(decision)
    return f"{decision.verdict}: {decision.reason}" + (f". Fix: {fix}" if fix else "")


def title_of(check: Json, report: Report) -> str:
    """Return the check's title; its id where the policy has none."""
    return report.texts.get(check["id"], {}).get("title") or check["id"]


def name_of(check: Json) -> str:
    """Return the check's id as consumers take one: not empty, and all of it seen."""
    return plain(check["id"]) or UNNAMED


def shortened(text: str, most: int) -> str:
    """Return ``text`` in at most ``most`` characters; the last one says where it was cut."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def text_of(check: Json, report: Report, key: str) -> str:
    """Return ``why`` or ``fix`` of a check; ``""`` where the policy has none."""
    text = report.texts.get(check["id"], {}).get(key, "")
    return fix_of(check, text, report.decision.verdict) if key == "fix" else text


def word_of(check: Json) -> str:
    """Return the check's status in a word or three."""
    status: str = check["status"]
    if is_unsigned(check):
        return "not signed by whom it must be"
    return "invalid input" if is_invalid(check) else _WORDS.get(status, status)


def message_of(check: Json, report: Report) -> str:
    """Return everything known about a check that did not pass, as sentences."""
    facts = facts_of(check)
    sentences = [
        f"{title_of(check, report)}: {word_of(check)}; observed {written(check['observed'])}, "
        f"limit {limit_of(check)}" + (f" ({facts})" if facts else ""),
        text_of(check, report, "why"),
        _capital(counterfactual(check) or ""),
        f"Fix: {text_of(check, report, 'fix')}" if text_of(check, report, "fix") else "",
    ]
    return " ".join(_ended(plain(sentence)) for sentence in sentences if sentence)


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith((".", "!", "?")) else f"{sentence}."


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def place_of(check: Json, report: Report) -> Location | None:
    """Return where the check's metric stands; where the metrics are if it is missing.

    None where nobody looked.
    """
    found = report.locations.get(check["metric"])
    return found if found is not None else report.locations.get("")


def place_or_file(check: Json, report: Report) -> Location | None:
    """Return :func:`place_of`, the file's first line in its stead; None for standard input."""
    place = place_of(check, report) or Location(report.file, 1, 1)
    return None if place.file == STANDARD_INPUT else place


def place_of_error(file: str, error: GovernanceError) -> Location | None:
    """Return where an input was refused, as far as that is known; None for standard input."""
    place = Location(file, 1, 1)
    at = getattr(error, "position", None)
    if isinstance(at, Position):
        place = Location(at.file, at.line or 1, at.column or 1)
    return None if place.file == STANDARD_INPUT else place


def digest_of_finding(rule: str, about: Report | str, options: ReportOptions) -> str:
    """Return what stays the same when the same thing is found again, whatever was measured.

    Args:
        rule: The check, or another name of a kind of finding.
        about: The decision; of an input that could not be decided on, its file.
        options: Has the folder that files are named from.

    Returns:
        A SHA-256, 64 lowercase hex digits.
    """
    file = about if isinstance(about, str) else about.file
    parts = [rule]
    if isinstance(about, Report):
        parts = [about.decision.gate, rule, about.decision.subject.name]
    identity = "\0".join((*parts, options.place_name(file)))
    return hashlib.sha256(identity.encode(errors="replace")).hexdigest()


def waiver_reason(check: Json, decision: Decision) -> str:
    """Return the reason that the waiver of ``check`` gives."""
    for use in decision.waivers:
        if use["id"] == check["waived_by"] and use.get("check") in (check["id"], None):
            return str(use.get("reason") or "")
    return ""


def off_lines(report: Report) -> list[str]:
    """Return which checks are off, a line per reason."""
    pairs = [
        (report.reasons.get(check["id"], ""), check["id"])
        for check in report.decision.checks
        if check["status"] == Status.OFF
    ]
    return [f"off: {names}{why and f': {why}'}" for why, names in grouped(pairs)]


def unread_lines(report: Report) -> list[str]:
    """Return which metrics were given and are read by no check, a line per who would read them."""
    return [f"given, not asked: {names}: {readers}" for readers, names in unread_groups(report)]


def unread_groups(report: Report) -> list[tuple[str, str]]:
    """Return who would read metrics that no check reads, and the names of those."""
    return grouped(
        (metric.readers, f"{metric.metric} ({remark})" if remark else metric.metric)
        for metric in report.decision.unread_metrics
        for remark in [remark_on(metric)]
    )


def remark_on(metric: UnreadMetric) -> str:
    """Return which id may be meant, and why the value is none; empty where neither is to be said.

    Both are clauses.
    """
    invalid = f"invalid: {metric.invalid_because}" if metric.invalid_because else ""
    return "; ".join(filter(None, (metric.nearest, invalid)))


def grouped(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Names by what they have in common, in the order in which that comes first."""
    groups: dict[str, list[str]] = {}
    for common, name in pairs:
        groups.setdefault(common, []).append(name)
    return [(common, ", ".join(names)) for common, names in groups.items()]


def attestation_lines(decision: Decision) -> list[str]:
    """Return a line per attestation of the Input: its verdict, its signer, until when it holds.

    Whether a check rests on it is part of the check.
    """
    digest = decision.subject.sha256
    return [_attestation_line(attestation, digest) for attestation in decision.attestations]


def _attestation_line(attestation: Json, artifact: str | None) -> str:
    whose = (
        "by the key that signs this decision"
        if attestation["self"]
        else f"by {attestation['key_id'][:16]}…"
    )
    if not attestation["self"]:
        whose += (
            ", an attestor"
            if attestation["role"] == "attestor"
            else ", no attestor of the trust list"
        )
    lasts = f"until {attestation['expires_at']}"
    if attestation["remaining_s"] <= 0:
        lasts = f"expired {attestation['expires_at']}"
    elif attestation["age_s"] < 0:
        lasts = f"issued in the future: {attestation['issued_at']}"
    if attestation["subject_sha256"] != artifact:
        lasts += ", of another artifact"
    return f"{attestation['id']} says {attestation['verdict']}, {whose}, {lasts}"
