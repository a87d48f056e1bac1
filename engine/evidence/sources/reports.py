"""Reports that other tools write: their files, their age, and what every reader says of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from engine.errors import DocumentError, Position
from engine.evidence.sources.contract import SourceRequest
from engine.evidence.sources.digest import FileFingerprints, sha256_of
from engine.formats.times import is_time, parse_time, write_time
from engine.model import Json

MAX_BYTES = 4 * 1024**3
"""Of one report."""
MAX_FILES = 10_000
"""Of one source."""
MAX_NOTES = 10


@dataclass
class Reports:
    """The files of one source, and what was noticed while they were read.

    Attributes:
        files: Sorted; of files with the same bytes the first.
        names: As they are called from the configuration's folder, by file.
        notes: What a person should know, one line each.
        unknown: How often something was not understood, by what it is called.
        times: When each file says that it was made, RFC 3339 with a zone, where it does.
    """

    request: SourceRequest
    files: tuple[Path, ...]
    names: Mapping[Path, str]
    notes: list[str] = field(default_factory=list)
    unknown: dict[str, int] = field(default_factory=dict)
    times: dict[Path, str] = field(default_factory=dict)
    _unchanged: FileFingerprints = field(init=False, repr=False)
    _sha256: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._unchanged = FileFingerprints(self.files)
        self._sha256 = sha256_of(self.files, self.request.folder)

    def note(self, line: str) -> None:
        """Keep a line for a person; of very many the first."""
        if len(self.notes) < MAX_NOTES:
            self.notes.append(line)

    def count_unknown(self, what: str, count: int = 1) -> None:
        """Count something that the reader does not understand, under a name of its kind."""
        self.unknown[what] = self.unknown.get(what, 0) + count

    def made(self, file: Path, text: object) -> None:
        """Keep the oldest instant at which a report says it was made; one without zone is none."""
        if not isinstance(text, str) or not is_time(text):
            return
        try:
            instant = parse_time(text)
        except ValueError:
            return
        if file not in self.times or instant < parse_time(self.times[file]):
            self.times[file] = write_time(instant)

    def made_at(self, file: Path, seconds: float) -> None:
        """Keep the instant as :meth:`made` does, from seconds since 1970; others are none."""
        with suppress(ValueError, OverflowError, OSError):
            self.made(file, write_time(datetime.fromtimestamp(int(seconds), UTC)))

    def about(self, method: str, parameters: Mapping[str, Json]) -> dict[str, Json]:
        """Return what each metric of these files says beside its value.

        The time is the oldest of the files': its own where it names one with a zone, else when
        it was last modified, and then ``computed.parameters.time`` is ``file``.

        Raises:
            DocumentError: A file was written to meanwhile.
        """
        self._unchanged.require()
        instants = [
            parse_time(self.times[file])
            if file in self.times
            else datetime.fromtimestamp(file.stat().st_mtime, UTC).replace(microsecond=0)
            for file in self.files
        ]
        known_by = "report" if len(self.times) == len(self.files) else "file"
        computed: dict[str, Json] = {
            "method": method,
            "parameters": {**parameters, "files": len(self.files), "time": known_by},
            "source_sha256": self._sha256,
        }
        if self.unknown:
            computed["excluded"] = {
                f"not understood: {what}"[:128]: count
                for what, count in sorted(self.unknown.items())[:64]
            }
        return {
            "observed_at": write_time(min(instants)),
            "source": ", ".join(self.names.values())[:1024],
            "computed": computed,
        }


def reports_of(request: SourceRequest) -> Reports:
    """Return the files that ``path`` names: none empty, none twice, none too large.

    Raises:
        ConfigError: Nothing is there, or too much.
        DocumentError: A file has no bytes, or too many.
    """
    table = request.table
    files = table.paths(request.folder, "path")
    if len(files) > MAX_FILES:
        raise table.refused("path", f"names more than {MAX_FILES:,} files", "name fewer")
    seen: dict[str, Path] = {}
    names: dict[Path, str] = {}
    notes = []
    for file in files:
        name = shown(file, request.folder)
        size = file.stat().st_size
        if not size:
            raise DocumentError(Position(name), "is empty: no tool wrote it to its end", _AGAIN)
        if size > MAX_BYTES:
            raise DocumentError(Position(name), f"larger than {MAX_BYTES:,} bytes", "split it")
        first = seen.setdefault(sha256_of([file], request.folder), file)
        if first is file:
            names[file] = name
        else:
            notes.append(f"{name}: the same bytes as {names[first]}, and counted once")
    return Reports(request, tuple(names), names, notes)


_AGAIN = "run the tool again, and look at its exit code"


def shown(file: Path, folder: Path) -> str:
    """Return a file's name as it is called from ``folder``."""
    return (file.relative_to(folder) if file.is_relative_to(folder) else file).as_posix()


def unfit(name: str, reason: str, pointer: str = "", line: int = 0) -> DocumentError:
    """Return the error that says why a report is refused."""
    return DocumentError(Position(name, line, 0, pointer), reason, _AGAIN)


def counts(
    values: Mapping[str, Json], about: Mapping[str, Json], n: int, *, status: str = ""
) -> dict[str, dict[str, Json]]:
    """Return metrics that are known from ``n`` cases.

    Args:
        values: Value by metric id.
        about: See :meth:`Reports.about`.
        n: Cases that were looked at.
        status: Why there is no value, where there is none.
    """
    if status:
        return {name: {"value": None, "status": status, "n": n, **about} for name in values}
    return {
        name: {"value": value, "n": n, **about}
        if value is not None
        else {"value": None, "status": "undefined", "n": n, **about}
        for name, value in values.items()
    }


def listed(names: Iterable[str], most: int = 3) -> str:
    """Return the first of ``names`` in one clause, and how many more there are."""
    every = list(names)
    more = f" and {len(every) - most:,} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more
