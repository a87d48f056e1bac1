"""What convicts a signer, by ``spec/predicate-v1.md`` section 14 alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from tests.independent.public_formats import (
    chained,
    conforms,
    must,
    read_json,
    root_from,
    sha256,
    statement_of,
    un64,
)
from tests.independent.verifier import checkpoint

DECISIONS = ("urn:governance-engine:decision:v1", "urn:governance-engine:decision:v2")
UUID7 = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"


def answer(data: bytes, keys: Sequence[bytes]) -> str:
    """What a file of section 14 shows; empty when it shows nothing."""
    try:
        file = read_json(data)
        if "records" in file:
            conforms(file, "equivocation")
            return two_decisions(file["records"], keys)
        conforms(file, "checkpoints")
        return two_checkpoints(file, keys)
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""


def two_decisions(records: Any, keys: Sequence[bytes]) -> str:
    """Section 14.1."""
    ids, payloads, signers = set(), set(), set(keys)
    for record in records:
        entry = un64(record["entry"])
        statement, made = statement_of(entry, keys)
        ledger, size, root, _ = checkpoint(record["checkpoint"], keys)
        must(statement["predicateType"] in DECISIONS, "no decision")
        must(statement["predicate"]["ledger"] == {"id": ledger}, "another ledger")
        must(record["index"] < size, "behind its checkpoint")
        if "path" in record:
            leaf = sha256(b"\0", entry)
            path = [un64(part) for part in record["path"]]
            must(root_from(leaf, record["index"], size, path) == root, "not in the tree")
        ids.add(statement["predicate"]["decision_id"])
        payloads.add(un64(read_json(entry)["payload"], url_safe=True))
        signers &= made
    (identity,) = ids
    must(re.fullmatch(UUID7, identity), "no UUIDv7")
    must(len(payloads) == 2 and signers, "one decision, or two signers")
    return "two decisions"


def two_checkpoints(file: Any, keys: Sequence[bytes]) -> str:
    """Section 14.2."""
    older, newer = (checkpoint(note, keys) for note in file["checkpoints"])
    must(older[0] == newer[0] and older[1] <= newer[1], "two ledgers, or out of order")
    alike = older[2:] == newer[2:]
    if older[1] == newer[1]:
        must(not {"tree", "chain"} & file.keys(), "nothing leads from one size to itself")
    else:
        must({"tree", "chain"} & file.keys(), "nothing is shown")
        alike = True
    if "tree" in file:
        root = un64(file["tree"]["root"])
        must(leads(older[1], newer[1], root, newer[2], file["tree"]["path"]), "no such tree")
        alike &= root == older[2]
    if "chain" in file:
        chain = bytes.fromhex(file["chain"]["chain"])
        leaves = [un64(leaf) for leaf in file["chain"]["leaves"]]
        must(len(leaves) == newer[1] - older[1], "another number of leaves")
        must(chained(chain, leaves) == newer[3], "no such chain")
        alike &= chain == older[3]
    must(any(signed_both(file["checkpoints"], key) for key in keys), "two signers")
    return "fork" if not alike else "same" if older[1] == newer[1] else "continues"


def signed_both(notes: Sequence[str], key: bytes) -> bool:
    try:
        return all(checkpoint(note, [key]) for note in notes)
    except ValueError:
        return False


def leads(old: int, new: int, old_root: bytes, new_root: bytes, path: list[str]) -> bool:
    """RFC 9162 section 2.1.4.2."""
    if old == 0:
        return not path and old_root == sha256(b"")
    hashes = [un64(part) for part in path]
    if old & (old - 1) == 0:
        hashes = [old_root, *hashes]
    here, last = old - 1, new - 1
    while here % 2:
        here, last = here // 2, last // 2
    first = second = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            return False
        if here % 2 or here == last:
            first, second = sha256(b"\1", sibling, first), sha256(b"\1", sibling, second)
            while here and not here % 2:
                here, last = here // 2, last // 2
        else:
            second = sha256(b"\1", second, sibling)
        here, last = here // 2, last // 2
    return last == 0 and (first, second) == (old_root, new_root)
