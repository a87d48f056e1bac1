"""The reachable states of a spec and the steps between them, as TLC found them.

A graph is kept in ``tla/graph/<name>.json.gz`` in one form only: states are numbered in the
order of a breadth-first walk, initial states by their canonical JSON, then by action and
canonical JSON; so one spec with one model has one snapshot, whatever order TLC worked in.
"""

from __future__ import annotations

import errno
import gzip
import io
import zlib
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, TypeAlias

import orjson

from engine.errors import ConfigError, SpecError, suggest
from engine.model import Json
from engine.system.reading import read_whole

State: TypeAlias = Mapping[str, Json]
"""The value of each variable, as JSON: functions and records are objects, sequences arrays,
sets sorted arrays, model values texts. Never changed once made: graphs share their parts."""

SUFFIX = ".json.gz"
MAX_BYTES = 64 * 1024 * 1024
"""Of a snapshot, before and after decompression."""


class Edge(NamedTuple):
    """One step: from the state numbered ``source``, by ``action``, to ``target``."""

    source: int
    action: str
    target: int


@dataclass(frozen=True)
class Graph:
    """Every reachable state and every step of one model.

    Attributes:
        name: Name of the snapshot.
        states: Numbered from 0.
        initial: Numbers of the states that a behaviour may begin with, ascending.
        edges: Ascending by source, action and target; each once.
    """

    name: str
    states: tuple[State, ...]
    initial: tuple[int, ...]
    edges: tuple[Edge, ...]

    @cached_property
    def actions(self) -> tuple[str, ...]:
        """Every action that is taken somewhere, sorted."""
        return tuple(sorted({edge.action for edge in self.edges}))

    @cached_property
    def out(self) -> tuple[tuple[Edge, ...], ...]:
        """The steps that leave each state."""
        leaving: list[list[Edge]] = [[] for _ in self.states]
        for edge in self.edges:
            leaving[edge.source].append(edge)
        return tuple(map(tuple, leaving))

    @cached_property
    def numbers(self) -> dict[bytes, int]:
        """The number of each state by its ``key``."""
        return {key(state): number for number, state in enumerate(self.states)}


def key(state: Json) -> bytes:
    """Return the canonical JSON of a state: equal states give equal bytes.

    Raises:
        TypeError: Something in it is no JSON, such as an object's key that is no text.
    """
    return orjson.dumps(state, option=orjson.OPT_SORT_KEYS)


def build(
    name: str, states: Mapping[str, State], initial: Iterable[str], edges: Iterable[tuple[str, ...]]
) -> Graph:
    """Return the graph of states known by any ids, numbered in the one way.

    Args:
        name: Name of the graph.
        states: Every state by its id.
        initial: Ids of the initial states.
        edges: ``(source id, action, target id)``, in any order, repeated or not.
    """
    keys = {node: key(state) for node, state in states.items()}
    leaving: dict[str, list[tuple[str, bytes, str]]] = {}
    for source, action, target in set(edges):
        leaving.setdefault(source, []).append((action, keys[target], target))
    begun = sorted(set(initial), key=keys.__getitem__)
    numbers = {node: number for number, node in enumerate(begun)}
    queue = deque(begun)
    while queue:
        for _, _, target in sorted(leaving.get(queue.popleft(), ())):
            if target not in numbers:
                numbers[target] = len(numbers)
                queue.append(target)
    steps = sorted(
        Edge(numbers[source], action, numbers[target])
        for source, steps in leaving.items()
        if source in numbers
        for action, _, target in steps
    )
    return Graph(
        name, tuple(states[node] for node in numbers), tuple(range(len(begun))), tuple(steps)
    )


def write(graph: Graph) -> bytes:
    """Return the snapshot of ``graph``, not compressed: equal graphs give equal bytes."""
    actions = {action: number for number, action in enumerate(graph.actions)}
    lines = [
        b'{"actions":' + key(graph.actions),
        b'"initial":' + key(graph.initial),
        b'"states":[\n' + b",\n".join(map(key, graph.states)) + b"]",
        b'"edges":'
        + key([[edge.source, actions[edge.action], edge.target] for edge in graph.edges]),
    ]
    return b",\n".join(lines) + b"}\n"


def read(name: str, content: bytes) -> Graph:
    """Return the graph that ``write`` wrote.

    Raises:
        SpecError: It is no snapshot of a graph.
    """
    try:
        found = orjson.loads(content)
        actions = found["actions"]
        edges = tuple(Edge(a, actions[action], b) for a, action, b in found["edges"])
        return Graph(name, tuple(found["states"]), tuple(found["initial"]), edges)
    except (ValueError, LookupError, TypeError) as error:
        raise SpecError(f"graph {name}: no snapshot of a graph: {error}", _AGAIN) from None


def pack(content: bytes) -> bytes:
    """Return ``content`` compressed, without time or name."""
    return gzip.compress(content, 9, mtime=0)


def unpack(packed: bytes) -> bytes:
    """Return what :func:`pack` was given.

    Raises:
        OSError: It is no such thing, or is larger than :data:`MAX_BYTES`.
        EOFError: It ends too early.
    """
    try:
        with gzip.open(io.BytesIO(packed)) as content:
            unpacked = content.read(MAX_BYTES + 1)
    except zlib.error as error:
        raise OSError(errno.EINVAL, str(error)) from None
    if len(unpacked) > MAX_BYTES:
        raise OSError(errno.EFBIG, f"larger than {MAX_BYTES:,} bytes")
    return unpacked


def load(name: str, folder: Path | None = None) -> Graph:
    """Return the snapshot ``name`` that ships with the engine.

    Args:
        name: Such as ``budget``.
        folder: Where snapshots lie; None is the engine's own.

    Raises:
        ConfigError: There is none of this name.
        SpecError: It is damaged.
    """
    folder = folder or shipped()
    try:
        return read(name, unpack(read_whole(folder / f"{name}{SUFFIX}", MAX_BYTES)))
    except FileNotFoundError:
        raise ConfigError(f"{folder}: no graph {name!r}", suggest(name, names(folder))) from None
    except (OSError, EOFError) as error:
        raise SpecError(f"{folder / name}{SUFFIX}: {error}", _AGAIN) from None


def names(folder: Path | None = None) -> list[str]:
    """Return the names of the snapshots in ``folder``, or of the engine's own, sorted."""
    found = (folder or shipped()).glob(f"*{SUFFIX}")
    return sorted(path.name.removesuffix(SUFFIX) for path in found)


def shipped() -> Path:
    """Return the folder of the snapshots that ship with the engine."""
    from engine.policy.bundle import shipped_folder

    return shipped_folder("tla") / "graph"


_AGAIN = "make it again: engine spec check --write-graphs"
