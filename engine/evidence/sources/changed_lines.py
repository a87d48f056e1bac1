"""Which lines of the working tree are not as they were at a revision of git."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from engine.errors import ConfigError
from engine.settings.table import Table
from engine.system.git import run_git

MAX_DIFF_BYTES = 256 * 1024 * 1024
_HUNK = re.compile(rb"@@ -\d+(?:,\d+)? \+(\d+)(?:,(\d+))? @@")
_DIFF = (
    *("-c", "core.quotePath=false", "-c", "diff.noprefix=false", "diff", "--unified=0"),
    *("--no-color", "--no-ext-diff", "--no-textconv", "--no-renames", "--diff-filter=d"),
    *("--src-prefix=a/", "--dst-prefix=b/", "--ignore-submodules"),
)


def changed_lines(
    folder: Path, environ: Mapping[str, str], revision: str, table: Table
) -> dict[str, list[int]]:
    """Return the numbers of added and changed lines by file, from the repository's root.

    What counts as before is where the working tree's branch left ``revision``.

    Args:
        folder: In the repository.
        environ: The environment, for ``PATH`` and ``HOME``.
        revision: A commit, a branch or a tag.
        table: What is blamed where there is no such revision; its key is ``changed_since``.

    Raises:
        ConfigError: There is no git, no such revision, or nothing in common with it.
    """

    def git(*arguments: str) -> bytes:
        try:
            done = run_git(folder, environ, *arguments)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _refused(table, f"git did not answer: {error}") from None
        if done.returncode:
            message = done.stderr.decode(errors="replace").strip().split("\n")[0]
            raise _refused(table, message or f"no revision {revision!r}")
        return done.stdout

    named = f"{revision}^{{commit}}"
    commit = git("rev-parse", "--verify", "--quiet", "--end-of-options", named).decode().strip()
    base = git("merge-base", commit, "HEAD").decode().strip()
    diff = git(*_DIFF, base, "--")
    if len(diff) > MAX_DIFF_BYTES:
        raise _refused(table, "too much has changed since")
    return _lines_of(diff)


def _lines_of(diff: bytes) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    current: list[int] = []
    left = 0  # lines of a hunk's text, which may look like anything
    for line in diff.split(b"\n"):
        if left:
            left -= not line.startswith(b"\\")
        elif line.startswith(b"+++ b/"):
            name = line[6:].rstrip(b"\t").decode(errors="surrogateescape")
            current = found.setdefault(name, [])
        elif hunk := _HUNK.match(line):
            start, count = int(hunk[1]), int(hunk[2]) if hunk[2] is not None else 1
            current += range(start, start + count)
            left = count + _removed(line)
    return found


def _removed(line: bytes) -> int:
    found = re.match(rb"@@ -\d+(?:,(\d+))? ", line)
    return int(found[1]) if found is not None and found[1] is not None else 1


def _refused(table: Table, reason: str) -> ConfigError:
    return table.refused(
        "changed_since", reason[:300], "a revision that was fetched, such as origin/main"
    )
