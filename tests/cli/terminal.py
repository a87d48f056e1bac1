"""A real terminal, at which somebody types answers."""

from __future__ import annotations

import io
import os
import pty
import select
import subprocess
import sys
from pathlib import Path


def at_a_terminal(cwd: Path, answers: list[str], *argv: str) -> tuple[int, str, str]:
    """Type ``answers`` at a real terminal, each once a question is asked; return what was seen."""
    leader, follower = pty.openpty()
    environ = {"PATH": os.environ["PATH"], "HOME": str(cwd), "TERM": "dumb", "COLUMNS": "200"}
    process = subprocess.Popen(
        [sys.executable, "-m", "engine", *argv],
        cwd=cwd, env=environ, stdin=follower, stderr=follower, stdout=subprocess.PIPE,
    )  # fmt: skip
    os.close(follower)
    seen = io.StringIO()
    for answer in [*answers, ""]:
        while not seen.getvalue().endswith(": "):
            ready, _, _ = select.select([leader], [], [], 30)
            try:
                piece = os.read(leader, 4096) if ready else b""
            except OSError:  # the terminal's other end is closed
                piece = b""
            if not piece:
                break
            seen.write(piece.decode())
        else:
            os.write(leader, f"{answer}\n".encode())
            seen.write("\n")
    os.close(leader)  # whoever still reads from it is told that the terminal is gone
    with process:
        out, _ = process.communicate(timeout=60)
    return process.returncode, seen.getvalue(), out.decode()
