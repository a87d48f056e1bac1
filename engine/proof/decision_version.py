"""Which version of the predicate a decision is written as, and what version 2 holds.

What makes a record needs no more than this; :mod:`engine.proof.decision_predicate` reads one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.model import Json

OPTIONAL_OF_V2 = ("evidence_files", "policy_changes", "policy_approvals", "signed_evidence")
"""Members that version 1 does not have."""
CHECK_OF_V2 = ("signed_by", "producers", "signers")
"""Members of a check that version 1 does not have."""
RELAXATIONS_OF_V1 = frozenset(
    {"ephemeral_ledger", "input_limit_raised", "policies_overridden", "self_attested"}
)
"""Names of relaxations that version 1 may have; all others are of version 2."""
LONGEST_NAME = 128
"""Characters of a file's name, or a row's, in a record."""
MOST_LEFT_OUT = 8
"""Names in a record of what was left out of its folders."""
MOST_ROWS = 32
"""Names in a record of the rows that its policy changes."""
MAX_APPROVALS = 16
"""Approvals of its policy that a record names."""
MAX_ENVELOPES = 16
"""Envelopes of signed evidence that one decision rests on."""
INSTEAD_OF = frozenset({"policies_configured", "policies_overridden"})
"""Relaxations that are not named where a trusted key approved the policies."""
LEFT_OUT_BECAUSE = ("entered", "hidden", "suffix")
"""Why a file is left out: a folder entered already, a name that begins with a dot, its suffix."""


def recordable(name: str) -> str:
    """Return a name as a record can hold it: in UTF-8, and at most :data:`LONGEST_NAME` long."""
    text = name.encode(errors="backslashreplace").decode()
    return text if len(text) <= LONGEST_NAME else f"{text[: LONGEST_NAME - 1]}…"


def version_of(types: Sequence[str], predicate: Mapping[str, Json]) -> str:
    """Return the type that a record is written as: version 2 only where version 1 lacks something.

    Args:
        types: One for each version, such as :data:`engine.model.DECISION_TYPES`.
        predicate: Of a decision or an attestation, whole.

    Source: spec/predicate-v2.md section 1.
    """
    first, second = types
    named = (relaxation["name"] for relaxation in predicate["relaxations"])
    attested = (row["type"] for row in predicate.get("attestations", ()))
    is_old = (
        RELAXATIONS_OF_V1.issuperset(named)
        and not any(kind.endswith(":v2") for kind in attested)
        and not any(name in predicate for name in OPTIONAL_OF_V2)
        and not _asks_for_signers(predicate["checks"])
    )
    return first if is_old else second


def _asks_for_signers(checks: Sequence[Mapping[str, Json]]) -> bool:
    for check in checks:  # noqa: SIM110  (of every decision: a generator takes three times as long)
        if "signed_by" in check or "producers" in check:
            return True
    return False
