"""Evidence for a selftest: what passes every check, and what is one step from it. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from engine.formats.times import write_time
from engine.model import Json
from engine.proof.attestation_rules import ATTESTOR, attestation_types
from engine.proof.verdict_rules import recompute_status

_MANY = 1_000_000
_STEPS = (0, 1e-6, 0.001, 0.01, 0.1, 0.5, 1, 2, 10, 1000, 1_000_000)
_ODD_VALUES: tuple[Json, ...] = (None, "1", "pass!", [], {}, [0], {"value": 0})
_BY_DIRECTION = {"lower": {">=": "<=", ">": "<"}, "higher": {"<=": ">=", "<": ">"}}


@dataclass(frozen=True, slots=True)
class Constraint:
    """What one check demands of one metric.

    Attributes:
        id: Check.
        metric: Metric.
        kind: As in the manifest.
        severity: ``block`` or ``warn``.
        operator: The way that the catalogue's direction gives.
        written: The operator that the rule has.
        limit: Limit.
        row: Row of the catalogue.
        max_age_s: Oldest evidence in seconds, if limited.
        min_n: Fewest samples, if limited.
        compare: ``value`` or ``ci``.
    """

    id: str
    metric: str
    kind: str
    severity: str
    operator: str
    written: str
    limit: Json
    row: Mapping[str, Json] = field(repr=False)
    max_age_s: Json
    min_n: Json
    compare: str

    @classmethod
    def of(cls, check: Json, row: Mapping[str, Json]) -> Constraint:
        """Read it off a check of a statement and a row of the catalogue."""
        written: str = check["operator"]
        return cls(
            id=check["id"],
            metric=check["metric"],
            kind=check["kind"],
            severity=check["severity"],
            operator=_BY_DIRECTION.get(row["direction"], {}).get(written, written),
            written=written,
            limit=check["limit"],
            row=row,
            max_age_s=check.get("max_age_s"),
            min_n=check.get("min_n"),
            compare=check.get("compare", "value"),
        )

    def by_operator(self) -> Constraint:
        """The same with the rule's own operator, not the catalogue's direction."""
        return replace(self, operator=self.written)

    @property
    def can_fail(self) -> bool:
        """Whether a value could be past its limit at all."""
        return self.kind not in ("attestation", "baseline")

    def passes(self, value: Json) -> bool:
        """Whether ``value`` meets the limit; age and samples left aside."""
        limit = value if self.kind == "baseline" else self.limit
        compared = {"kind": self.kind, "operator": self.operator, "observed": value}
        fresh = {"metric_status": "ok", "age_s": 0, "max_age_s": 1}
        return recompute_status({**compared, **fresh, "limit": limit}) == "pass"

    def candidates(self) -> Iterator[Json]:
        """Values that the catalogue allows, those nearest to the limit first."""
        row = self.row
        match row["type"]:
            case "boolean":
                yield from (True, False)
            case "string":
                yield from row.get("values", [self.limit, f"not {self.limit}"])
            case kind:
                for number in self._numbers(kind):
                    yield [number, number] if kind == "series" else number

    def _numbers(self, kind: str) -> Iterator[Json]:
        low, high = self.row.get("range", (None, None))
        middle = self.limit if isinstance(self.limit, int | float) else 0
        for step in _STEPS:
            for number in (middle + step, middle - step):
                exact = round(number, 9)
                whole = int(exact) if exact == int(exact) else exact
                if kind == "integer" and not isinstance(whole, int):
                    continue
                if (low is None or whole >= low) and (high is None or whole <= high):
                    yield whole


@dataclass(frozen=True, slots=True)
class Case:
    """A document that a gate is tried on; all but the sound ones it may not let through.

    Attributes:
        what: What is bad about it, in words; empty where nothing is.
        text: The metrics file.
        attestations: Attestations that come with it.
        members: Returns members of the Input to be replaced; None leaves it as gathered.
        is_past: Whether the value is past the limit, and nothing else is wrong.
    """

    what: str
    text: bytes = field(repr=False)
    attestations: Sequence[Json]
    members: Callable[[Json], Mapping[str, Json]] | None = None
    is_past: bool = False


@dataclass(frozen=True, slots=True)
class PassingEvidence:
    """Evidence on which every check passes.

    Attributes:
        now: Instant of the decision.
        constraints: What is demanded.
        metrics: Metrics in long form.
        attestations: Attestations that come with them.
        impossible: Why there is no such evidence; empty when there is.
    """

    now: datetime
    constraints: Sequence[Constraint]
    metrics: dict[str, dict[str, Json]]
    attestations: list[Json]
    impossible: str = ""

    @property
    def blocking(self) -> list[Constraint]:
        """The demands that stop a release."""
        return [rule for rule in self.constraints if rule.severity == "block"]

    def document(self, metrics: Mapping[str, Json] | None = None) -> dict[str, Json]:
        """A metrics file with these metrics laid over the sound ones; None takes one away."""
        merged = {**self.metrics, **(metrics or {})}
        return {
            "subject": {"name": "selftest", "version": "1", "digest": {"sha256": "5e" * 32}},
            "observed_at": write_time(self.now),
            "metrics": {"x.selftest": 1, **{k: v for k, v in merged.items() if v is not None}},
        }

    def text(self, metrics: Mapping[str, Json] | None = None) -> bytes:
        """The same as bytes."""
        return json.dumps(self.document(metrics)).encode()

    def case(self, what: str = "", metrics: Mapping[str, Json] | None = None) -> Case:
        """The same metrics file as a case; ``what`` says in words what is bad about it."""
        return Case(what, self.text(metrics), self.attestations)

    def at_age(self, metric: str, age_s: int) -> dict[str, Json]:
        """One metric of another age, to be laid over the sound ones."""
        observed = write_time(self.now - timedelta(seconds=age_s))
        return {metric: {**self.metrics[metric], "observed_at": observed}}


def sound_evidence(constraints: Sequence[Constraint], now: datetime) -> PassingEvidence:
    """Return evidence that meets every one of ``constraints``, or why there is none."""
    metrics: dict[str, dict[str, Json]] = {}
    attestations: list[Json] = []
    impossible = "" if any(rule.severity == "block" for rule in constraints) else _NOTHING
    for constraint in constraints:
        if constraint.kind == "attestation":
            attestations.append(_attestation(constraint))
        elif constraint.metric not in metrics:
            same = [other for other in constraints if other.metric == constraint.metric]
            value = _meeting(same)
            if value is None:
                names = ", ".join(other.id for other in same)
                impossible = impossible or f"no value of {constraint.metric} passes {names}"
            else:
                metrics[constraint.metric] = _long_form(value, constraint.row)
    return PassingEvidence(now, constraints, metrics, attestations, impossible)


_NOTHING = "no check blocks under this profile, and a gate that checks nothing lets nothing through"


def _attestation(constraint: Constraint) -> dict[str, Json]:
    return {
        "type": attestation_types(constraint.metric)[0],
        "verdict": "PROMOTE",
        "subject_sha256": "5e" * 32,
        "age_s": 0,
        "remaining_s": 3600,
        "role": ATTESTOR,
        "self": False,
        "relaxations": [],
    }


def _meeting(constraints: Sequence[Constraint]) -> Json:
    """The value nearest to a limit that passes all of them; None where there is none."""
    every = (value for rule in constraints for value in rule.candidates())
    return next((value for value in every if all(rule.passes(value) for rule in constraints)), None)


def _long_form(value: Json, row: Mapping[str, Json]) -> dict[str, Json]:
    metric: dict[str, Any] = {"value": value, "n": _MANY}
    if row["type"] in ("number", "integer"):
        metric |= {"ci": [value, value], "baseline": value}
    return metric


def only_past(constraint: Constraint, sound: PassingEvidence) -> Case | None:
    """Evidence past this limit, and past no other if that can be; None where there is none."""
    if constraint.kind == "baseline":
        metric = sound.metrics[constraint.metric]
        worse = {**metric, "baseline": metric["value"] + 1}
        bad = sound.case("below its baseline", {constraint.metric: worse})
        return replace(bad, is_past=True)
    if not constraint.can_fail:
        return None
    past = [value for value in constraint.candidates() if not constraint.passes(value)]
    if not past:
        return None
    same = [rule for rule in sound.blocking if rule.metric == constraint.metric]
    others = [rule for rule in same if rule.id != constraint.id]
    alone = (value for value in past if all(rule.passes(value) for rule in others))
    value = next(alone, past[0])
    metric = _long_form(value, constraint.row)
    bad = sound.case(f"past the limit: {json.dumps(value)}", {constraint.metric: metric})
    return replace(bad, is_past=True)


def bad_documents(constraint: Constraint, sound: PassingEvidence) -> Iterator[Case]:
    """Yield what must not get through because of this one check."""
    if constraint.kind == "attestation":
        yield from _bad_attestations(constraint, sound)
        return
    if past := only_past(constraint, sound):
        yield past
    metric, name = sound.metrics[constraint.metric], constraint.metric
    yield sound.case("missing", {name: None})
    yield sound.case("in the future", sound.at_age(name, -301))
    for status in ("invalid_input", "undefined", "insufficient_data"):
        yield sound.case(f"status {status}", {name: {**metric, "status": status}})
    if isinstance(constraint.max_age_s, int):
        for age_s in (constraint.max_age_s + 1, constraint.max_age_s * 100):
            yield sound.case(f"{age_s} s old", sound.at_age(name, age_s))
    yield from _too_little(constraint, sound)
    for value in (*_ODD_VALUES, *_other_kinds(constraint)):
        shown = json.dumps(value)
        yield sound.case(f"the value {shown}", {name: {**metric, "value": value}})
        yield _in_input(f"the value {shown}, unseen by the reader", name, {"value": value}, sound)
    for member in ("age_s", "status"):
        for value in (None, "", "0", True):
            what = f"{member} {json.dumps(value)}, unseen by the reader"
            yield _in_input(what, name, {member: value}, sound)


def _too_little(constraint: Constraint, sound: PassingEvidence) -> Iterator[Case]:
    metric, name = sound.metrics[constraint.metric], constraint.metric
    if isinstance(constraint.min_n, int):
        few = {**metric, "n": constraint.min_n - 1}
        uncounted = {key: value for key, value in metric.items() if key != "n"}
        yield sound.case(f"{constraint.min_n - 1} samples", {name: few})
        yield sound.case("uncounted samples", {name: uncounted})
    if constraint.compare == "ci" and isinstance(constraint.limit, int | float):
        wide = {**metric, "ci": [constraint.limit - 1, constraint.limit + 1]}
        none = {key: value for key, value in metric.items() if key != "ci"}
        yield sound.case("a confidence interval across the limit", {name: wide})
        yield sound.case("no confidence interval", {name: none})
    if constraint.kind == "baseline":
        none = {key: value for key, value in metric.items() if key != "baseline"}
        yield sound.case("no baseline", {name: none})


def _other_kinds(constraint: Constraint) -> tuple[Json, ...]:
    match constraint.row["type"]:
        case "boolean":
            return (0, 1, "true", "false")
        case "series":
            return (0, [0], ["0", "0"], [None, None], True)
        case "string":
            return (0, True, "")
        case _:
            return (True, False, [0, 0])


def _in_input(what: str, name: str, members: Mapping[str, Json], sound: PassingEvidence) -> Case:
    """The change made in the Input itself, as if no reader had refused it."""

    def changed(document: Json) -> Mapping[str, Json]:
        metrics = document["metrics"]
        return {"metrics": {**metrics, name: {**metrics[name], **members}}}

    return replace(sound.case(what), members=changed)


def _bad_attestations(constraint: Constraint, sound: PassingEvidence) -> Iterator[Case]:
    mine = _attestation(constraint)
    rest = [other for other in sound.attestations if other["type"] != mine["type"]]
    changes: list[tuple[str, dict[str, Json]]] = [
        ("an attestation by a key without the role", {"role": "none"}),
        ("an attestation by the own key", {"self": True}),
        ("an attestation of a gate that said BLOCK", {"verdict": "BLOCK"}),
        ("an attestation of a gate that said HOLD", {"verdict": "HOLD"}),
        ("an attestation that has expired", {"remaining_s": 0}),
        ("an attestation of the future", {"age_s": -1}),
        ("an attestation of another artifact", {"subject_sha256": "ab" * 32}),
        ("an attestation of another kind", {"type": attestation_types("another.attestation")[0]}),
        ("an attestation that was weakened unnamed", {"relaxations": ["policies_overridden"]}),
    ]
    if isinstance(constraint.max_age_s, int):
        changes.append(("an attestation that is too old", {"age_s": constraint.max_age_s + 1}))
    for what, change in changes:
        yield Case(what, sound.text(), [*rest, {**mine, **change}])
    yield Case("no attestation", sound.text(), rest)


def bad_texts(sound: PassingEvidence, *, requires_digest: bool) -> Iterator[Case]:
    """Yield metrics files that are bad as a whole."""
    document = sound.document()
    whole = json.dumps(document)
    for claim in ("gate", "profile", "stage"):
        text = json.dumps({**document, claim: "another"})
        yield Case(f"a {claim} other than the caller's", text.encode(), sound.attestations)
    unknown = json.dumps({**document, "metrics": {**document["metrics"], "selftest.typo": 1}})
    undated = json.dumps({key: value for key, value in document.items() if key != "observed_at"})
    for what, text in (
        ("NaN for a number", whole.replace('"x.selftest": 1', '"x.selftest": NaN')),
        ("Infinity for a number", whole.replace('"x.selftest": 1', '"x.selftest": 1e999')),
        ("a key that is there twice", whole.replace("{", '{"observed_at": "x", ', 1)),
        ("a metric that is there twice", whole.replace('"x.selftest"', '"x.selftest": 1, ' * 2, 1)),
        ("an unknown metric", unknown),
        ("no time of observation", undated),
        ("a document that is cut off", whole[: len(whole) // 2]),
        ("nothing at all", ""),
        ("null", "null"),
    ):
        yield Case(what, text.encode(), sound.attestations)
    if requires_digest:
        nameless = {**document, "subject": {"name": "selftest"}}
        yield Case("a subject without digest", json.dumps(nameless).encode(), sound.attestations)
