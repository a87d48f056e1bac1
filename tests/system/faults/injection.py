"""One run of the command line in a fork of this process, with one of its system calls failed.

A fork has the engine imported already, so that a run costs what the verb costs. It waits until
``strace`` has attached itself, which then lets the n-th call of one name fail. A first run
without a fault tells which calls there are, and which of them are about the case's own folder.
"""

from __future__ import annotations

import ctypes
import io
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

CALLS = (
    "openat,open,creat,write,pwrite64,writev,pwritev,fsync,fdatasync,ftruncate,fallocate,"
    "rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat"
)
KINDS = ("EIO", "ENOSPC", "EINTR", "KILL")
INJECTED = "(INJECTED)"
SLOWEST_S = 120

_LINE = re.compile(r"(\d+) +(\w+)\((.*)")
_PATH = re.compile(r'"([^"]*)"')
_SET_PTRACER, _ANY = 0x59616D61, ctypes.c_ulong(-1)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended.

    Attributes:
        code: Exit code, negative where a signal ended it.
        out: Standard output.
        err: Standard error.
        calls: Lines of the trace.
    """

    code: int
    out: str = field(repr=False)
    err: str = field(repr=False)
    calls: tuple[str, ...] = field(repr=False, default=())

    @property
    def fired(self) -> bool:
        """Whether the fault met a call."""
        return self.code == -signal.SIGKILL or any(INJECTED in line for line in self.calls)


@dataclass(frozen=True, slots=True)
class Fault:
    """The ``number``-th call ``name`` of a thread fails with ``kind``.

    Attributes:
        name: Of the system call.
        number: From 1.
        kind: One of :data:`KINDS`.
        about: The call as the first run made it.
    """

    name: str
    number: int
    kind: str
    about: str = ""

    @property
    def option(self) -> str:
        """The option of strace."""
        what = "signal=KILL" if self.kind == "KILL" else f"error={self.kind}"
        return f"inject={self.name}:{what}:when={self.number}"

    def __str__(self) -> str:
        return f"{self.kind} at {self.name} #{self.number} ({self.about})"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a case runs.

    Attributes:
        folder: All that the case may change: ``work`` and ``state`` are in it, and ``stdout``.
        scratch: For the trace and standard error, which no fault meets.
        environ: The environment.
    """

    folder: Path
    scratch: Path
    environ: Mapping[str, str]

    @property
    def work(self) -> Path:
        """The working folder."""
        return self.folder / "work"


def traced(place: Place, argv: Sequence[str], *faults: Fault) -> Ended:
    """Run ``engine`` with ``argv`` under strace, and let ``faults`` meet it."""
    output = place.scratch / "calls"
    output.unlink(missing_ok=True)
    waits, let_go = os.pipe()
    ready, prepared = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(let_go)
        _run_traced(place, argv, waits, prepared)
    os.close(waits)
    os.close(prepared)
    os.read(ready, 1)
    os.close(ready)
    options = [part for fault in faults for part in ("-e", fault.option)]
    tracer = subprocess.Popen(
        ["strace", "-f", "-y", "-s", "0", "-e", "signal=none", "-e", f"trace={CALLS}", *options,
         "-o", str(output), "-p", str(pid)],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        _await_tracer(pid, tracer)
        os.write(let_go, b"!")
        code = _code_of(pid)
    finally:
        os.close(let_go)
        tracer.wait(timeout=SLOWEST_S)
        assert tracer.stderr is not None
        tracer.stderr.close()
    return Ended(
        code,
        (place.folder / "stdout").read_text(errors="replace"),
        (place.scratch / "stderr").read_text(errors="replace"),
        tuple(output.read_text(errors="replace").splitlines()),
    )


def _await_tracer(pid: int, tracer: subprocess.Popen[str]) -> None:
    status = Path(f"/proc/{pid}/status")
    while "TracerPid:\t0\n" in status.read_text():
        assert tracer.poll() is None, tracer.communicate()
        time.sleep(0.001)


def _code_of(pid: int) -> int:
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def _run_traced(place: Place, argv: Sequence[str], waits: int, prepared: int) -> NoReturn:
    """In the fork: become ``engine``, once somebody traces it."""
    try:
        ctypes.CDLL(None).prctl(_SET_PTRACER, _ANY, 0, 0, 0)
        _stand_in(place)
        for number, name in ((1, place.folder / "stdout"), (2, place.scratch / "stderr")):
            descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
            os.dup2(descriptor, number)
            os.close(descriptor)
        sys.stdout, sys.stderr = (
            io.TextIOWrapper(os.fdopen(number, "wb", closefd=False), encoding="utf-8")
            for number in (1, 2)
        )
        sys.stderr.reconfigure(line_buffering=True)
        sys.argv = ["engine", *argv]
        from engine.__main__ import main

        os.close(prepared)
        os.read(waits, 1)
        main()
    finally:
        os._exit(99)


def _stand_in(place: Place) -> None:
    """Take up the case's folder, environment and empty standard input."""
    os.chdir(place.work)
    os.environ.clear()
    os.environ.update(place.environ)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    sys.stdin = io.TextIOWrapper(os.fdopen(0, "rb", closefd=False))


def in_fork(place: Place, work: Callable[[], None]) -> None:
    """Do ``work`` in a fork that stands in the case's folder; require that it ends well."""
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            _stand_in(place)
            work()
            code = 0
        except BaseException:  # noqa: BLE001  (it must never go on as this process)
            import traceback

            traceback.print_exc()
        finally:
            os._exit(code)
    assert _code_of(pid) == 0


def called(argv: Sequence[str]) -> Ended:
    """Run ``engine`` in this process, which is a fork."""
    from engine.cli import run

    before = sys.stdout, sys.stderr
    out, err = io.StringIO(), io.StringIO()
    sys.stdout, sys.stderr = out, err
    try:
        code = run(argv)
    except SystemExit as stop:
        code = int(stop.code or 0)
    except Exception as error:  # noqa: BLE001  (what `engine.__main__` would call a defect)
        code = 3
        err.write(f"a defect of the engine: {type(error).__name__}: {error}")
    finally:
        sys.stdout, sys.stderr = before
    return Ended(code, out.getvalue(), err.getvalue())


def changing_calls(ended: Ended, folder: Path) -> Iterator[tuple[str, int, str]]:
    """Name, number and arguments of each call that changes, or may change, ``folder``."""
    counts: Counter[tuple[str, str]] = Counter()
    for line in ended.calls:
        match = _LINE.fullmatch(line)
        if not match or "resumed>" in line:
            continue
        thread, name, rest = match.groups()
        counts[thread, name] += 1
        if _is_ours(rest, folder) and not ("openat" in name and "O_RDONLY" in rest):
            yield name, counts[thread, name], rest.replace(str(folder), "").split(") =")[0][:120]


def _is_ours(arguments: str, folder: Path) -> bool:
    named = _PATH.search(arguments)
    return str(folder) in arguments or bool(named and named[1] and not named[1].startswith("/"))
