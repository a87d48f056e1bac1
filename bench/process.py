"""One run of one program, measured from outside of it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError

_STOPWATCH = Path(__file__).with_name("stopwatch.py")


@dataclass(frozen=True, slots=True)
class Run:
    """What one run took, from start to end of the process.

    Attributes:
        wall_s: On the wall.
        cpu_s: On all processors, user and system, children included.
        peak_bytes: Most memory resident at once.
        output: What it wrote to standard output.
    """

    wall_s: float
    cpu_s: float
    peak_bytes: int
    output: bytes


def measure(
    command: Sequence[str | Path],
    *,
    cwd: Path,
    environ: Mapping[str, str],
    scratch: Path,
    codes: Collection[int] = (0,),
) -> Run:
    """Run ``command`` and return what it took.

    Args:
        command: Absolute path of a program, and its arguments.
        cwd: Where it runs.
        environ: All that it sees of the environment.
        scratch: Folder for its output, on disk.
        codes: Exit codes that are answers.

    Raises:
        BenchError: Another exit code; tells what the program said.
    """
    stdout, stderr = scratch / "stdout", scratch / "stderr"
    done = subprocess.run(
        [sys.executable, "-I", "-S", _STOPWATCH, stdout, stderr, *command],
        cwd=cwd,
        env=dict(environ),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise BenchError(f"{command[0]} could not be started: {done.stderr.strip()}")
    wall_ns, cpu_ns, peak_bytes, code = map(int, done.stdout.split())
    if code not in codes:
        message = stderr.read_text(errors="replace")[-2000:]
        raise BenchError(f"{' '.join(map(str, command))}: exit code {code}\n{message}")
    return Run(wall_ns / 1e9, cpu_ns / 1e9, peak_bytes, stdout.read_bytes())
