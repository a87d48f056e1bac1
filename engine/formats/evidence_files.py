"""Words for what a record says of its evidence: the folders it was found in, and who signed it."""

from __future__ import annotations

from collections.abc import Sequence

from engine.model import Json

_SHOWN = 3
_LEFT_OUT_BECAUSE = {
    "entered": "the same folder once more",
    "hidden": "hidden",
    "suffix": "another suffix",
}


def evidence_files_line(found: Json) -> str:
    """Return how many files were looked at, and the first of what was left out, with reasons.

    Args:
        found: ``evidence_files`` of a record.
    """
    files, file = found["files"], found.get("file")
    which = "" if file is None or files == 1 else f", of which this is number {file:,}"
    count, first = found["left_out"]["count"], found["left_out"]["first"]
    names = [f"{row['name']} ({_LEFT_OUT_BECAUSE[row['reason']]})" for row in first[:_SHOWN]]
    more = ["…"] if count > len(names) else []
    left_out = f"{count:,} left out: {', '.join(names + more)}" if count else "nothing left out"
    return f"{files:,} {'file' if files == 1 else 'files'}{which}; {left_out}"


def signed_evidence_line(rows: Sequence[Json]) -> str:
    """Return which keys signed the evidence, and when.

    Args:
        rows: ``signed_evidence`` of a record.
    """
    return ", ".join(f"key {row['key_id'][:16]}… at {row['signed_at']}" for row in rows)
