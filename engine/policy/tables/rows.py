"""A folder's table laid over the shipped one, row by row. Pure.

A folder of policies holds only what differs. A row of a table with names (``checks``, ``controls``,
``includes``, ``metrics``) is laid over the shipped row member by member; a row of a list
(``budgets``, ``prices``, ``keys``, ``waivers``) takes the place of the shipped row of the same key,
or is added. ``null`` takes a row or a member away; ``replace: true`` in a row, or at the top of a
file, leaves nothing of what ships.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from engine.errors import Position, suggest
from engine.formats.json_positions import escape
from engine.model import Json
from engine.policy.tables.nodes import Node, PlacedFile

REPLACE = "replace"
GATES = "gates"
_LIMITS = "limits"
_TABLES: Mapping[str, str] = {
    "catalogue": "metrics",
    "controls": "controls",
    GATES: "includes",
    _LIMITS: "checks",
}
"""Member of a topic's file that holds its rows by name."""
_LISTS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "budgets": ("budgets", ("id",)),
    "prices": ("prices", ("provider", "model", "from")),
    "trust": ("keys", ("key_id", "public_key", "public_key_file")),
    "waivers": ("waivers", ("id",)),
}
"""Member that holds a topic's rows in a list, and what names one."""
_NO_LIST: tuple[str, tuple[str, ...]] = ("", ())


@dataclass(frozen=True, slots=True)
class _LaidFile:
    """Where the values of two files that were laid over each other stand.

    Attributes:
        own: The folder's file.
        shipped: The file below it.
        moved: Pointer in the folder's file, or in the shipped one, by pointer to a list's row.
    """

    own: PlacedFile = field(repr=False)
    shipped: PlacedFile = field(repr=False)
    moved: Mapping[str, tuple[PlacedFile, str]] = field(repr=False)

    @property
    def shown(self) -> str:
        return self.own.shown

    def has(self, pointer: str) -> bool:
        file, at = self._origin(pointer)
        return file.has(at)

    def position(self, pointer: str, *, key: bool) -> Position:
        file, at = self._origin(pointer)
        return file.position(at, key=key)

    def _origin(self, pointer: str) -> tuple[PlacedFile, str]:
        """The file that ``pointer`` was written in, and the pointer there."""
        start, rest = pointer, ""
        while start:
            if start in self.moved:
                file, at = self.moved[start]
                return file, at + rest
            start, _, name = start.rpartition("/")
            rest = f"/{name}{rest}"
        return (self.own if self.own.has(pointer) else self.shipped), pointer


@dataclass(frozen=True, slots=True)
class LaidTable:
    """A folder's table and the shipped one below it.

    Attributes:
        path: Folder of both below the policies, such as ``limits/default``.
        shipped: Root of the shipped file.
        own: Root of the folder's file.
        root: Of the one laid over the other; its nodes stand where they were written. It is
            ``own`` itself where the shipped table adds nothing to it.
    """

    path: str
    shipped: Node
    own: Node
    root: Node

    def rows(self) -> Iterator[Node]:
        """Yield the rows that the folder's file holds, and its members that are no table."""
        topic = self.path.partition("/")[0]
        tables = (_TABLES.get(topic), _LISTS.get(topic, _NO_LIST)[0])
        for name, node in self.own.members().items():
            if name not in tables:
                yield node
            elif isinstance(node.value, dict):
                yield from node.members().values()
            elif isinstance(node.value, list):
                yield from node.items()

    def without(self, row: Node) -> LaidTable:
        """Return the table as it is if the folder's file does not hold ``row``."""
        value = _removed(self.own.value, row.pointer.split("/")[1:])
        return laid_over(self.path, self.shipped, Node(value, "", self.own.file))


def laid_over(path: str, shipped: Node, own: Node) -> LaidTable:
    """Return the table of ``own`` laid over the ``shipped`` one.

    Args:
        path: Folder of both below the policies, such as ``limits/default``.
        shipped: Root of the shipped file.
        own: Root of the folder's file of the same path.

    Raises:
        ConfigError: ``own`` is no object, or takes away what is not there.
    """
    topic = path.partition("/")[0]
    members = own.members()
    if _is_replacing(members):
        alone = Node(_without_replace(own.value), own.pointer, own.file)
        return LaidTable(path, shipped, own, alone)
    moved: dict[str, tuple[PlacedFile, str]] = {}
    listed, key = _LISTS.get(topic, _NO_LIST)
    below = shipped.members()
    merged: dict[str, Json] = {**shipped.value}
    for name, node in members.items():
        if name == REPLACE:
            continue
        if node.value is None and name in below:
            inherits = topic == _LIMITS and "extends" in {**below, **members}
            if name in (_TABLES.get(topic), listed) and not inherits:
                raise node.wrong(f"`{name}: null` would take the whole table away", _ROW_BY_ROW)
            del merged[name]
        elif name == _TABLES.get(topic) and name in below:
            merged[name] = _rows(below[name], node, of_limits=topic == _LIMITS)
        elif name == listed and name in below:
            merged[name] = _items(below[name], node, key, moved)
        else:
            merged[name] = node.value
    if merged == own.value:
        return LaidTable(path, shipped, own, own)
    root = Node(merged, own.pointer, _LaidFile(own.file, shipped.file, moved))
    return LaidTable(path, shipped, own, root)


_ROW_BY_ROW = (
    "take rows away by name, such as `<row>: null`, or say what holds instead: `replace: true` at "
    "the top of the file"
)


def _is_replacing(members: Mapping[str, Node]) -> bool:
    return REPLACE in members and members[REPLACE].boolean()


def _without_replace(value: Json) -> Json:
    return {name: member for name, member in value.items() if name != REPLACE}


def _rows(shipped: Node, own: Node, *, of_limits: bool) -> dict[str, Json]:
    merged: dict[str, Json] = {**shipped.value}
    for name, row in own.members().items():
        if row.value is None:
            if name not in merged:
                known = suggest(name, merged)
                hint = (
                    f"{known}{'; ' if known else ''}`{name}: {{…}}` adds it, `null` takes it away"
                )
                raise row.wrong(f"there is no row {name!r} to take away", hint, key=True)
            del merged[name]
        elif name not in merged or not isinstance(row.value, dict):
            merged[name] = _without_replace(row.value) if isinstance(row.value, dict) else row.value
        else:
            merged[name] = _row(merged[name], row, of_limits=of_limits)
    return merged


def _row(shipped: Json, row: Node, *, of_limits: bool) -> Json:
    members = row.members()
    if _is_replacing(members):
        return _without_replace(row.value)
    given = _without_replace(row.value)
    merged = {name: value for name, value in {**shipped, **given}.items() if value is not None}
    is_on = given.get("severity", "off") != "off"
    if of_limits and is_on and "reason" not in given:  # turned on, a check forgets why it was off
        merged.pop("reason", None)
    return merged


def _items(
    shipped: Node, own: Node, key: Sequence[str], moved: dict[str, tuple[PlacedFile, str]]
) -> list[Json]:
    rows: dict[Json, Node] = {}
    for position, row in enumerate([*shipped.items(), *own.items()]):
        name = _name_of(row.value, key)
        known = name is not None and name in rows
        is_own = position >= len(shipped.value)
        if known and is_own and rows[name].file is own.file:
            name = (position,)  # twice in one file: its reader says so
        rows[(position,) if name is None else name] = row
    for index, row in enumerate(rows.values()):
        moved[f"{own.pointer}/{index}"] = (row.file, row.pointer)
    return [row.value for row in rows.values()]


def _name_of(value: Json, key: Sequence[str]) -> Json:
    """What names a row of a list; None where it names itself by nothing."""
    if not isinstance(value, dict):
        return None
    named = tuple((name, str(value[name])) for name in key if name in value)
    return named or None


def _removed(value: Json, parts: Sequence[str]) -> Json:
    name, *rest = parts
    if isinstance(value, list):
        at = int(name)
        inner = [_removed(value[at], rest)] if rest else []
        return [*value[:at], *inner, *value[at + 1 :]]
    return {
        key: (_removed(member, rest) if rest and escape(key) == name else member)
        for key, member in value.items()
        if rest or escape(key) != name
    }
