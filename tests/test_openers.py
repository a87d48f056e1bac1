"""INV-INPUT-8: who reads a file otherwise than through ``engine.system.reading``, and why."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator

from tests.repository import ROOT

READER = "engine/system/reading.py"
OPENERS = frozenset(("open", "os.open", "io.open", "gzip.open", "shutil.copyfile", "shutil.copy"))
CANDIDATE = re.compile(r"\b(open|read_text|read_bytes|copyfile|copy)\(")

SHIPPED = "what the package ships"
OWN = "what the engine has just written, in a folder of its own"
WRITES = "opens what it makes itself, to write"
APART = {
    "engine/cli/console/streams.py": (2, "the null device, where a standard stream is closed"),
    "engine/cli/example.py": (1, SHIPPED),
    "engine/cli/explain/error_texts.py": (1, SHIPPED),
    "engine/cli/redact.py": (2, OWN),
    "engine/cli/starter_files.py": (3, SHIPPED),
    "engine/ledger/commit/signed_heads.py": (1, WRITES),
    "engine/ledger/sqlite/file.py": (1, "a ledger: whatever its size, after SQLite opened it"),
    "engine/system/locking.py": (2, "a lock: nothing is read of it"),
    "engine/ledger/sqlite/wal.py": (1, "a ledger's log: single headers, under its lock"),
    "engine/policy/build.py": (1, OWN),
    "engine/policy/bundle.py": (1, SHIPPED),
    "engine/policy/evaluators/module_cache.py": (5, "native code: nobody else's, and no link"),
    "engine/signers/file.py": (1, WRITES),
    "engine/specs/checking.py": (1, OWN),
    "engine/specs/conform/graph.py": (1, "bytes that were read already"),
    "engine/system/files.py": (5, "outputs; and the first bytes of a regular file in their place"),
}
"""Module, how many calls it has, and why they are no reading of what somebody names."""


def _opened(source: str) -> Iterator[str]:
    """Yield each call in ``source`` that opens a file."""
    if not CANDIDATE.search(source):
        return
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=function) if (name := ast.unparse(function)) in OPENERS:
                yield name
            case ast.Call(func=ast.Attribute(attr="read_text" | "read_bytes" as name)):
                yield name
            case ast.Call(func=ast.Attribute(attr="open"), args=[ast.Constant(value=str()), *_]):
                yield "Path.open"


def test_every_other_opener_is_listed() -> None:
    modules = {str(path.relative_to(ROOT)): path for path in (ROOT / "engine").rglob("*.py")}
    found = Counter(
        {
            name: len(list(_opened(path.read_text())))
            for name, path in modules.items()
            if name != READER and not name.startswith("engine/_data/")
        }
    )
    assert +found == {name: count for name, (count, _) in APART.items()}
