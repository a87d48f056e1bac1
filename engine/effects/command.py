"""``kind = "command"``: a program, started without a shell, with the order on standard input."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from engine.effects import AttemptOutcome, AttemptStatus, HookContext, Order, one_line
from engine.formats import canonical

if TYPE_CHECKING:
    from engine.settings.table import Table

EXAMPLE = """\
[[hook]]
on = ["degrade", "rollback", "recover"]
kind = "command"
argv = ["./deploy.sh", "--quiet"]   # no shell; what is to be done is JSON on standard input
timeout_s = 60
env = ["KUBECONFIG"]                # besides PATH, HOME, LANG and TZ
"""

MAX_OUTPUT_BYTES = 65_536
_USUAL = ("PATH", "HOME", "LANG", "TZ")
_OURS = "ENGINE_"
_GRACE_S = 2.0
_CHUNK_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Command:
    """A program to start.

    Attributes:
        argv: Program and arguments.
        folder: Where it runs.
        environ: Its environment, to which the action and the idempotency key are added.
        timeout_s: After that it is ended, with everything that it started.
    """

    argv: Sequence[str]
    folder: Path
    environ: Mapping[str, str]
    timeout_s: float

    def perform(self, order: Order) -> AttemptOutcome:
        """Run it once; exit code 0 is done, everything else may be tried again."""
        environ = {
            **self.environ,
            "ENGINE_ACTION": order.action,
            "ENGINE_IDEMPOTENCY_KEY": order.idempotency_key,
        }
        try:
            process = subprocess.Popen(
                self.argv, cwd=self.folder, env=environ, start_new_session=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )  # fmt: skip
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            return AttemptOutcome(
                AttemptStatus.FAILED, one_line(f"{self.argv[0]}: {reason.lower()}")
            )
        return self._awaited(process, canonical.encode(order.document()) + b"\n")

    def _awaited(self, process: subprocess.Popen[bytes], document: bytes) -> AttemptOutcome:
        output = _Tail(process.stdout)
        _send(process.stdin, document)
        in_time = _ended_within(process, self.timeout_s)
        if not in_time:
            _signal_group(process, signal.SIGTERM)
            _ended_within(process, _GRACE_S)
        # What it started goes with it. Not reaped yet, its group's number is still its own.
        _signal_group(process, signal.SIGKILL)
        code = process.wait()
        words = output.words()
        if not in_time:
            return AttemptOutcome(
                AttemptStatus.FAILED, one_line(f"ended after {self.timeout_s:g} s: {words}")
            )
        if code == 0:
            return AttemptOutcome(AttemptStatus.DONE, one_line(words or "exit code 0"))
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return AttemptOutcome(AttemptStatus.FAILED, one_line(f"{how}: {words}" if words else how))


class _Tail:
    """Reads a stream to its end in a thread; keeps its last bytes."""

    def __init__(self, stream: IO[bytes] | None) -> None:
        assert stream is not None  # noqa: S101  (it was asked for)
        self._stream = stream
        self._kept = b""
        self._thread = threading.Thread(target=self._read, name="hook-output", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with self._stream as stream, suppress(OSError, ValueError):
            while chunk := os.read(stream.fileno(), _CHUNK_BYTES):
                self._kept = (self._kept + chunk)[-MAX_OUTPUT_BYTES:]

    def words(self) -> str:
        """The last line; a stream that somebody else still holds open is not waited for."""
        self._thread.join(_GRACE_S)
        lines = self._kept.decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else ""


def _send(stream: IO[bytes] | None, document: bytes) -> None:
    """Write the order; it is no failure that a program does not read it."""
    assert stream is not None  # noqa: S101  (it was asked for)
    with suppress(OSError):  # it may not read, and be gone
        stream.write(document)
    with suppress(OSError):
        stream.close()


def _ended_within(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether it ended in time. It is not reaped: that would set its number free."""
    ended = threading.Event()

    def wait() -> None:
        with suppress(OSError):
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        ended.set()

    threading.Thread(target=wait, name="hook-wait", daemon=True).start()
    return ended.wait(seconds)


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(OSError):
        os.killpg(process.pid, number)


def hook_of(table: Table, around: HookContext) -> Command:
    """Return the command that ``table`` describes; its program has to be there."""
    argv = table.texts("argv")
    if not argv:
        raise table.refused("argv", "names no program", 'argv = ["./deploy.sh"]')
    if any("\0" in word for word in argv):
        raise table.refused("argv", "holds a NUL")
    passed = table.texts("env", ())
    if ours := [name for name in passed if name.startswith(_OURS)]:
        raise table.refused("env", f"{ours[0]!r} is the engine's own, and may be its key")
    environ = {name: around.environ[name] for name in (*_USUAL, *passed) if name in around.environ}
    if absent := [name for name in passed if name not in environ]:
        raise table.refused("env", f"{absent[0]!r} is not set", f"export {absent[0]}=…")
    folder = around.folder.absolute()
    program = argv[0] if "/" not in argv[0] else str(folder / argv[0])
    found = shutil.which(program, path=environ.get("PATH", os.defpath))
    if found is None:
        hint = "a path is relative to the configuration; a bare name is looked for in PATH"
        raise table.refused("argv", f"no program {argv[0]!r}", hint)
    timeout_s = table.number("timeout_s", 30.0, least=0.1, most=600)
    return Command((found, *argv[1:]), folder, environ, timeout_s)
