"""Git, run without a shell, a prompt, a hook or a pager; and where its work tree begins."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from engine.system.files import real_path

TIMEOUT_S = 60.0


def run_git(
    folder: Path, environ: Mapping[str, str], *arguments: str
) -> subprocess.CompletedProcess[bytes]:
    """Run git in ``folder`` and return what it said, whatever its exit code.

    Args:
        folder: Where.
        environ: The environment; ``PATH`` and ``HOME`` are taken from it.
        arguments: Of git. Nothing that a stranger wrote stands where git would take an option.

    Raises:
        OSError: There is no git.
        subprocess.TimeoutExpired: It took longer than a minute.
    """
    kept = {key: environ[key] for key in ("PATH", "HOME") if key in environ}
    return subprocess.run(
        ["git", "-c", "core.fsmonitor=false", "--no-pager", *arguments],
        cwd=folder,
        env={
            "PATH": os.defpath,
            **kept,
            "LC_ALL": "C",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_NO_LAZY_FETCH": "1",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def repository(here: Path) -> Path | None:
    """Return the root of the git work tree that ``here`` is in; None outside of one."""
    return next((folder for folder in (here, *here.parents) if (folder / ".git").exists()), None)


def would_be_taken(path: Path, environ: Mapping[str, str]) -> Path | None:
    """Return the root of the work tree whose git would take the file ``path``.

    None where it lies in none, or is ignored. Where git cannot be answer, it would be taken.
    """
    real = real_path(path)
    root = repository(real.parent)
    if root is None:
        return None
    try:
        answer = run_git(root, environ, "check-ignore", "--quiet", "--", str(real))
    except (OSError, subprocess.TimeoutExpired):
        return root
    return None if answer.returncode == 0 else root
