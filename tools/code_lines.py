"""Counts lines of Python code without comments, docstrings and blank lines.

``python tools/code_lines.py FOLDER…`` prints one line per folder in it and the sum. A statement of
three lines counts as three.
"""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

_NO_CODE = frozenset(
    (
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    )
)


def code_lines(text: str) -> int:
    """Return how many lines of ``text`` have code.

    Raises:
        SyntaxError: It is not Python.
    """
    lines = {
        line
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type not in _NO_CODE
        for line in range(token.start[0], token.end[0] + 1)
    }
    return len(lines - _docstring_lines(ast.parse(text)))


def _docstring_lines(tree: ast.Module) -> set[int]:
    """Lines of strings that stand alone: docstrings, those of attributes too."""
    return {
        line
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }


def main(folders: Sequence[str]) -> int:
    """Print the table; 2 without a folder."""
    if not folders:
        print(__doc__, file=sys.stderr)
        return 2
    counts: Counter[str] = Counter()
    for folder in map(Path, folders):
        for path in folder.rglob("*.py"):
            room = path.relative_to(folder).parts[0] if path.parent != folder else "."
            counts[str(folder / room)] += code_lines(path.read_text())
    for name, count in sorted(counts.items()):
        print(f"{count:>7,}  {name}")
    print(f"{counts.total():>7,}  together")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
