"""Read what TLC writes with ``-dump dot,actionlabels``, as TLC 2.18 writes it."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from engine.errors import SpecError
from engine.model import Json
from engine.specs.conform.graph import Graph, State, build, key

_NODE = re.compile(r'(-?\d+) \[label="((?:[^"\\]|\\.)*)"(,style = filled)?\];?')
_EDGE = re.compile(r'(-?\d+) -> (-?\d+) \[label="((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_VARIABLE = re.compile(r"(?:\A|^)(?:/\\ )?(\w+) = (.*?)(?=\n/\\ |\Z)", re.DOTALL | re.MULTILINE)
_TOKEN = re.compile(
    r'\s*(:>|@@|<<|>>|\|->|\.\.|[\[\](){},]|"(?:[^"\\]|\\.)*"|-?\d+|[A-Za-z_]\w*)\s*'
)


def read(text: str, name: str = "") -> Graph:
    """Return the graph of a dump.

    Args:
        text: The whole dump. Steps that change nothing and have no action are left out.
        name: Name for the graph.

    Raises:
        SpecError: It is no dump, or holds a value that is not understood.
    """
    states: dict[str, State] = {}
    initial: list[str] = []
    edges: list[tuple[str, ...]] = []
    for line in text.splitlines():
        if edge := _EDGE.match(line):
            edges.append((edge[1], edge[3], edge[2]))
        elif node := _NODE.match(line):
            states.setdefault(node[1], _state(node[2]))
            if node[3]:
                initial.append(node[1])
    loose = {node for source, _, target in edges for node in (source, target)} - states.keys()
    if not initial or loose:
        raise SpecError(
            f"TLC's dump {name}: {len(loose)} steps to states that are not there"
            if loose
            else f"TLC's dump {name}: no initial state",
            "run TLC again with -dump dot,actionlabels",
        )
    return build(name, states, initial, edges)


def _state(label: str) -> State:
    text = _ESCAPED.sub(lambda found: "\n" if found[1] == "n" else found[1], label)
    return {found[1]: value(found[2]) for found in _VARIABLE.finditer(text)}


@lru_cache(maxsize=65536)
def value(text: str) -> Json:
    """Return a value as TLC prints it, as JSON.

    Raises:
        SpecError: It is not understood.
    """
    tokens, end = [], 0
    while end < len(text):
        found = _TOKEN.match(text, end)
        if found is None:
            raise SpecError(f"TLC's dump: {text!r} is not understood at {text[end:]!r}", _REPORT)
        tokens.append(found[1])
        end = found.end()
    reader = _Reader(text, tokens)
    result = reader.value()
    reader.done()
    return result


class _Reader:
    """Reads one value, token by token."""

    def __init__(self, text: str, tokens: list[str]) -> None:
        self._text = text
        self._tokens = [*tokens, ""]
        self._at = 0

    def value(self) -> Json:
        token = self._take()
        if token in _OPEN:
            return _OPEN[token](self)
        if token in ("TRUE", "FALSE"):
            return token == "TRUE"
        if token[:1] == '"':
            return _ESCAPED.sub(r"\1", token[1:-1])
        if token.lstrip("-").isdigit():
            return self._number(int(token))
        if token[:1].isalpha() or token[:1] == "_":
            return token
        raise self._refused()

    def done(self) -> None:
        if self._tokens[self._at]:
            raise self._refused()

    def _number(self, first: int) -> Json:
        if self._tokens[self._at] != "..":
            return first
        self._at += 1
        return list(range(first, int(self._take()) + 1))

    def function(self) -> Json:
        """``(a :> x @@ b :> y)``, or a value in brackets."""
        first = self.value()
        if self._tokens[self._at] == ")":
            self._at += 1
            return first
        found = {}
        while True:
            self._expect(":>")
            found[_name(first)] = self.value()
            if self._take_either(")", "@@") == ")":
                return found
            first = self.value()

    def record(self) -> Json:
        """``[a |-> x, b |-> y]``."""
        found = {}
        while True:
            name = self._take()
            self._expect("|->")
            found[name] = self.value()
            if self._take_either("]", ",") == "]":
                return found

    def sequence(self) -> Json:
        """``<<x, y>>``."""
        return self._items(">>")

    def collection(self) -> Json:
        """``{x, y}``: a set, sorted by canonical JSON."""
        return sorted(self._items("}"), key=key)

    def _items(self, end: str) -> list[Json]:
        if self._tokens[self._at] == end:
            self._at += 1
            return []
        found = [self.value()]
        while self._take_either(end, ",") == ",":
            found.append(self.value())
        return found

    def _take(self) -> str:
        token = self._tokens[self._at]
        if not token:
            raise self._refused()
        self._at += 1
        return token

    def _take_either(self, *tokens: str) -> str:
        if (token := self._take()) not in tokens:
            raise self._refused()
        return token

    def _expect(self, token: str) -> None:
        self._take_either(token)

    def _refused(self) -> SpecError:
        return SpecError(f"TLC's dump: {self._text!r} is not understood", _REPORT)


_OPEN: dict[str, Callable[[_Reader], Json]] = {
    "(": _Reader.function,
    "[": _Reader.record,
    "<<": _Reader.sequence,
    "{": _Reader.collection,
}
_REPORT = "give the variable a simpler value: numbers, texts, sets, sequences, functions, records"


def _name(argument: Json) -> str:
    return argument if isinstance(argument, str) else key(argument).decode()
