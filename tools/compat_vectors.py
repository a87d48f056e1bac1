"""Hold ``engine compat`` against the compatibility vectors of two schema registries.

    python tools/compat_vectors.py FILE…

Prints each pair that is answered otherwise, with the written reason or that there is none, and how
long the slowest pair took. Exit code 1 where a reason is missing or is there for nothing.
Confluent's files have comments and commas at the end; their schemas without ``$schema`` are of
draft 7.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from engine.compat import Direction, compare  # noqa: E402
from engine.compat.schemas import SchemaSet  # noqa: E402

REASONS = ROOT / "tests" / "data" / "schemas" / "disagreements.json"
DRAFT = 7


@dataclass(frozen=True, slots=True)
class Vector:
    """A pair of schemas and what its registry says of it.

    Attributes:
        key: Its suite, a digest of the pair, and the direction.
        name: As its suite calls it.
        old: What was.
        new: What is to be.
        direction: As ``engine compat`` calls it.
        expected: ``compatible`` or ``incompatible``.
    """

    key: str
    name: str
    old: Any
    new: Any
    direction: Direction
    expected: str


def vectors(text: str) -> Iterator[Vector]:
    """Yield the vectors of a file, in either form."""
    document = json.loads(without_comments(text))
    if isinstance(document, dict):
        for row in document["tests"]:
            says = row["compatibility"]
            for way, is_so in (("input", says != "none"), ("output", says == "both")):
                yield _vector("apicurio", row["id"], row["original"], row["updated"], way, is_so)
        return
    for row in document:
        old, new = row["original_schema"], row["update_schema"]
        yield _vector("confluent", row["description"], old, new, "input", row["compatible"])


def _vector(suite: str, name: str, old: Any, new: Any, way: Any, is_so: bool) -> Vector:
    digest = hashlib.sha256(json.dumps([old, new], sort_keys=True).encode()).hexdigest()[:16]
    expected = "compatible" if is_so else "incompatible"
    return Vector(f"{suite} {digest} {way}", name, old, new, way, expected)


_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|//[^\n]*|/\*.*?\*/|,(?=\s*[}\]])', re.DOTALL)


def without_comments(text: str) -> str:
    """Return JSON without comments and without a comma before a closing bracket."""
    bare = _TOKEN.sub(lambda found: found[0] if found[0].startswith('"') else "", text)
    return _TOKEN.sub(lambda found: found[0] if found[0].startswith('"') else "", bare)


def answer(vector: Vector) -> str:
    """Return the verdict of ``engine compat``."""
    old, new = (SchemaSet({"schema": side}, DRAFT) for side in (vector.old, vector.new))
    return compare(old, new, [("schema", "schema")], vector.direction).verdict


def disagreements(found: Sequence[Vector]) -> dict[str, tuple[Vector, str]]:
    """Return each vector that is answered otherwise, by its key, with the answer."""
    answers = ((vector, answer(vector)) for vector in found)
    return {vector.key: (vector, says) for vector, says in answers if says != vector.expected}


def main(argv: Sequence[str]) -> int:
    """Compare the files named; see the module."""
    found = [vector for name in argv for vector in vectors(Path(name).read_text())]
    reasons = json.loads(REASONS.read_text())
    slowest = 0.0
    for vector in found:
        begun = time.process_time()
        answer(vector)
        slowest = max(slowest, time.process_time() - begun)
    odd = disagreements(found)
    for key, (vector, says) in odd.items():
        why = reasons.get(key, {}).get("why", "NO REASON IS WRITTEN")
        print(f"{key} {vector.name}: {vector.expected} there, {says} here: {why}")
    keys = {vector.key for vector in found}
    idle = sorted(key for key in reasons if key in keys and key not in odd)
    print(f"{len(found)} vectors, {len(odd)} answered otherwise, slowest {slowest:.3f} s")
    for key in idle:
        print(f"{key}: a reason for nothing")
    return 1 if idle or set(odd) - set(reasons) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
