"""A call at an edge, and how it must end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

PROMOTED, FAILED, INVALID, UNDECIDED, NOT_GENUINE, HELD = range(6)


@dataclass(frozen=True)
class Case:
    """One call.

    Attributes:
        name: Verb, what is mutated, and how; no two cases have one.
        argv: After ``engine``; ``{id}`` and the like are facts of the world.
        code: The exit code that the mutation must have.
        files: What is written into the working folder first, by path.
        before: What else is done there first.
        environ: Variables besides those of the world.
        stdin: What standard input says.
        names: What standard error must hold.
        room: Bytes that a file may have: past it the disk is full.
        closed: Descriptors that are closed.
    """

    name: str
    argv: tuple[str, ...]
    code: int
    files: Mapping[str, bytes | str] = field(default_factory=dict)
    before: Callable[[], object] | None = None
    environ: Mapping[str, str] = field(default_factory=dict)
    stdin: bytes = b""
    names: str = ""
    room: int | None = None
    closed: tuple[int, ...] = ()

    @property
    def verb(self) -> str:
        """The verb that is called."""
        return self.name.partition(" ")[0].rstrip(":")

    @property
    def is_slow(self) -> bool:
        """Whether it takes seconds."""
        return self.argv[:1] == ("selftest",) or "tables" in self.argv

    def prepare(self) -> None:
        """Make the working folder what the case needs."""
        for name, content in self.files.items():
            path = Path(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        if self.before is not None:
            self.before()


@dataclass(frozen=True)
class Ending:
    """How a call ended.

    Attributes:
        code: Its exit code; negative where a signal ended it.
        out: Standard output.
        err: Standard error.
        processor_s: Seconds of processor time, with those of its own processes.
        peak_bytes: The most memory that it, or one of its own processes, had.
    """

    code: int
    out: bytes
    err: str
    processor_s: float
    peak_bytes: int

    def complaints(self, case: Case) -> list[str]:
        """What is not as it must be."""
        found = []
        if self.code != case.code:
            found.append(f"exit code {self.code}, not {case.code}")
        for word in ("a defect of the engine", "Traceback"):
            if word in self.err or word.encode() in self.out:
                found.append(f"it says {word!r}")
        if case.names not in self.err:
            found.append(f"it does not name {case.names!r}")
        if self.processor_s > MOST_PROCESSOR_S:
            found.append(f"{self.processor_s:.1f} s of processor time")
        if self.peak_bytes > MOST_BYTES:
            found.append(f"{self.peak_bytes / 2**20:.0f} MiB")
        return found


MOST_PROCESSOR_S = 20
MOST_BYTES = 500 * 2**20
