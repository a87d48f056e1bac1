"""Decisions that never change, in every format; and decisions made of arbitrary text.

``python -m tests.report.cases`` writes ``golden/`` anew; look at the difference before it is
committed.
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from engine.errors import DocumentError, GovernanceError, Position
from engine.model import Decision, Json, Subject, UnreadMetric, Verdict
from engine.proof import merkle
from engine.proof.decision_version import LEFT_OUT_BECAUSE
from engine.report import (
    FORMATS,
    Inclusion,
    Location,
    Report,
    ReportOptions,
    format_named,
    sarif,
)

GOLDEN = Path(__file__).parent / "golden"
SUFFIXES = {
    "text": "txt",
    "markdown": "md",
    "github": "github.txt",
    "sarif": "sarif",
    "junit": "xml",
    "gitlab": "gitlab.json",
    "html": "html",
}
ORIGIN = "governance-engine/00112233445566778899aabbccddeeff"
CHECKPOINT = (
    f"{ORIGIN}\n4\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\nchain {'ab' * 32}\n\n"
    f"— {ORIGIN} {'A' * 91}=\n"
)
LEAVES = [merkle.leaf_hash(f"entry {number}".encode()) for number in range(4)]

Result = Report | tuple[str, GovernanceError]


def check(name: str, **members: Any) -> Json:
    """Return a check as a statement holds it: one that passes, unless the members say otherwise."""
    return {
        "id": name,
        "metric": name,
        "kind": "limit",
        "status": "pass",
        "severity": "block",
        "operator": "<=",
        "observed": 0.006,
        "limit": 0.01,
        "unit": "ratio",
        "n": 24000,
        "age_s": 60,
        "max_age_s": 900,
        "waived_by": None,
        **members,
    }


ECE = check("ethics.ece")
CONSENT = check("ethics.consent", operator="==", observed=True, limit=True, unit="none", n=None)
DRIFT = check("data.schema_drift", operator="==", observed=0, limit=0, unit="columns", n=None)
LATENCY = check("slo.dec_p95_ms", observed=512, limit=800, unit="ms", n=183420)
SOFT = check(
    "budget.usd_soft", metric="budget.usd_ratio", severity="warn", operator="<", observed=0.61,
    limit=0.95, n=None,
)  # fmt: skip
ATTESTED = check(
    "ethics.attestation", status="off", severity="off", operator="==", observed=None, limit=True,
    unit="none", n=None, age_s=None,
)  # fmt: skip

TEXTS = {
    "ethics.ece": (
        "Calibration error",
        "A miscalibrated model cannot be acted on.",
        "Recalibrate.",
    ),
    "ethics.consent": ("Consent", "Data without a lawful basis taints the model.", "Remove it."),
    "data.schema_drift": ("Schema drift", "Consumers go on with wrong columns.", "Declare it."),
    "slo.dec_p95_ms": ("Decision latency", "Slow decisions breach the promise.", "Profile it."),
    "budget.usd_soft": ("US dollars, soft limit", "The hard limit is near.", "Spend\nless."),
    "ethics.attestation": ("Ethics attestation", "Some harms only people see.", "Ask for one."),
}


def report(
    verdict: str,
    reason: str,
    checks: Sequence[Json],
    *,
    index: int = 1,
    file: str = "evidence/metrics.json",
    unread: tuple[UnreadMetric, ...] = (),
    **members: Any,
) -> Report:
    """Return a recorded decision; its metrics stand in lines that are counted from 10."""
    ordered = tuple(sorted(checks, key=lambda check: str(check["id"])))
    decision = Decision(
        decision_id=f"01a1fcd0-fdc8-7916-bf65-adbdee2c9c0{index}",
        decided_at="2026-11-20T12:00:00Z",
        valid_until="2026-11-21T12:00:00Z",
        gate="promotion",
        profile="default",
        stage="candidate",
        verdict=Verdict(verdict),
        reason=reason,
        subject=Subject("scoring-model", f"2.4.{index}", "b8" * 32),
        checks=ordered,
        obligations=(),
        waivers=(),
        relaxations=(),
        recorded=True,
        index=index,
        checkpoint=CHECKPOINT,
        statement=b"",
    )
    lines = {
        check["metric"]: Location(file, 10 + number, 17)
        for number, check in enumerate(ordered)
        if check["observed"] is not None
    }
    return Report(
        replace(decision, unread_metrics=unread, **members),
        texts={name: dict(zip(("title", "why", "fix"), words, strict=True))
               for name, words in TEXTS.items()},
        reasons={"ethics.attestation": "no attestor configured"},
        file=file,
        locations={**lines, "": Location(file, 9, 14)},
        proof=inclusion(index),
    )  # fmt: skip


def inclusion(index: int) -> Inclusion:
    """Return the place of one of four entries."""

    def node(level: int, number: int) -> bytes:
        if level == 0:
            return LEAVES[number]
        return merkle.node_hash(node(level - 1, 2 * number), node(level - 1, 2 * number + 1))

    return Inclusion(LEAVES[index], index, 4, tuple(merkle.inclusion_proof(index, 4, node)))


PROMOTE = report(
    "PROMOTE", "4 blocking checks passed", [ECE, CONSENT, DRIFT, LATENCY, SOFT, ATTESTED]
)
BLOCK = report(
    "BLOCK",
    "2 of 4 blocking checks failed: data.schema_drift, ethics.ece",
    [
        {**ECE, "status": "fail", "observed": 0.031},
        CONSENT,
        {**DRIFT, "status": "fail", "observed": 3},
        {**LATENCY, "status": "stale", "age_s": 1800},
        SOFT,
        ATTESTED,
    ],
    index=2,
    file="evidence/café, 100% <b>.json",
    obligations=({"id": "tell-the-owner", "check": "ethics.ece"},),
)
HOLD = report(
    "HOLD",
    "not enough evidence on 1 of 4 blocking checks: slo.dec_p95_ms (unknown)",
    [
        {**ECE, "status": "insufficient", "n": 412, "min_n": 1000, "severity": "warn"},
        CONSENT,
        {**DRIFT, "status": "fail", "observed": 1, "waived_by": "W-1"},
        {**LATENCY, "status": "unknown", "observed": None, "n": None, "age_s": None},
        {**SOFT, "status": "fail", "observed": 0.97},
        ATTESTED,
    ],
    index=3,
    waivers=(
        {
            "id": "W-1",
            "check": "data.schema_drift",
            "status": "applied",
            "reason": "agreed with | consumers <script>alert(1)</script> `by` mail",
            "approvers": ["data-office"],
            "expires_at": "2026-12-01T00:00:00Z",
        },
    ),
    relaxations=("policies_overridden",),
)
UNREAD = report(
    "PROMOTE",
    "1 blocking checks passed",
    [ECE, ATTESTED],
    unread=(
        UnreadMetric("market.twap_divergence_percent", "gate market reads it by profile pre-ga"),
        UnreadMetric("x.ethics.eec", "carried | and <b>not</b> evaluated", "did you mean 'y'?"),
        UnreadMetric("x.note", "carried | and <b>not</b> evaluated"),
    ),
)
FOUND = {
    "folders": 1,
    "files": 4,
    "names": {"sha256": "c4" * 32},
    "left_out": {
        "count": 9,
        "first": [
            {"name": ".hidden.json", "reason": "hidden"},
            {"name": "again/<b>up</b>", "reason": "entered"},
            *({"name": f"notes-{number}.txt", "reason": "suffix"} for number in range(6)),
        ],
    },
}
FOLDER = report("PROMOTE", "1 blocking checks passed", [ECE], evidence_files={**FOUND, "file": 2})
CHANGED = report(
    "PROMOTE",
    "1 blocking checks passed",
    [ECE],
    relaxations=("policies_configured",),
    policy_changes={
        "against": {"sha256": "d5" * 32},
        "count": 10,
        "rows": [f"limits/own/slo.<b>{number}</b>" for number in range(10)],
    },
)
REFUSED = (
    "evidence/bad.json",
    DocumentError(
        Position("evidence/bad.json", 7, 13, "/metrics/ethics.ece"),
        "NaN is not a number that can be compared",
        "leave the metric out",
    ),
)
CASES: dict[str, tuple[Result, ...]] = {
    "promote": (PROMOTE,),
    "block": (BLOCK,),
    "hold": (HOLD,),
    "unread": (UNREAD,),
    "several": (PROMOTE, BLOCK, REFUSED, HOLD),
    "folder": (FOLDER,),
    "changed": (CHANGED,),
}


def written(name: str, results: Sequence[Result], options: ReportOptions | None = None) -> str:
    """Return ``results`` in format ``name``, as one call writes it."""
    out = format_named(name)(options or ReportOptions(several=len(results) > 1))
    parts = [out.head()]
    parts += [
        out.item(result) if isinstance(result, Report) else out.failed(*result)
        for result in results
    ]
    return "".join([*parts, out.tail()])


def golden() -> Iterator[tuple[str, str, Path]]:
    """Yield format, case and file of every golden file."""
    for name in FORMATS:
        for case in CASES:
            yield name, case, GOLDEN / f"{case}.{SUFFIXES.get(name, name)}"


HOSTILE = (
    *("##vso[task.complete]x", "##teamcity[x]", "  ::x", "[[ATTACHMENT|/x]]"),
    *("|", "\\|", "`", "``", "\n", "\r\n", "::error::x", "##[error]x", "\n::set-output name=v::P"),
    *(
        "<script>alert(1)</script>",
        "</style>",
        "<!--",
        "-->",
        "]]>",
        "&amp;",
        "&#60;",
        '" onload="x',
    ),
    *("%0A", "%", "\x00", "\x1b[31m", "\ufffe", "\u2028", "\u202e", "![x](http://x)", "www.x.org"),
    *("[x](javascript:1)", "@team", "#1", "<details>", "</details>", "$x$", "~~~", "---", "* * *"),
)
texts = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.lists(st.sampled_from(HOSTILE), min_size=1, max_size=3).map("".join),
)
words = st.one_of(texts, st.text(string.ascii_letters, min_size=1, max_size=8))
# As strict readers give numbers: what is whole is an int.
numbers = st.one_of(
    st.integers(-(2**51), 2**51), st.floats(-1e12, 1e12).filter(lambda number: number % 1 != 0)
)
values = st.one_of(
    st.none(), st.booleans(), words, numbers, st.lists(st.integers(0, 9), max_size=8),
)  # fmt: skip
_counts = st.one_of(st.none(), st.integers(0, 10**9))


@st.composite
def _any_check(draw: st.DrawFn, name: str) -> Json:
    status = draw(st.sampled_from(("pass", "fail", "unknown", "stale", "insufficient", "exempt",
                                   "off")))  # fmt: skip
    severity = "off" if status == "off" else draw(st.sampled_from(("block", "warn")))
    return check(
        name,
        metric=draw(words),
        status=status,
        severity=severity,
        operator=draw(st.sampled_from(("<=", "<", ">=", ">", "==", "quiet"))),
        observed=draw(values),
        limit=draw(values),
        unit=draw(st.one_of(st.none(), words)),
        n=draw(_counts),
        age_s=draw(st.integers(-(10**9), 10**9)),
        waived_by=draw(words) if status == "fail" and draw(st.booleans()) else None,
    )


@st.composite
def _any_found(draw: st.DrawFn) -> Json:
    reasons = st.sampled_from(LEFT_OUT_BECAUSE)
    first = draw(st.lists(st.fixed_dictionaries({"name": words, "reason": reasons}), max_size=3))
    left_out = {"count": draw(st.integers(len(first), 9)), "first": first}
    return {**FOUND, "left_out": left_out, "file": draw(st.integers(1, 4))}


@st.composite
def _any_changes(draw: st.DrawFn) -> Json:
    rows = draw(st.lists(words, min_size=1, max_size=9))
    return {"against": {"sha256": "d5" * 32}, "count": len(rows), "rows": sorted(rows)}


@st.composite
def any_report(draw: st.DrawFn) -> Report:
    """Return a decision in which every text may be anything."""
    names = draw(st.lists(words, min_size=1, max_size=3, unique=True))
    checks = [draw(_any_check(name)) for name in names]
    recorded = draw(st.booleans())
    waivers = tuple(
        {"id": check["waived_by"], "check": check["id"], "status": "applied", "reason": draw(words)}
        for check in checks
        if check["waived_by"] is not None
    )
    version, place = draw(st.one_of(st.none(), words)), draw(words)
    index, dry = draw(st.integers(0, 3)), {"recorded": False, "index": None, "checkpoint": None}
    drawn = report(
        draw(st.sampled_from(list(Verdict))),
        draw(texts),
        checks,
        index=index,
        file=draw(words),
        gate=draw(words),
        profile=draw(words),
        subject=Subject(draw(words), version, draw(st.one_of(st.none(), words))),
        obligations=({"id": draw(words), "check": draw(words)},),
        waivers=waivers,
        relaxations=tuple(draw(st.lists(words, max_size=2))),
        evidence_files=draw(st.one_of(st.none(), _any_found())),
        policy_changes=draw(st.one_of(st.none(), _any_changes())),
    )
    record = {"checkpoint": draw(texts)} if recorded else dict(dry)
    unread = draw(st.lists(st.builds(UnreadMetric, words, words, words), max_size=2))
    decision = replace(drawn.decision, unread_metrics=tuple(unread), **record)
    drawn = replace(drawn, decision=decision)
    titled = {name: dict(zip(("title", "why", "fix"), draw(st.tuples(texts, texts, texts)),
                             strict=True)) for name in names}  # fmt: skip
    return replace(
        drawn,
        texts=titled,
        reasons={check["id"]: draw(words) for check in checks if check["status"] == "off"},
        locations={"": Location(place, 3, 4)} if draw(st.booleans()) else {},
        proof=None,
    )


any_error = st.builds(
    lambda file, line, reason, hint: (file, DocumentError(Position(file, line), reason, hint)),
    words, st.integers(0, 9), texts, texts,
)  # fmt: skip
any_call = st.lists(st.one_of(any_report(), any_error), min_size=1, max_size=3)


def main() -> None:
    """Write every golden file."""
    setattr(sarif, "__version__", "0")  # noqa: B010  (as the test does)
    for name, case, path in golden():
        path.write_text(written(name, CASES[case]), encoding="utf-8", newline="")


if __name__ == "__main__":
    main()
