"""Evidence for a selftest: what passes every check, and what is one step from it. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from engine.formats.times import write_time
from engine.model import Json
from engine.proof.attestation_rules import ATTESTOR, attestation_type
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
        kind: As the manifest says.
        severity: ``block`` or ``warn``.
        operator: The way that the catalogue's direction gives.
        written: The operator that the rule has.
        limit: Limit.
        row: Row of the catalogue.
        max_age_s: Oldest evidence in seconds, if it says.
        min_n: Fewest samples, if it says.
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
        """The same, whatever the catalogue says about its direction."""
        return replace(self, operator=self.written)

    @property
    def can_fail(self) -> bool:
        """Whether a value could be past its limit at all."""
        return self.kind not in ("attestation", "baseline")

    def passes(self, value: Json) -> bool:
        """Whether ``value`` meets the limit; age and samples left aside."""
        limit = value if self.kind == "baseline" else self.limit
        told = {"kind": self.kind, "operator": self.operator, "observed": value, "limit": limit}
        fresh = {"metric_status": "ok", "age_s": 0, "max_age_s": 1}
        return recompute_status({**told, **fresh}) == "pass"

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
class BadDocument:
    """A document that no gate may let through.

    Attributes:
        what: What is bad about it, in words.
        text: The metrics file.
        attestations: Attestations that come with it.
        members: Returns members of the Input to be replaced; None leaves it as gathered.
        is_past: Whether the value is past the limit, and nothing else is wrong.
    """

    what: str
    text: bytes = field(repr=False)
    attestations: Json = None
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
        return [each for each in self.constraints if each.severity == "block"]

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

    def without(self, metric: str) -> bytes:
        """The metrics file without one metric."""
        return self.text({metric: None})

    def at_age(self, metric: str, age_s: int) -> bytes:
        """The metrics file with one metric of another age."""
        observed = write_time(self.now - timedelta(seconds=age_s))
        return self.text({metric: {**self.metrics[metric], "observed_at": observed}})


def sound_evidence(constraints: Sequence[Constraint], now: datetime) -> PassingEvidence:
    """Return evidence that meets every one of ``constraints``, or why there is none."""
    metrics: dict[str, dict[str, Json]] = {}
    attestations: list[Json] = []
    impossible = "" if any(each.severity == "block" for each in constraints) else _NOTHING
    for constraint in constraints:
        if constraint.kind == "attestation":
            attestations.append(_attestation(constraint))
        elif constraint.metric not in metrics:
            same = [each for each in constraints if each.metric == constraint.metric]
            value = _meeting(same)
            if value is None:
                names = ", ".join(each.id for each in same)
                impossible = impossible or f"no value of {constraint.metric} passes {names}"
            else:
                metrics[constraint.metric] = _long_form(value, constraint.row)
    return PassingEvidence(now, constraints, metrics, attestations, impossible)


_NOTHING = "no check blocks under this profile, and a gate that asks nothing lets nothing through"


def _attestation(constraint: Constraint) -> dict[str, Json]:
    return {
        "type": attestation_type(constraint.metric),
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
    every = (value for each in constraints for value in each.candidates())
    return next((value for value in every if all(each.passes(value) for each in constraints)), None)


def _long_form(value: Json, row: Mapping[str, Json]) -> dict[str, Json]:
    metric: dict[str, Any] = {"value": value, "n": _MANY}
    if row["type"] in ("number", "integer"):
        metric |= {"ci": [value, value], "baseline": value}
    return metric


def only_past(constraint: Constraint, sound: PassingEvidence) -> BadDocument | None:
    """Evidence past this limit, and past no other if that can be; None where there is none."""
    if constraint.kind == "baseline":
        metric = sound.metrics[constraint.metric]
        worse = {**metric, "baseline": metric["value"] + 1}
        text = sound.text({constraint.metric: worse})
        return BadDocument("below its baseline", text, sound.attestations, is_past=True)
    if not constraint.can_fail:
        return None
    past = [value for value in constraint.candidates() if not constraint.passes(value)]
    others = [
        each
        for each in sound.blocking
        if each.metric == constraint.metric and each.id != constraint.id
    ]
    alone = (value for value in past if all(each.passes(value) for each in others))
    if not past:
        return None
    value = next(alone, past[0])
    return BadDocument(
        f"past the limit: {json.dumps(value)}",
        sound.text({constraint.metric: _long_form(value, constraint.row)}),
        sound.attestations,
        is_past=True,
    )


def bad_documents(constraint: Constraint, sound: PassingEvidence) -> Iterator[BadDocument]:
    """Yield what must not get through because of this one check."""
    if constraint.kind == "attestation":
        yield from _bad_attestations(constraint, sound)
        return
    if past := only_past(constraint, sound):
        yield past
    metric, name = sound.metrics[constraint.metric], constraint.metric
    for what, text in (
        ("missing", sound.without(name)),
        ("in the future", sound.at_age(name, -301)),
        *(
            (f"status {status}", sound.text({name: {**metric, "status": status}}))
            for status in ("invalid_input", "undefined", "insufficient_data")
        ),
    ):
        yield BadDocument(what, text, sound.attestations)
    if isinstance(constraint.max_age_s, int):
        for age_s in (constraint.max_age_s + 1, constraint.max_age_s * 100):
            yield BadDocument(f"{age_s} s old", sound.at_age(name, age_s), sound.attestations)
    yield from _too_little(constraint, sound)
    for value in (*_ODD_VALUES, *_other_kinds(constraint)):
        shown = json.dumps(value)
        odd = {**metric, "value": value}
        yield BadDocument(f"the value {shown}", sound.text({name: odd}), sound.attestations)
        yield _in_input(f"the value {shown}, unseen by the reader", name, {"value": value}, sound)
    for member in ("age_s", "status"):
        for value in (None, "", "0", True):
            what = f"{member} {json.dumps(value)}, unseen by the reader"
            yield _in_input(what, name, {member: value}, sound)


def _too_little(constraint: Constraint, sound: PassingEvidence) -> Iterator[BadDocument]:
    metric, name = sound.metrics[constraint.metric], constraint.metric
    if isinstance(constraint.min_n, int):
        few = {**metric, "n": constraint.min_n - 1}
        uncounted = {key: value for key, value in metric.items() if key != "n"}
        yield BadDocument(
            f"{constraint.min_n - 1} samples", sound.text({name: few}), sound.attestations
        )
        yield BadDocument("uncounted samples", sound.text({name: uncounted}), sound.attestations)
    if constraint.compare == "ci" and isinstance(constraint.limit, int | float):
        wide = {**metric, "ci": [constraint.limit - 1, constraint.limit + 1]}
        none = {key: value for key, value in metric.items() if key != "ci"}
        across = "a confidence interval across the limit"
        yield BadDocument(across, sound.text({name: wide}), sound.attestations)
        yield BadDocument("no confidence interval", sound.text({name: none}), sound.attestations)
    if constraint.kind == "baseline":
        none = {key: value for key, value in metric.items() if key != "baseline"}
        yield BadDocument("no baseline", sound.text({name: none}), sound.attestations)


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


def _in_input(
    what: str, name: str, members: Mapping[str, Json], sound: PassingEvidence
) -> BadDocument:
    """The change made in the Input itself, as if no reader had refused it."""

    def changed(document: Json) -> Mapping[str, Json]:
        metrics = document["metrics"]
        return {"metrics": {**metrics, name: {**metrics[name], **members}}}

    return BadDocument(what, sound.text(), sound.attestations, changed)


def _bad_attestations(constraint: Constraint, sound: PassingEvidence) -> Iterator[BadDocument]:
    mine = _attestation(constraint)
    rest = [each for each in sound.attestations if each["type"] != mine["type"]]
    changes: list[tuple[str, dict[str, Json]]] = [
        ("an attestation by a key without the role", {"role": "none"}),
        ("an attestation by the own key", {"self": True}),
        ("an attestation of a gate that said BLOCK", {"verdict": "BLOCK"}),
        ("an attestation of a gate that said HOLD", {"verdict": "HOLD"}),
        ("an attestation that has expired", {"remaining_s": 0}),
        ("an attestation of the future", {"age_s": -1}),
        ("an attestation of another artifact", {"subject_sha256": "ab" * 32}),
        ("an attestation of another kind", {"type": attestation_type("another.attestation")}),
        ("an attestation that was weakened unnamed", {"relaxations": ["policies_overridden"]}),
    ]
    if isinstance(constraint.max_age_s, int):
        changes.append(("an attestation that is too old", {"age_s": constraint.max_age_s + 1}))
    for what, change in changes:
        yield BadDocument(what, sound.text(), [*rest, {**mine, **change}])
    yield BadDocument("no attestation", sound.text(), rest)


def bad_texts(sound: PassingEvidence, *, requires_digest: bool) -> Iterator[BadDocument]:
    """Yield metrics files that are bad as a whole."""
    document = sound.document()
    whole = json.dumps(document)
    for claim in ("gate", "profile", "stage"):
        text = json.dumps({**document, claim: "another"})
        yield BadDocument(f"a {claim} other than the caller's", text.encode(), sound.attestations)
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
        yield BadDocument(what, text.encode(), sound.attestations)
    if requires_digest:
        nameless = {**document, "subject": {"name": "selftest"}}
        yield BadDocument(
            "a subject without digest", json.dumps(nameless).encode(), sound.attestations
        )
