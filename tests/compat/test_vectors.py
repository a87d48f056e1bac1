"""What Apicurio's registry says of pairs of schemas, and the reason where ours is another."""

from __future__ import annotations

import json

from tests.repository import ROOT
from tools.compat_vectors import Vector, answer, disagreements, vectors, without_comments

FOLDER = ROOT / "tests" / "data" / "schemas"


def found() -> list[Vector]:
    return list(vectors((FOLDER / "apicurio.json").read_text()))


def test_every_disagreement_has_a_written_reason() -> None:
    """INV-DATA-3."""
    reasons = json.loads((FOLDER / "disagreements.json").read_text())
    ours = {
        key: {"name": vector.name, "here": says}
        for key, (vector, says) in disagreements(found()).items()
    }

    assert len(found()) == 290
    assert ours == {
        key: {"name": row["name"], "here": row["here"]}
        for key, row in reasons.items()
        if key.startswith("apicurio ")
    }
    assert all(len(row["why"]) > 20 for row in reasons.values())


def test_no_pair_takes_more_than_a_share_of_the_work_there_is() -> None:
    """Counted in steps, of which two seconds have a few hundred thousand."""
    from engine.compat import compare
    from engine.compat.schemas import SchemaSet

    for vector in found():
        old, new = (SchemaSet({"s": side}, 7) for side in (vector.old, vector.new))
        compare(old, new, [("s", "s")], vector.direction)
        assert old.work.taken < 10_000, vector.name


def test_files_with_comments_are_read() -> None:
    text = '[{"a": "// no comment, ]", /* one */ "b": [1, 2,], }, // two\n]'
    assert json.loads(without_comments(text)) == [{"a": "// no comment, ]", "b": [1, 2]}]
    (one,) = vectors(
        '[{"description": "d", "original_schema": {"type": "string"},'
        ' "update_schema": {}, "compatible": true, "changes": []}, ]'
    )
    assert answer(one) == one.expected == "compatible"
