"""Who measured, by ``spec/predicate-v2.md`` section 8 alone; the second verifier's part of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tests.independent.public_formats import (
    SPKI,
    conforms,
    instant,
    is_number,
    jcs,
    must,
    public_key_in,
    read_json,
    same,
    seconds_between,
    sha256,
    statement_of,
)

EVIDENCE = "urn:governance-engine:evidence:v1"
MOST = 2**20
Json = dict[str, Any]


class Envelope(NamedTuple):
    """A measurement that a key signed."""

    key_id: str
    signed_at: str
    document: Json
    digest: str


def is_unsigned(check: Json, status: str, metrics: Json) -> bool:
    """Whether too few keys of its role signed what a check rests on."""
    if status == "off" or not {"signed_by", "producers"} & check.keys():
        return False
    needed, role = check.get("producers", 1), check.get("signed_by", "producer")
    signers = check.get("signers")
    if status == "exempt":
        signers = metrics.get(check["unless"], {}).get("signers")
    if not isinstance(needed, int) or isinstance(needed, bool) or needed < 1:
        return True
    rows = [row for row in signers if isinstance(row, dict)] if isinstance(signers, list) else []
    roles = [(row.get("key_id"), row.get("roles")) for row in rows]
    speakers = {key for key, named in roles if isinstance(key, str) and
                isinstance(named, list) and role in named}  # fmt: skip
    return len(speakers) < needed


def opened(entry: bytes) -> Envelope:
    """An envelope that the key which it names signed."""
    claimed, _ = statement_of(entry, [], MOST)
    must(claimed["predicateType"] == EVIDENCE, "no signed evidence")
    conforms(claimed, "evidence")
    key = public_key_in(claimed["predicate"]["public_key"])
    statement, signers = statement_of(entry, [key], MOST)
    must(signers, "not signed by the key that it names")
    predicate = statement["predicate"]
    document = predicate["document"]
    subject = document["subject"]
    notes = {"version": subject["version"]} if "version" in subject else {}
    digest = subject.get("digest")
    if digest is None:
        notes |= {"digest_of": "document"}
        digest = {"sha256": sha256(jcs(document)).hex()}
    about = {"name": subject["name"], "digest": digest}
    about |= {"annotations": notes} if notes else {}
    must(same(statement["subject"], [about]), "about another subject than its document")
    instant(predicate["signed_at"])
    must(isinstance(document["metrics"], dict), "metrics are an object")
    key_id = sha256(SPKI, key).hex()
    return Envelope(key_id, predicate["signed_at"], document, sha256(entry).hex())


def stated(envelope: Envelope, name: str) -> Json:
    """A metric as an envelope states it."""
    given = envelope.document["metrics"][name]
    metric = dict(given) if isinstance(given, dict) else {"value": given}
    metric.setdefault("observed_at", envelope.document["observed_at"])
    metric.setdefault("status", "undefined" if metric.get("value") is None else "ok")
    return metric


def roles_of(trust: Any, key_id: str, name: str, signed_at: str, decided_at: str) -> list[str]:
    """The roles in which a key may speak for a metric."""
    rows = trust.get("keys") if isinstance(trust, dict) else None
    found: set[str] = set()
    for row in rows if isinstance(rows, list) else []:
        if not isinstance(row, dict) or row.get("key_id") != key_id:
            continue
        patterns, roles = row.get("metrics", ["*"]), row.get("roles")
        if not (isinstance(patterns, list) and isinstance(roles, list)):
            continue
        texts = [pattern for pattern in patterns if isinstance(pattern, str)]
        speaks = any(
            text in (name, "*") or (text.endswith(".*") and name.startswith(text[:-1]))
            for text in texts
        )
        try:
            begun = "not_before" not in row or instant(row["not_before"]) <= instant(signed_at)
            over = "not_after" in row and instant(row["not_after"]) <= instant(decided_at)
        except ValueError:
            continue
        if speaks and begun and not over:
            found |= {role for role in roles if isinstance(role, str)}
    return sorted(found - {"attestor", "policy", "none"})


def evidence_holds(
    predicate: Json,
    document: Json,
    attachments: Mapping[str, bytes],
    trust: Any,
    *,
    has_policy: bool,
) -> None:
    """Section 8, line by line."""
    rows, metrics = predicate.get("signed_evidence"), document["metrics"]
    must(("evidence" in attachments) == (rows is not None), "not its signed evidence")
    if rows is None:
        must(not any("signers" in metric for metric in metrics.values()), "signers of nothing")
        return
    order = [(row["key_id"], row["signed_at"], row["envelope"]["sha256"]) for row in rows]
    must(order == sorted(set(order)), "the rows are not sorted, or a row is there twice")
    values = read_json(attachments["evidence"], 16 * (MOST + 1) + 1)
    must(isinstance(values, list) and len(values) == len(rows), "another number of envelopes")
    envelopes = [opened(jcs(value)) for value in values]
    found = [(envelope.key_id, envelope.signed_at, envelope.digest) for envelope in envelopes]
    must(order == found, "a row says otherwise than its envelope")
    start = predicate["decided_at"]
    for envelope in envelopes:
        must(same(envelope.document["subject"], document["subject"]), "about another subject")
        must(seconds_between(envelope.signed_at, start) >= -300, "signed in the future")
    for check in predicate["checks"]:
        keys = [signer["key_id"] for signer in check.get("signers", [])]
        must(set(keys) <= {envelope.key_id for envelope in envelopes}, "a signer of nothing")
    names = {name for envelope in envelopes for name in envelope.document["metrics"]}
    for name in metrics.keys() | names:
        by = [envelope for envelope in envelopes if name in envelope.document["metrics"]]
        metric_holds(name, metrics.get(name), by)
        signers_hold(name, metrics.get(name, {}), by, start, trust, has_policy=has_policy)


def metric_holds(name: str, metric: Any, by: Sequence[Envelope]) -> None:
    """A metric is in the Input as its envelopes state it, the earliest observation of it."""
    if not by:
        return
    must(metric is not None, "a signed metric is not in the Input")
    if "signers" not in metric and name.startswith("budget."):
        return
    versions = [stated(envelope, name) for envelope in by]
    for version in versions:
        for key in ("value", "n", "baseline"):
            must(same(metric.get(key), version.get(key)), f"another {key} than was signed")
        must(metric.get("status") in (version["status"], "invalid_input"), "another status")
        ci, value = version.get("ci"), version.get("value")
        wider = None
        if isinstance(ci, list) and len(ci) == 2 and all(map(is_number, [*ci, value])):
            wider = [min(ci[0], value), max(ci[1], value)]
        must(same(metric.get("ci"), ci) or (wider and same(metric["ci"], wider)), "another ci")
    times = [instant(version["observed_at"]) for version in versions]
    must(instant(metric.get("observed_at")) == min(times), "observed at another time")
    ways = [version.get("computed") for version in versions]
    must(any(same(metric.get("computed"), way) for way in ways), "computed otherwise")


def signers_hold(
    name: str, metric: Json, by: Sequence[Envelope], start: str, trust: Any, *, has_policy: bool
) -> None:
    """A metric names all who signed it and nobody else, each in its roles."""
    if "signers" not in metric:
        must(not by or name.startswith("budget."), "a signed metric that names nobody")
        return
    first: dict[str, str] = {}
    for envelope in by:
        before = first.get(envelope.key_id, envelope.signed_at)
        first[envelope.key_id] = min(before, envelope.signed_at, key=instant)
    must(first and len(metric["signers"]) == len(first), "other signers than signed")
    for signer, key_id in zip(metric["signers"], sorted(first), strict=True):
        roles = roles_of(trust, key_id, name, first[key_id], start)
        expected: Json = {"key_id": key_id, "signed_at": first[key_id]}
        expected |= {"roles": roles if has_policy else signer["roles"]}
        must(same(signer, expected), "another signer than signed")
