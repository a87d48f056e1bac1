"""One table of a TOML file, read strictly: every key by name and type, and nothing besides.

Whoever reads a table asks for all its keys, then calls :meth:`Table.finish`: a key that nobody
asked for is refused, with the nearest that somebody did.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from engine.errors import ConfigError, suggest
from engine.formats.printable import is_seen
from engine.formats.times import is_time, parse_time, read_span
from engine.model import Json
from engine.settings.config import MOST_TOML_BYTES, toml_table
from engine.system.reading import require_regular
from engine.system.walk import files_below, has_suffix, remarks

MAX_BYTES = MOST_TOML_BYTES
"""Of the TOML file that a table is read from."""

_MISSING = object()


class Table:
    """A TOML table with the file and line it stands in.

    Args:
        file: Name as the caller gave it.
        text: The whole file, to find lines in.
        members: What the table says.
        line: Line of its header, counted from 1.
        path: Dotted name inside the table at ``line``; empty for that table itself.
        header: What stands in its ``[[ ]]``; empty for the top of the file.
    """

    def __init__(
        self,
        file: str,
        text: str,
        members: Mapping[str, Json],
        line: int = 1,
        path: str = "",
        header: str = "",
    ) -> None:
        self.file = file
        self.line = line
        self._text = text
        self._members = members
        self._path = path
        self._header = header
        self._known: list[str] = []
        self._inner: list[Table] = []
        self._left_out: list[str] = []

    @property
    def left_out(self) -> list[str]:
        """What was not looked at in the folders that this table names, a line for each folder."""
        return [*self._left_out, *(line for inner in self._inner for line in inner.left_out)]

    @property
    def members(self) -> Mapping[str, Json]:
        """What the table says, whoever asked for it."""
        return self._members

    def again(self) -> Table:
        """Return the same table, of which nothing was asked yet: to read it once more."""
        return Table(self.file, self._text, self._members, self.line, self._path, self._header)

    def refused(self, key: str, reason: str, hint: str = "") -> ConfigError:
        """Return the error that says why ``key`` is refused."""
        name = f"{self._path}{key}"
        return ConfigError(f"{self.file}:{self._line_of(key)}: key {name!r}: {reason}", hint)

    def require_known(self, keys: Sequence[str]) -> None:
        """Refuse whatever is none of ``keys``, before anything is read; names the nearest."""
        self._known += keys
        self._refuse_unknown()

    def has(self, key: str) -> bool:
        """Whether ``key`` is there."""
        self._known.append(key)
        return key in self._members

    def text(self, key: str, default: str | None = None, *, longest: int = 1024) -> str:
        """Return a text that is not empty; ``default`` where the key is missing."""
        value = self._value(key, default)
        if not isinstance(value, str) or not 0 < len(value) <= longest:
            raise self._not(key, value, f"text of 1 to {longest} characters")
        return value

    def name(self, key: str) -> str:
        """Return a name as evidence gives one: 1 to 256 characters, each of which is seen."""
        name = self.text(key, longest=256)
        if not is_seen(name):
            raise self.refused(key, f"{name!a} has a character that is not seen", "take it out")
        return name

    def choice(self, key: str, choices: Sequence[str], default: str | None = None) -> str:
        """Return one of ``choices``."""
        value = self.text(key, default)
        if value not in choices:
            known = ", ".join(choices)
            hint = suggest(value, choices) or f"known: {known}"
            raise self.refused(key, f"{value!r} is not one of {known}", hint)
        return value

    def texts(self, key: str, default: Sequence[str] | None = None) -> tuple[str, ...]:
        """Return a list of texts; one text alone is a list of one."""
        value = self._value(key, None if default is None else list(default))
        given = [value] if isinstance(value, str) else value
        if not isinstance(given, list) or not all(isinstance(text, str) and text for text in given):
            raise self._not(key, value, "a list of texts")
        return tuple(given)

    def whole(
        self, key: str, default: int | None = None, *, least: int = 0, most: int = 10**12
    ) -> int:
        """Return a whole number from ``least`` to ``most``."""
        value = self._value(key, default)
        if type(value) is not int or not least <= value <= most:
            raise self._not(key, value, f"a whole number from {least:,} to {most:,}")
        return value

    def number(self, key: str, default: float | None = None, *, least: float, most: float) -> float:
        """Return a finite number from ``least`` to ``most``."""
        value = self._value(key, default)
        if type(value) not in (int, float) or not math.isfinite(value):
            raise self._not(key, value, "a number")
        if not least <= value <= most:
            raise self._not(key, value, f"a number from {least:g} to {most:g}")
        return float(value)

    def seconds(self, key: str, default: str | None = None, *, least: int = 1) -> int:
        """Return a length of time such as ``90s``, ``10m``, ``6h`` or ``3d``, in seconds."""
        value = self._value(key, default)
        seconds = -1
        with suppress(ValueError):
            seconds = read_span(value) if isinstance(value, str) else -1
        if seconds < least:
            raise self._not(key, value, f"a length of time from {least}s to 400d, such as 10m")
        return seconds

    def flag(self, key: str, default: bool | None = None) -> bool:
        """Return true or false."""
        value = self._value(key, default)
        if not isinstance(value, bool):
            raise self._not(key, value, "true or false")
        return value

    def time(self, key: str, default: str | None = None) -> str:
        """Return an instant as RFC 3339 text with its zone."""
        value = self._value(key, default)
        text = value.isoformat() if hasattr(value, "isoformat") else value
        try:
            if not isinstance(text, str) or not is_time(text):
                raise ValueError(text)
            parse_time(text)
        except ValueError:
            raise self._not(key, value, "a time such as 2026-01-31T12:00:00Z") from None
        return text

    def table(self, key: str, *, required: bool = False) -> Table:
        """Return the table inside this one; an empty one where the key is missing."""
        value = self._value(key, None if required else {})
        if not isinstance(value, dict):
            raise self._not(key, value, f"a table such as {key} = {{…}}")
        line = self._line_of(key)
        inner = Table(self.file, self._text, value, line, f"{self._path}{key}.")
        self._inner.append(inner)
        return inner

    def tables(self, key: str) -> list[Table]:
        """Return the ``[[key]]`` tables of a file, or ``[[header.key]]`` ones of a table with a
        header, each at its own line."""
        value = self._value(key, [])
        header = f"{self._header}.{key}" if self._header else key
        if not isinstance(value, list) or not all(isinstance(member, dict) for member in value):
            raise self._not(key, value, f"tables that start with [[{header}]]")
        lines = self._headers(header)[: len(value)]
        lines += [self._line_of(key)] * (len(value) - len(lines))
        return [
            Table(self.file, self._text, members, line, header=header)
            for members, line in zip(value, lines, strict=True)
        ]

    def _headers(self, header: str) -> list[int]:
        """Lines of ``[[header]]`` below this table's own, up to the next table like this one."""
        below, own = (
            re.compile(rf"\s*\[\[\s*[\"']?{re.escape(name)}[\"']?\s*\]\]")
            for name in (header, self._header)
        )
        found = []
        for number, line in enumerate(self._lines()[self.line - 1 :], self.line):
            if self._header and number > self.line and own.match(line):
                break
            if below.match(line):
                found.append(number)
        return found

    def keys(self) -> tuple[str, ...]:
        """Return the keys that are there, where a table holds names of the writer's own."""
        self._known += self._members
        return tuple(self._members)

    def paths(self, folder: Path, key: str, suffixes: Sequence[str] = ()) -> list[Path]:
        """Return the files that ``key`` names: a file, all in a folder, or a glob; sorted.

        Args:
            folder: What a relative path is relative to.
            key: A text or a list of texts.
            suffixes: Of the files looked for in a folder, such as ``.csv``; empty is all.

        Raises:
            ConfigError: Nothing is there; names the nearest that is.
        """
        found: set[Path] = set()
        for name in self.texts(key):
            some = self._matching(folder, name, tuple(suffixes))
            if not some:
                raise self.refused(key, _nothing(folder, name, suffixes), _nearest(folder / name))
            try:
                for path in some:
                    require_regular(path)
            except OSError as error:
                raise self.refused(
                    key, f"{path}: {(error.strerror or str(error)).lower()}"
                ) from None
            found.update(some)
        return sorted(found)

    def _matching(self, folder: Path, name: str, suffixes: tuple[str, ...]) -> list[Path]:
        path = folder / name
        if path.is_file():
            return [path]
        if path.is_dir():
            found = files_below(path, partial(_is_table, suffixes=suffixes))
            self._left_out += remarks(name, found.left_out)
            return [Path(file) for file in found.files]
        if not re.search(r"[*?\[]", name):
            return []
        anchor = Path(path.anchor) if Path(name).is_absolute() else folder
        pattern = str(Path(name).relative_to(anchor)) if Path(name).is_absolute() else name
        # A link to nothing is a match too: who reads it says so.
        matches = (file for file in anchor.glob(pattern) if not file.is_dir())
        return sorted(file for file in matches if not file.name.startswith("."))

    def finish(self) -> None:
        """Refuse whatever nobody asked for, here and in the tables inside."""
        self._refuse_unknown()
        for inner in self._inner:
            inner.finish()

    def _refuse_unknown(self) -> None:
        known = set(self._known)
        for key in self._members:
            if key not in known:
                hint = suggest(key, known) or f"known: {', '.join(sorted(known))}"
                raise self.refused(key, "is not known here", hint)

    def _value(self, key: str, default: Json) -> Json:
        self._known.append(key)
        value = self._members.get(key, _MISSING)
        if value is not _MISSING:
            return value
        if default is None:
            near = suggest(key, [name for name in self._members if name not in self._known])
            nearest = f"{near}\n" if near.startswith("did you") else ""
            raise self.refused(key, "is missing", f"{nearest}add it to the table at this line")
        return default

    def _not(self, key: str, value: Json, expected: str) -> ConfigError:
        return self.refused(
            key, f"{_as_written(value)} where {expected} is expected", f"write {expected}"
        )

    def _lines(self) -> list[str]:
        return self._text.splitlines()

    def _line_of(self, key: str) -> int:
        """Line of ``key`` below this table's own; that of the table where it is not found."""
        word = rf"[\"']?{re.escape(key)}[\"']?"
        start = re.compile(rf"\s*{word}\s*[=.]|\s*\[[\w.]*\b{word}\s*\]")
        inside = re.compile(rf"(?<![\w.-]){word}\s*[=.]|^\s*\[[\w.]*\.{word}\s*\]")
        look = inside.search if self._path else start.match
        for number, line in enumerate(self._lines()[self.line - 1 :], self.line):
            if number > self.line and re.match(r"\s*\[\[", line):
                break
            if look(line):
                return number
        return self.line


def _as_written(value: Json) -> str:
    """What a TOML file calls a value; of a long text its beginning."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a table"
    return "a list" if isinstance(value, list) else repr(str(value)[:60])


def read_table(name: str, data: bytes, hint: str) -> Table:
    """Return the whole of a TOML file as a table.

    Args:
        name: Of the file, for messages.
        data: Its bytes.
        hint: What to write, where it is no TOML.

    Raises:
        ConfigError: Too large, not UTF-8, not TOML, or a private key is in it; says where.
    """
    text = _decoded(name, data)
    return Table(name, text, toml_table(name, text, hint))


def _decoded(name: str, data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{name}: larger than {MAX_BYTES:,} bytes", "is it a configuration?")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ConfigError(f"{name}:{line}: not UTF-8", "write the file in UTF-8") from None


def _is_table(path: str, suffixes: tuple[str, ...]) -> bool:
    """Whether a file below a folder is part of the table; ``_SUCCESS`` and the like are not."""
    is_one = not suffixes or has_suffix(path, suffixes)
    return is_one and not any(part.startswith("_") for part in path.split("/"))


def _nothing(folder: Path, name: str, suffixes: Sequence[str]) -> str:
    if (folder / name).is_dir():
        kinds = ", ".join(f"*{suffix}" for suffix in suffixes) or "files"
        return f"no {kinds} in the folder {name!r}"
    return f"no file {name!r}"


def _nearest(path: Path) -> str:
    try:
        siblings = [sibling.name for sibling in path.parent.iterdir()]
    except OSError:
        return f"there is no folder {str(path.parent)!r}; paths are relative to the configuration"
    near = suggest(path.name, siblings)
    return near if near.startswith("did you") else "paths are relative to the configuration's file"
