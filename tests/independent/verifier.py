"""A second verifier of proof bundles, written from ``spec/predicate-v*.md`` and ``schemas/`` alone.

It knows the standard library and ``cryptography``, and nothing of the engine: what it accepts and
refuses is what the text says. Numbers in comments are sections of that text. Read it as the text
is read, from :func:`verify`, which is section 13, upwards.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from tests.independent.public_formats import (
    SPKI,
    TYPES,
    chained,
    conforms,
    instant,
    is_number,
    jcs,
    made_by,
    must,
    public_key_in,
    read_json,
    root_from,
    root_of,
    same,
    seconds_between,
    sha256,
    statement_of,
    un64,
)
from tests.independent.signed_evidence import evidence_holds, is_unsigned

URN = "urn:governance-engine:"
IMPORT = f"{URN}decision-imported:v1"
DECISIONS = {f"{URN}decision:v1": "decision", f"{URN}decision:v2": "decision-v2"}
ATTESTATIONS = {
    f"{URN}ethics-attestation:v1": "ethics-attestation",
    f"{URN}ethics-attestation:v2": "ethics-attestation-v2",
}
APPROVAL = f"{URN}policy-approval:v1"
INSTEAD_OF = {"policies_configured", "policies_overridden"}
CREATIONS = {f"{URN}ledger-created:v1", f"{URN}ledger-created:v2"}
INSTANTS = (
    "imported_at",
    "decided_at",
    "issued_at",
    "failed_at",
    "requested_at",
    "created_at",
    "at",
)
COMPARISONS = {"<=": operator.le, "<": operator.lt, ">=": operator.ge, ">": operator.gt}
AGAINST = {"lower": (">=", ">"), "higher": ("<=", "<")}
ASKED = {"gate", "profile", "stage", "decided_at", "subject", "metrics", "waivers"}
Json = dict[str, Any]


class Record(NamedTuple):
    """A signed decision, or an attestation read as one (12.4)."""

    predicate: Json
    subject: Json
    kind: str
    entry: bytes
    policy_compared: bool = False
    another_policy: bool = False
    approvals: frozenset[tuple[bytes, str]] = frozenset()


class Answer(NamedTuple):
    """Whether it is genuine, why not, and the expectations that fail."""

    genuine: bool
    reason: str = ""
    unmet: frozenset[str] = frozenset()


# 2.2, 10, 11: envelope, checkpoint, bundle.


def checkpoint(note: Any, keys: Sequence[bytes]) -> tuple[str, int, bytes, bytes]:
    """Ledger, size, root and chain of a note that one of the keys signed, and none wrongly."""
    text, _, signatures = note.rpartition("\n\n")
    lines = re.fullmatch(
        r"(governance-engine/([^\n]+))\n(0|[1-9]\d{0,15})\n(\S{44})\nchain ([0-9a-f]{64})",
        text,
        re.ASCII,
    )
    must(lines and len(note) <= 131_072 and signatures.endswith("\n"), "not a checkpoint")
    must(not re.search(r"[\x00-\x09\x0b-\x1f]", note), "a control character")
    origin, ledger, size, root, chain = lines.groups() if lines else ("",) * 5
    signed, rows = False, signatures[:-1].split("\n")
    for line in rows:
        parts = re.fullmatch(r"— ([^\s+]+) (\S+)", line)
        name, blob = parts.groups() if parts else ("", "")
        raw = un64(blob)
        must(len(raw) > 4 and len(rows) <= 64, "not a signature line")
        mine = [k for k in keys if raw[:4] == sha256(origin.encode(), b"\n\x01", k)[:4]]
        if name == origin and mine:
            signed = any(made_by(key, raw[4:], f"{text}\n".encode()) for key in mine)
            must(signed, "a wrong signature of the key")
    must(signed and int(size) < 2**53, "no trusted key signed the checkpoint")
    return ledger, int(size), un64(root), bytes.fromhex(chain)


def open_bundle(bundle: Any, keys: Sequence[bytes]) -> tuple[bytes, dict[str, bytes], str]:
    """Steps 1 to 4 of 13.1: the entry, the attachments, the ledger of the checkpoint."""
    conforms(bundle, "proof")
    attachments = {row["name"]: un64(row["base64"]) for row in bundle["attachments"]}
    must(len(attachments) == len(bundle["attachments"]), "an attachment twice")
    for row in bundle["attachments"]:
        must(sha256(attachments[row["name"]]).hex() == row["sha256"], "another attachment")
    entry, index, size = un64(bundle["entry"]), bundle["index"], bundle["size"]
    ledger, signed_size, root, chain = checkpoint(bundle["checkpoint"], keys)
    must(signed_size == size and index < size, "another size")
    leaf = sha256(b"\0", entry)
    must(root_from(leaf, index, size, map(un64, bundle["path"])) == root, "another tree")
    before, after = (bytes.fromhex(bundle[f"{when}_hash"]) for when in ("previous", "current"))
    must(after == sha256(before, leaf), "current_hash does not follow")
    must(index > 0 or before == bytes(32), "the chain begins with zeros")
    following = [un64(text) for text in bundle.get("following_leaves", ())]
    if "ledger" in bundle:
        leaves = [sha256(b"\0", un64(text)) for text in bundle["ledger"]["entries"]]
        must(len(leaves) == size and root_of(leaves) == root, "not the ledger's entries")
        must(chained(bytes(32), leaves[:index]) == before, "previous_hash does not follow")
        must("following_leaves" not in bundle, "the leaves are in the ledger")
        following = leaves[index + 1 :]
    must(len(following) == size - index - 1, "leaves are missing, or too many")
    must(chained(after, following) == chain, "the chain is another")
    tail, start, end = [leaf, *following], 0, size
    for sibling in map(un64, reversed(bundle["path"])):
        middle = start + (1 << (end - start - 1).bit_length() - 1)
        if index < middle:
            covered = tail[middle - index : end - index]
            must(root_of(covered) == sibling, "the chain has other leaves than the tree")
        start, end = (start, middle) if index < middle else (middle, end)
    return entry, attachments, ledger


# 5, 6: status, verdict, reason.


def outcome(check: Json) -> str | None:  # noqa: PLR0911
    """What the comparison says; None where there is nothing to compare."""
    observed, limit, sign = check["observed"], check["limit"], check["operator"]
    if (check["kind"] == "series") != (sign == "quiet"):
        return None
    if sign == "quiet":
        if not (isinstance(observed, list) and all(map(is_number, [limit, *observed]))):
            return None
        turns = [a >= limit for a, b in pairwise(observed) if (a >= limit) == (b >= limit)]
        return "insufficient" if len(observed) < 2 else "fail" if turns[-1:] == [True] else "pass"
    kinds = ["number" if is_number(value) else type(value) for value in (observed, limit)]
    if kinds[0] != kinds[1] or kinds[1] not in ("number", bool, str):
        return None
    if sign == "==":
        return "pass" if observed == limit else "fail"
    compare = check.get("compare", "value")
    if kinds[0] != "number" or compare not in ("value", "ci"):
        return None
    ends = [observed, observed] if compare == "value" else check.get("ci")
    if not (isinstance(ends, list) and len(ends) == 2 and all(map(is_number, ends))):
        return "insufficient"
    holds = {COMPARISONS[sign](end, limit) for end in ends}
    if ends[0] > ends[1] or len(holds) == 2:
        return "insufficient"
    return "pass" if holds == {True} else "fail"


def status_of(check: Json, metrics: Json) -> str:
    """Section 5, line by line."""
    max_age_s: Any = check.get("max_age_s")
    age_s: Any = check.get("age_s")
    n, min_n = check.get("n", 0), check.get("min_n")
    switch = metrics.get(check["unless"], {}) if "unless" in check else {}
    fresh = is_number(switch.get("age_s")) and is_number(max_age_s)
    compared, state = outcome(check), check.get("metric_status")
    if check["severity"] == "off":
        status = "off"
    elif check["kind"] == "attestation":
        status = "pass" if check["observed"] is True and check["limit"] is True else "unknown"
    elif (
        switch.get("value") is True
        and switch.get("status") == "ok"
        and (fresh and -300 <= switch["age_s"] <= max_age_s)
    ):
        status = "exempt"
    elif state == "insufficient_data":
        status = "insufficient"
    elif (
        state != "ok"
        or compared is None
        or not (is_number(max_age_s) and is_number(age_s) and age_s >= -300)
    ):
        status = "unknown"
    elif age_s > max_age_s:
        status = "stale"
    elif not is_number(n) or (min_n is not None and (not is_number(min_n) or n < min_n)):
        status = "insufficient"
    else:
        status = "insufficient" if (check["kind"], compared) == ("evidence", "fail") else compared
    return "unknown" if is_unsigned(check, status, metrics) else status


def listed(names: list[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def verdict_of(predicate: Json) -> tuple[str, str]:
    """Verdict and reason."""
    blocking = [c for c in predicate["checks"] if c["severity"] not in ("warn", "off")]
    rest = [c for c in blocking if c["status"] != "fail" or c["waived_by"] is None]
    failed = [c["id"] for c in rest if c["status"] == "fail"]
    lacking = [f"{c['id']} ({c['status']})" for c in rest if c["status"] not in ("pass", "exempt")]
    refused = [row["name"] for row in predicate["relaxations"] if not row["tolerated"]]
    passed = not lacking and not refused and any(c["status"] == "pass" for c in blocking)
    back = any(c["id"] in failed and c.get("in_production") == "rollback" for c in rest)
    verdict = "PROMOTE" if passed else "HOLD"
    if failed:
        verdict = "ROLLBACK" if back and predicate["stage"] == "production" else "BLOCK"
    if predicate["verdict_rule"] == "access/v1":
        verdict = "ALLOW" if passed else "DENY"
    count, waived = len(blocking), len(blocking) - len(rest)
    reason = "no blocking check passed: nothing was evaluated"
    if failed:
        reason = f"{len(failed)} of {count} blocking checks failed: {listed(failed)}"
    elif lacking:
        names = listed(lacking)
        reason = f"not enough evidence on {len(lacking)} of {count} blocking checks: {names}"
    elif refused:
        reason = f"the profile does not tolerate: {listed(refused)}"
    elif passed:
        reason = f"{count} blocking checks passed" + (f", {waived} by waiver" if waived else "")
    return verdict, reason


# 7: waivers.


def rows_of(table: Json) -> Json:
    """A table of rows; what is no object is an empty one."""
    return {key: row if isinstance(row, dict) else {} for key, row in table.items()}


def names_subject(waiver: Json, subject: Json) -> bool:
    members = waiver["subject"].items()
    return all(key in subject and same(value, subject[key]) for key, value in members)


def remaining(waiver: Json, decided_at: str) -> Json:
    """A waiver as the Input has it: with ``remaining_s``, where that can be read."""
    bare = {key: value for key, value in waiver.items() if key != "remaining_s"}
    try:
        return bare | {"remaining_s": -seconds_between(bare.get("expires_at"), decided_at)}
    except ValueError:
        return bare


def placed(row: Json) -> tuple[str, str, bytes]:
    texts = [row[key] if isinstance(row[key], str) else "" for key in ("id", "check")]
    return (*texts, jcs(row))  # type: ignore[return-value]


def waivers_hold(predicate: Json, document: Json, unwaivable: set[str]) -> None:
    """``waived_by`` and the report follow from the Input's waivers."""
    checks = {check["id"]: check for check in predicate["checks"]}
    covering: dict[str, list[str]] = {check_id: [] for check_id in checks}
    texts = {jcs(waiver.get("id")): waiver for waiver in document["waivers"]}
    places = []
    for waiver in document["waivers"]:
        identity, check_id, named = waiver.get("id"), waiver.get("check"), waiver.get("subject")
        name = named.get("name") if isinstance(named, dict) else None
        lasts = waiver.get("remaining_s", 0) > 0
        if not all(isinstance(text, str) for text in (identity, check_id, name)):
            places.append((check_id, identity, "unscoped"))
        elif check_id in checks and names_subject(waiver, document["subject"]):
            status = "expired" if not lasts else "unwaivable" if check_id in unwaivable else "used"
            places.append((check_id, identity, status))
            covering[check_id] += [str(identity)] if status == "used" else []
    waived_by = {
        check_id: min(covering[check_id], default=None) if check["status"] == "fail" else None
        for check_id, check in checks.items()
    }
    must(all(checks[key]["waived_by"] == waived_by[key] for key in checks), "another waiver")
    report = {}
    for check_id, identity, status in places:
        if status == "used":
            status = "applied" if waived_by[check_id] == identity else "unused"  # noqa: PLW2901
        last = texts[jcs(identity)]
        row = {key: last[key] for key in ("reason", "approvers", "expires_at") if key in last}
        place = {"id": identity, "check": check_id, "status": status}
        report[placed(place)] = row | place
    must(same(predicate["waivers"], [report[place] for place in sorted(report)]), "another report")


# 8: the Input.


def input_of(record: Record, attachments: dict[str, bytes]) -> Json:
    """The attached Input, when it is the signed one and says what the record says."""
    predicate, subject = record.predicate, record.subject
    must({"salt", "input"} <= set(attachments), "salt and input are attached")
    data, salt = attachments["input"], attachments["salt"]
    digest = {"sha256": sha256(salt, data).hex()}
    must(len(salt) == 32 and same(digest, predicate["input"]["digest"]), "another Input")
    document: Json = read_json(data, 2**24)
    must(document.keys() >= ASKED | {"relaxations", "attestations"}, "a member is missing")
    must(jcs(document) == data, "an Input is in JCS form")
    about = document["subject"]
    notes = {"version": about["version"]} if "version" in about else {}
    notes |= {} if "digest" in about else {"digest_of": "input"}
    expected = {"name": about["name"], "digest": about.get("digest", digest)}
    must(same(subject, expected | ({"annotations": notes} if notes else {})), "another subject")
    predicate = predicate | {"profile": predicate["profile"]["name"]}
    predicate["relaxations"] = [row["name"] for row in predicate["relaxations"]]
    for key in ("gate", "profile", "stage", "decided_at", "relaxations", "attestations"):
        must(same(predicate[key], document[key]), f"another {key} than the Input's")
    must(document["metrics"] == rows_of(document["metrics"]), "a metric is no object")
    must(isinstance(document["waivers"], list), "waivers are in a list")
    for waiver in document["waivers"]:
        must(same(waiver, remaining(waiver, predicate["decided_at"])), "another remaining_s")
    return document


def counts(row: Json, check: Json, document: Json) -> bool:
    """Whether an attestation answers for a check (8.3)."""
    domain, max_age_s = check["metric"].partition(".")[0], check.get("max_age_s")
    names = set(document["relaxations"])
    artifact = document["subject"].get("digest", {}).get("sha256")
    return (
        row["type"] in {f"{URN}{domain}-attestation:v{version}" for version in (1, 2)}
        and (row["verdict"], row["subject_sha256"]) == ("PROMOTE", artifact)
        and row["remaining_s"] > 0
        and bool(is_number(max_age_s) and 0 <= row["age_s"] <= max_age_s)
        and ("self_attested" in names if row["self"] else row["role"] == "attestor")
        and set(row["relaxations"]) <= names
    )


def possible(check: Json, row: Json) -> bool:
    """Whether what a check compared as ``ok`` can have been measured (8.2)."""
    if check.get("metric_status") != "ok" or check["kind"] == "attestation":
        return True
    value, ci, n = check["observed"], check.get("ci"), check.get("n", 0)
    words, ends = row.get("values"), row.get("range")
    if is_number(n) and n < 0:
        return False
    if isinstance(value, str) and isinstance(words, list) and words and value not in words:
        return False
    if isinstance(ends, list) and len(ends) == 2:
        seen = [*(value if isinstance(value, list) else [value]), check.get("baseline")]
        low, high = (end if is_number(end) else None for end in ends)
        for number in filter(is_number, seen):
            if (low is not None and number < low) or (high is not None and number > high):
                return False
    if not (isinstance(ci, list) and len(ci) == 2 and all(map(is_number, ci))):
        return True
    return bool(ci[0] <= (value if is_number(value) else ci[0]) <= ci[1])


def metrics_hold(predicate: Json, metrics: Json, document: Json | None) -> None:
    """What is observed, each status, verdict and reason follow from the metrics (5, 6, 8.2)."""
    for metric in metrics.values():
        if "observed_at" in metric or "age_s" in metric:
            age_s = seconds_between(metric.get("observed_at"), predicate["decided_at"])
            must(same(metric.get("age_s"), age_s), "another age")
    for check in predicate["checks"]:
        metric = metrics.get(check["metric"], {})
        observed = metric.get("value")
        if check["kind"] == "attestation":
            rows = document["attestations"] if document else []
            observed = True if any(counts(row, check, document or {}) for row in rows) else None
        must(same(check["observed"], observed), "another observed value")
        names = ("n", "ci", "baseline", "observed_at", "age_s", "signers")
        given = {key: metric[key] for key in names if key in metric}
        given |= {"metric_status": metric["status"]} if "status" in metric else {}
        held = {key: check[key] for key in (*names, "metric_status") if key in check}
        must(same(held, given), "another metric")
        if check["kind"] == "baseline":
            must(same(check["limit"], metric.get("baseline")), "another baseline")
        must(check["status"] == status_of(check, metrics), "another status")
        must(possible(check, {}), "no such evidence")
    must((predicate["verdict"], predicate["reason"]) == verdict_of(predicate), "another verdict")


# 9: the policy.


def unpack(archive: bytes) -> dict[str, bytes]:
    """The files of a ustar archive that is written in its one form."""
    files: dict[str, bytes] = {}
    here, path = 0, rb"([A-Za-z0-9_][A-Za-z0-9_.-]*/)*[A-Za-z0-9_][A-Za-z0-9_.-]*"
    while (header := archive[here : here + 512]) != bytes(512):
        name, size = header[:100].rstrip(b"\0"), int(header[124:135], 8)
        numbers = b"0000644\0" + b"0000000\0" * 2 + b"%011o\0" % size + b"00000000000\0"
        tail = b"ustar\x0000".ljust(72, b"\0") + b"0000000\0" * 2
        form = [name.ljust(100, b"\0") + numbers, b"0".ljust(101, b"\0") + tail.ljust(255, b"\0")]
        checksum = b"%06o\0 " % (sum(form[0] + form[1]) + 8 * 32)
        must(re.fullmatch(path, name) and header == checksum.join(form), "not a plain file")
        here, end = here + 512, here + 512 + size + -size % 512
        must(name.decode() not in files and len(archive) >= end, "a file twice, or cut short")
        files[name.decode()] = archive[here : here + size]
        must(not any(archive[here + size : end]), "zeros fill the block")
        here = end
    must(archive[here:] == bytes(1024) and len(archive) <= 2**24, "two blocks of zeros end it")
    return files


def each_once(waivers: Any) -> list[Json]:
    must(isinstance(waivers, list), "waivers are in a list")
    ids = [row["id"] for row in waivers if isinstance(row.get("id"), str)]
    must(len(ids) == len(set(ids)), "the id of a waiver twice")
    return list(waivers)


def policy_holds(record: Record, archive: bytes, document: Json) -> None:
    """The record is one of this policy's (9, 7, 8.3, 12.4)."""
    predicate, files = record.predicate, unpack(archive)
    digest = sha256(files["manifest.json"]).hex()
    must(digest == predicate["policy"]["digest"]["sha256"], "another policy")
    manifest, data = read_json(files["manifest.json"]), read_json(files["data.json"])
    must(manifest["schema"] == "governance-engine/policy/v1", "another kind of manifest")
    must(manifest["files"].keys() == {"data.json", "policy.wasm"}, "other files")
    named = manifest["files"] | {f"sources/{k}": v for k, v in manifest["sources"].items()}
    must(files.keys() == named.keys() | {"manifest.json"}, "other files than the manifest names")
    must(all(sha256(files[name]).hex() == named[name] for name in named), "another file")
    gate, table = manifest["gates"][predicate["gate"]], data["limits"][predicate["profile"]["name"]]
    must(manifest["revision"] == predicate["policy"]["revision"], "another revision")
    must(gate["rule"] == predicate["verdict_rule"], "another verdict rule")
    named_subject = "digest" in document["subject"]
    must(named_subject or gate.get("requires_digest") is not True, "a gate of artifacts, and none")
    must(gate["checks"] == [check["id"] for check in predicate["checks"]], "not the gate's checks")
    must(sha256(jcs(table)).hex() == predicate["profile"]["digest"]["sha256"], "another profile")
    allowed, ttl_s, rows = table["relaxations_allowed"], table["decision_ttl_s"], table["checks"]
    must(isinstance(allowed, list), "no list of what is tolerated")
    must(TYPES["integer"](ttl_s) and 0 <= ttl_s < 2**32, "no lifetime")
    for row in predicate["relaxations"]:
        must(row["tolerated"] == (row["name"] in allowed), "another tolerance")
    of, catalogue = rows_of(rows), rows_of(data["catalogue"]["metrics"])
    for check in predicate["checks"]:
        known, row = manifest["checks"][check["id"]], of.get(check["id"], {})
        catalogued = catalogue.get(check["metric"], {})
        must(same(check.get("unit"), catalogued.get("unit")), "another unit")
        must(possible(check, catalogued), "no such evidence by the catalogue")
        against = AGAINST.get(str(catalogued.get("direction")), ())
        must(check["operator"] not in against, "an operator against the metric's direction")
        must(known.get("operator") in (None, check["operator"]), "another operator")
        for key in ("metric", "kind", "unless"):
            must(same(check.get(key), known.get(key)), f"another {key}")
        severity = row.get("severity") if row.get("severity") in ["warn", "off"] else "block"
        defaults: Json = {"limit": None, "max_age_s": None, "min_n": None, "compare": "value"}
        defaults |= {"in_production": "block", "signed_by": None, "producers": None}
        held, given = (
            {key: a.get(key, default) for key, default in defaults.items()} for a in (check, row)
        )
        held |= {"limit": given["limit"]} if check["kind"] == "baseline" else {}
        must(same(held, given) and check["severity"] == severity, "not the profile's row")
    locked = {key for key, row in of.items() if row.get("unwaivable", False) is not False}
    waivers_hold(predicate, document, locked)
    written = each_once(data["waivers"]["waivers"])
    source = [remaining(row, predicate["decided_at"]) for row in written]
    must(same(source, document["waivers"]), "other waivers than the policy's")
    lifetime = instant(predicate["valid_until"]) - instant(predicate["decided_at"])
    bounds: list[Any] = [
        of.get(key, {}).get("max_age_s")
        for key, check in rows_of(manifest["checks"]).items()
        if check.get("kind") == "attestation"
        and re.match(r"ethics(\.|$)", str(check.get("metric")))
    ]
    if record.kind in ATTESTATIONS:
        within = [
            b for b in bounds if TYPES["integer"](b) and lifetime <= b * 10**6 < 2**32 * 10**6
        ]
        must(within, "it lasts too long")
    else:
        must(lifetime == ttl_s * 10**6, "another lifetime")
    for row in predicate["attestations"]:
        trusted = any(is_attestor(known, row, predicate) for known in trusted_keys(data))
        must(row["role"] == ("attestor" if trusted else "none"), "another role")


def trusted_keys(data: Json) -> list[Json]:
    trust = data.get("trust")
    keys = trust.get("keys") if isinstance(trust, dict) else None
    return keys if isinstance(keys, list) else []


def is_attestor(known: Json, row: Json, predicate: Json) -> bool:
    if not isinstance(known, dict) or known.get("key_id") != row["key_id"]:
        return False
    try:
        begun = "not_before" not in known or (
            instant(known["not_before"]) <= instant(row["issued_at"])
        )
        over = "not_after" in known and (
            instant(known["not_after"]) <= instant(predicate["decided_at"])
        )
    except ValueError:
        return False
    roles = known.get("roles")
    return isinstance(roles, list) and "attestor" in roles and begun and not over


# 3, 8.3, 12.3, 12.4: decisions, attestations, imports.


def record_of(statement: Json, entry: bytes, ledger: str) -> Record:
    """Steps 6 and 7: a decision, or an attestation, of that ledger."""
    kind = statement["predicateType"]
    schemas = DECISIONS | ATTESTATIONS
    must(kind in schemas, "neither a decision nor an attestation")
    conforms(statement, schemas[kind])
    predicate = statement["predicate"]
    if kind in ATTESTATIONS:
        renamed = {"attestation_id": "decision_id", "issued_at": "decided_at"}
        renamed |= {"expires_at": "valid_until", "evidence": "input"}
        predicate = {renamed.get(key, key): value for key, value in predicate.items()}
        predicate["attestations"] = []
    lifetime = instant(predicate["valid_until"]) - instant(predicate["decided_at"])
    must(lifetime >= (kind in ATTESTATIONS), "it ends before it begins")
    must(predicate["ledger"]["id"] == ledger, "of another ledger than the checkpoint's")
    ids = [check["id"] for check in predicate["checks"]]
    names = [row["name"] for row in predicate["relaxations"]]
    must(ids == sorted(set(ids)) and names == sorted(set(names)), "not sorted, or one twice")
    must(all(row["check"] in ids for row in predicate["obligations"]), "no such check")
    if "evidence_files" in predicate:  # predicate-v2, 5
        found = predicate["evidence_files"]
        must(found["folders"] <= found["files"] >= found.get("file", 1), "more than the files")
        left_out = found["left_out"]
        must(len(left_out["first"]) == min(left_out["count"], 8), "others left out than named")
    if "policy_changes" in predicate:  # predicate-v2, 6
        changed = predicate["policy_changes"]
        must(changed["against"] != predicate["policy"]["digest"], "changes itself")
        must(len(changed["rows"]) == min(changed["count"], 32), "other rows than counted")
        must(changed["rows"] == sorted(changed["rows"]), "changed rows are not sorted")
    approvers = [row["key_id"] for row in predicate.get("policy_approvals", ())]  # and 7
    chosen = bool(INSTEAD_OF & set(names))
    must(not (approvers and chosen), "approved, and named as not")
    must(approvers or chosen or "policy_changes" not in predicate, "chosen, and not named")
    must(approvers == sorted(set(approvers)), "approvers not sorted, or one twice")
    if "reservation" in predicate:
        held, allowed = predicate["reservation"], predicate["verdict"] == "ALLOW"
        budgets = [charge["budget"] for charge in held["charges"]]
        must(budgets == sorted(set(budgets)) and bool(budgets) == allowed, "other charges")
        must((held["expires_at"] is not None) == allowed, "a lease is for ALLOW")
        start = predicate["decided_at"]
        must(not allowed or instant(held["expires_at"]) >= instant(start), "it expired before")
        must(set(held["opened"]) <= set(budgets), "opened is of charges")
        for charge in held["charges"]:
            limits = {unit: most for unit, most in charge["limits"].items() if most is not None}
            must(all(charge[unit] <= most for unit, most in limits.items()), "above its limit")
    return Record(predicate, statement["subject"][0], kind, entry)


def key_of(statement: Json) -> bytes:
    """The key that an attestation, or an approval, names."""
    conforms(statement, {**ATTESTATIONS, APPROVAL: "policy-approval"}[statement["predicateType"]])
    return public_key_in(statement["predicate"]["public_key"])


def attestations_hold(record: Record, attachments: dict[str, bytes]) -> None:
    """Each row follows from its attestation and from this decision (8.3)."""
    rows, start = record.predicate["attestations"], record.predicate["decided_at"]
    must(("attestations" in attachments) == bool(rows), "not its attestations")
    bundles = read_json(attachments.get("attestations", b"[]"), 16 * (2**20 + 1) + 1)
    for bundle, row in zip(bundles, rows, strict=True):
        must(not bundle["attachments"], "an attestation in a decision has no attachments")
        key = key_of(statement_of(un64(bundle["entry"]), [])[0])
        entry, _, ledger = open_bundle(bundle, [key])
        statement, signers = statement_of(entry, [key])
        must(signers, "not signed by the key that it names")
        attested = record_of(statement, entry, ledger)
        theirs = attested.predicate
        entries_before_hold(
            theirs, bundle.get("ledger", {"entries": []})["entries"], bundle["index"]
        )
        metrics_hold(theirs, theirs["metrics"], None)
        expected = {"id": theirs["decision_id"], "type": attested.kind, "ledger_id": ledger}
        expected |= {"subject_sha256": attested.subject["digest"]["sha256"]}
        expected |= {"issued_at": theirs["decided_at"], "expires_at": theirs["valid_until"]}
        expected |= {"verdict": theirs["verdict"], "profile": theirs["profile"]["name"]}
        expected |= {"evidence_sha256": theirs["input"]["digest"]["sha256"]}
        expected |= {"policy_sha256": theirs["policy"]["digest"]["sha256"]}
        expected |= {"relaxations": [relaxation["name"] for relaxation in theirs["relaxations"]]}
        expected |= {"entry_sha256": sha256(entry).hex(), "key_id": sha256(SPKI, key).hex()}
        expected |= {"self": bool(statement_of(record.entry, [key])[1]), "role": row["role"]}
        expected |= {"age_s": seconds_between(theirs["decided_at"], start)}
        expected |= {"remaining_s": -seconds_between(theirs["valid_until"], start)}
        must(same(row, expected), "another attestation")


def approvals_hold(record: Record, attachments: dict[str, bytes]) -> frozenset[tuple[bytes, str]]:
    """Each row follows from its approval (predicate-v2, 7); who approved, and when."""
    rows = record.predicate.get("policy_approvals", [])
    start, named = record.predicate["decided_at"], record.predicate["policy"]["digest"]
    must(("approvals" in attachments) == bool(rows), "not its approvals")
    envelopes, found = read_json(attachments.get("approvals", b"[]"), 16 * 65_536 + 1), set()
    must(isinstance(envelopes, list), "not an array")
    for envelope, row in zip(envelopes, rows, strict=True):
        entry = jcs(envelope)
        claimed = statement_of(entry, [])[0]
        must(claimed["predicateType"] == APPROVAL, "no approval")
        key = key_of(claimed)
        statement, signers = statement_of(entry, [key])
        must(signers, "not signed by the key that it names")
        must(same(statement["subject"][0]["digest"], named), "of another policy")
        said = statement["predicate"]
        expected = {k: said[k] for k in ("approved_at", "expires_at") if k in said}
        expected |= {"key_id": sha256(SPKI, key).hex(), "envelope": {"sha256": sha256(entry).hex()}}
        must(same(row, expected), "another approval")
        must(seconds_between(said["approved_at"], start) >= -300, "approved in the future")
        if "expires_at" in said:
            over = instant(said["expires_at"])
            must(over > instant(start) and over > instant(said["approved_at"]), "expired")
        must(not statement_of(record.entry, [key])[1], "the signer approved it itself")
        found.add((key, said["approved_at"]))
    return frozenset(found)


def imported(statement: Json, ledger: str, keys: Sequence[bytes]) -> Record:
    """The decision of another ledger inside an entry of this one (12.3)."""
    outer = statement["predicate"]
    origin, members = outer["origin"], {"decision_id", "envelope", "origin", "imported_at"}
    must(outer.keys() == members | {"ledger"}, "not an import's members")
    must(origin.keys() == {"checkpoint", "index", "size"}, "not an origin's members")
    must(same(outer["ledger"], {"id": ledger}), "an import of another ledger")
    instant(outer["imported_at"])
    theirs, size, _, _ = checkpoint(origin["checkpoint"], keys)
    must(TYPES["integer"](origin["size"]) and TYPES["integer"](origin["index"]), "no integer")
    must(origin["size"] == size and 0 <= origin["index"] < size, "no such place")
    envelope = un64(outer["envelope"])
    inner, signers = statement_of(envelope, keys)
    must(signers and inner["predicateType"] in DECISIONS, "what is imported is a signed decision")
    must(inner["predicate"]["decision_id"] == outer["decision_id"], "another decision")
    must(same(statement["subject"], inner["subject"]), "another subject than the decision's")
    must(statement["_type"] == inner["_type"], "not an in-toto statement")
    return record_of(inner, envelope, theirs)


# 7, 10.4: the entries before a record.


def said_in(text: str) -> Json:
    """What an entry says; nothing where it is no statement."""
    try:
        statement, _ = statement_of(un64(text), [])
        read = {"predicateType", "predicate", "subject"} <= statement.keys()
        return statement if read and isinstance(statement["predicate"], dict) else {}
    except (ValueError, LookupError, TypeError, AttributeError):
        return {}


def written_at(statement: Json) -> int:
    """When an entry was written, by the first member that says it; 0 where none does."""
    for name in INSTANTS if statement else ():
        try:
            return instant(statement["predicate"][name])
        except (ValueError, LookupError, TypeError):
            continue
    return 0


def entries_before_hold(predicate: Json, entries: Sequence[str], index: int) -> None:
    """A run's ledger is named, and no waiver that had expired covers a failure."""
    begun = said_in(entries[0]) if entries else {}
    is_of_run = begun.get("predicateType") in CREATIONS and "run" in begun["predicate"]
    names = {row["name"] for row in predicate["relaxations"]}
    must(not is_of_run or "ephemeral_ledger" in names, "a ledger of one run, and not named")
    applied = [row for row in predicate["waivers"] if row["status"] == "applied"]
    made = (719_162 * 86_400_000 + int(predicate["decision_id"].replace("-", "")[:12], 16)) * 1000
    earlier = [written_at(said_in(text)) for text in entries[:index]] if applied else []
    for row in applied:
        over = instant(row["expires_at"]) + 300 * 10**6
        must(max([made, *earlier]) < over, "a waiver had expired before")


# 13: verification.


def genuine(data: bytes, keys: Sequence[bytes], own_policy: bytes | None) -> Record:
    """Section 13.1."""
    bundle = read_json(data)
    claimed, _ = statement_of(un64(bundle["entry"]), [])
    if claimed["predicateType"] in ATTESTATIONS:
        keys = [key for key in keys if key == key_of(claimed)]
    entry, attachments, ledger = open_bundle(bundle, keys)
    statement, signers = statement_of(entry, keys)
    must(signers, "no trusted key signed the entry")
    if statement["predicateType"] == IMPORT:
        record = imported(statement, ledger, keys)
    else:
        record = record_of(statement, entry, ledger)
    is_import = statement["predicateType"] == IMPORT
    entries = [] if is_import else bundle.get("ledger", {"entries": []})["entries"]
    entries_before_hold(record.predicate, entries, bundle["index"])
    predicate, document = record.predicate, input_of(record, attachments)
    metrics = document["metrics"]
    must(same(metrics, predicate.get("metrics", metrics)), "other metrics than the Input's")
    metrics_hold(predicate, metrics, document)
    unwaivable = {row["check"] for row in predicate["waivers"] if row["status"] == "unwaivable"}
    waivers_hold(predicate, document, unwaivable)
    named, other = predicate["policy"]["digest"]["sha256"], False
    archives = [attachments["policy"]] if "policy" in attachments else []
    if own_policy is not None:
        other = sha256(unpack(own_policy)["manifest.json"]).hex() != named
        archives += [] if other else [own_policy]
    for archive in archives:
        policy_holds(record, archive, document)
    attestations_hold(record, attachments)
    trust = read_json(unpack(archives[0])["data.json"]).get("trust") if archives else None
    evidence_holds(predicate, document, attachments, trust, has_policy=bool(archives))
    return record._replace(
        policy_compared=says_operators(archives),
        another_policy=other,
        approvals=approvals_hold(record, attachments),
    )


def says_operators(archives: Sequence[bytes]) -> bool:
    """Whether there is a policy, and its manifest names each check's operator (13.2)."""
    manifests = [read_json(unpack(archive)["manifest.json"]) for archive in archives]
    return bool(manifests) and all("operator" in row for row in manifests[0]["checks"].values())


def unmet(record: Record, want: Mapping[str, Any]) -> frozenset[str]:
    """The expectations that fail (13.2)."""
    predicate, subject, get = record.predicate, record.subject, want.get
    artifact = subject["digest"]["sha256"]
    found = {
        "require": predicate["verdict"],
        "digest": None if "digest_of" in subject.get("annotations", {}) else artifact,
        "gate": predicate["gate"],
        "profile": predicate["profile"]["name"],
        "stage": predicate["stage"],
        "decision_id": predicate["decision_id"],
        "subject": subject["name"],
        "policy_digest": predicate["policy"]["digest"]["sha256"],
    }
    default = {"gate": "promotion"} if get("require") == "PROMOTE" and not get("gate") else {}
    failing = {k for k, is_ in found.items() if {**want, **default}.get(k, is_) != is_}
    demanding = get("require") in ("PROMOTE", "ALLOW") or get("policy_digest")
    lacking = record.another_policy or (demanding and not record.policy_compared)
    failing |= {"policy"} if lacking else set()
    failing |= {"no_relaxations"} if get("no_relaxations") and predicate["relaxations"] else set()
    waived = any(check["waived_by"] is not None for check in predicate["checks"])
    failing |= {"no_waivers"} if get("no_waivers") and waived else set()
    if get("now"):
        age_s = seconds_between(predicate["decided_at"], get("now"))
        failing |= {"max_age_s"} if age_s > want.get("max_age_s", age_s) else set()
        over = instant(predicate["valid_until"]) <= instant(get("now"))
        failing |= {"now"} if age_s < -300 or over else set()
    approvers, known = get("policy_approvers"), {key for key, _ in record.approvals}
    if approvers is not None:
        failing |= set() if known & set(approvers) else {"policy_approvers"}
    elif get("no_relaxations") and known and not (get("policy_digest") or get("policy")):
        failing |= {"policy_approvers"}
    return frozenset(failing)


def verify(data: bytes, keys: Sequence[bytes], want: Mapping[str, Any]) -> Answer:
    """Whether a bundle is genuine by these raw public keys, and what of ``want`` it does not meet.

    ``want`` may have ``require``, ``digest``, ``gate``, ``profile``, ``stage``, ``subject``,
    ``decision_id``, ``policy_digest``,
    ``policy`` (an archive), ``max_age_s``, ``now`` (a time), ``no_relaxations``, ``no_waivers``,
    ``policy_approvers`` (raw public keys).
    """
    try:
        record = genuine(data, keys, want.get("policy"))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        return Answer(False, f"{type(error).__name__}: {error}")
    return Answer(True, unmet=unmet(record, want))
