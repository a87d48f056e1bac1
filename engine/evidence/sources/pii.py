"""Personal data and secrets in logs: what is found, how much was read, whether that was all."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import BinaryIO

from engine.errors import ConfigError, UsageError
from engine.evidence.sources.contract import Evidence, SourceRequest
from engine.evidence.sources.streams import ReadLimits, Stream, expand, open_stream
from engine.model import RECOGNISERS_OFF, SCAN_METHOD, Json
from engine.privacy import DEFAULT, ON_REQUEST, TABLE
from engine.privacy.rule import Rule
from engine.privacy.scanner import ScanFinding, Scanner
from engine.privacy.selection import select

EXAMPLE = """\
[[source]]
kind = "pii"
path = "logs"                        # a file, a folder, a glob; plain, gz, bz2, xz
max_bytes = 1000000000               # of each file, after decompression
max_ratio = 400                      # decompressed ÷ compressed
also = ["birth_date"]                # families that are looked for only where asked
"""

KEY_BYTES = 32
ALSO = "recognisers_also"
_LONGEST = 256


@dataclass(frozen=True, slots=True)
class LocatedFinding:
    """A finding and the file it is in."""

    file: str
    finding: ScanFinding


@dataclass
class Totals:
    """What a scan of several files came to; filled while :func:`scan` runs.

    Attributes:
        streams: The files that were read, in order, with size and truncation.
        types: Findings by type.
        kinds: Findings by kind: ``personal`` and ``secret``.
    """

    streams: list[Stream] = field(default_factory=list)
    types: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)

    @property
    def scanned_bytes(self) -> int:
        """Bytes that were looked at, after decompression."""
        return sum(stream.size for stream in self.streams)

    @property
    def truncated(self) -> bool:
        """Whether some file was not read to its end."""
        return any(stream.truncated for stream in self.streams)

    def notes(self) -> Iterator[str]:
        """Yield what a person should know about single files."""
        for stream in self.streams:
            if stream.truncated:
                yield f"{stream.name}: not read to its end: {stream.truncated}"


def scan(
    files: Iterable[str],
    totals: Totals,
    *,
    key: bytes,
    limits: ReadLimits,
    stdin: BinaryIO,
    rules: Sequence[Rule] = DEFAULT,
) -> Iterator[LocatedFinding]:
    """Yield what ``rules`` find in ``files``, in order; ``totals`` counts along.

    Raises:
        DocumentError: A file cannot be read.
    """
    for name in files:
        stream = open_stream(name, stdin=stdin, limits=limits)
        totals.streams.append(stream)
        for finding in _found(stream, key, rules):
            totals.types[finding.type] += 1
            totals.kinds[finding.kind] += 1
            yield LocatedFinding(name, finding)


def _found(stream: Stream, key: bytes, rules: Sequence[Rule]) -> Iterator[ScanFinding]:
    scanner = Scanner(key, rules)
    for piece in stream.pieces():
        yield from scanner.feed(piece)
    yield from scanner.finish()


def metrics(
    totals: Totals, source: str, *, also: Iterable[str] = (), off: Iterable[str] = ()
) -> dict[str, dict[str, Json]]:
    """Return the metrics of a scan: by which table it was made, and by how much less than all.

    Nothing read is not "nothing found". Secrets count among the critical findings of the
    security gate when there are any; that there are none in logs says nothing about the rest of
    what that gate asks, so then the metric is left to whoever measures it.
    """
    read = totals.scanned_bytes
    found = totals.kinds.total()
    count: dict[str, Json] = {"value": found}
    if not read and not found:
        count = {"value": None, "status": "insufficient_data"}
    says: dict[str, dict[str, Json]] = {
        "privacy.pii_findings": count,
        "privacy.scanned_bytes": {"value": read},
        "privacy.truncated": {"value": totals.truncated},
    }
    if secrets_found := totals.kinds["secret"]:
        says["security.critical_findings"] = {"value": secrets_found}
    parameters: dict[str, Json] = {"recognisers": TABLE}
    for name, families in (
        (ALSO, ON_REQUEST.intersection(also)),
        (RECOGNISERS_OFF, frozenset(off)),
    ):
        if families:
            listed = ", ".join(sorted(families))
            parameters[name] = listed if len(listed) <= _LONGEST else f"{len(families)} families"
    computed: dict[str, Json] = {"method": SCAN_METHOD, "parameters": parameters}
    about: dict[str, Json] = {"source": source[:1024], "computed": computed}
    return {name: {**metric, **about} for name, metric in says.items()}


def read(request: SourceRequest) -> Evidence:
    """Scan what ``path`` names; no digest leaves this function, so its key is thrown away."""
    table = request.table
    limits = ReadLimits(
        table.whole("max_bytes", ReadLimits().max_bytes, least=1, most=2**50),
        table.whole("max_ratio", ReadLimits().max_ratio, least=1, most=100_000),
    )
    names, also = table.texts("path"), table.texts("also", ())
    try:
        rules = select(also)
    except UsageError as error:
        raise table.refused("also", error.message, error.hint) from None
    notes: list[str] = []
    files = _expanded(request, list(names), table.refused, notes.append)
    totals = Totals()
    for _ in scan(
        files,
        totals,
        key=secrets.token_bytes(KEY_BYTES),
        limits=limits,
        stdin=BytesIO(),
        rules=rules,
    ):
        pass
    notes += totals.notes()
    if totals.types:
        types = ", ".join(f"{count} {name}" for name, count in sorted(totals.types.items()))
        notes.append(f"{', '.join(names)}: {types}; `engine scan` says where")
    return Evidence(metrics(totals, ", ".join(names), also=also), tuple(notes))


def _expanded(
    request: SourceRequest,
    names: list[str],
    refused: Callable[[str, str, str], ConfigError],
    say: Callable[[str], None],
) -> list[str]:
    if "-" in names:
        raise refused("path", "standard input is no path of a configuration", "name files")
    try:
        return list(expand(names, request.folder, say))
    except UsageError as error:
        raise refused("path", error.message, error.hint) from None
