"""Patterns as automata: whether a text matches, in time linear in it, and what may match at all.

A pattern is found anywhere in a text, as JSON Schema says. :func:`found_text` answers whether a
text of a length matches some patterns and not others, with the shortest, by walking their
deterministic automata side by side; what is not found then is not there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from engine.compat import characters as sets
from engine.compat.characters import Characters
from engine.compat.doubt import Doubt, Work
from engine.compat.ecma import Chain, Choice, Edge, Look, One, Part, Repeat, conditions, parsed

MAX_STATES = 3_000


@dataclass(eq=False)
class Automaton:
    """States of one pattern, numbered; the first starts, the second accepts.

    Attributes:
        free: For each state, where it leads without a character, and what must hold there.
        moves: For each state, the characters it takes and where they lead.
    """

    free: list[list[tuple[Edge | _Glance | None, int]]] = field(default_factory=list)
    moves: list[tuple[Characters, int] | None] = field(default_factory=list)

    def state(self) -> int:
        """Add a state."""
        if len(self.free) >= MAX_STATES:
            raise Doubt("", f"pattern takes more than {MAX_STATES:,} states")
        self.free.append([])
        self.moves.append(None)
        return len(self.free) - 1

    @property
    def is_plain(self) -> bool:
        """Whether it asks for nothing but the start and the end."""
        return all(
            guard is None or (isinstance(guard, Edge) and guard.kind in ("start", "end"))
            for row in self.free
            for guard, _ in row
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Glance:
    """What is looked for before or behind a place."""

    automaton: Automaton
    is_ahead: bool
    is_negative: bool


@lru_cache(maxsize=512)
def automaton(pattern: str) -> Automaton:
    """Return the automaton of a pattern.

    Raises:
        Doubt: It cannot be read, or is too large.
    """
    return _built(parsed(pattern))


def _built(part: Part, *, backwards: bool = False) -> Automaton:
    made = Automaton()
    start, end = made.state(), made.state()
    try:
        _add(made, part, start, end, backwards)
    except RecursionError:
        raise Doubt("", "pattern is nested too deeply") from None
    return made


def _add(made: Automaton, part: Part, start: int, end: int, backwards: bool) -> None:
    match part:
        case One(allowed):
            before = made.state()
            made.free[start].append((None, before))
            made.moves[before] = (allowed, end)
        case Chain(parts):
            at = start
            for inner in reversed(parts) if backwards else parts:
                after = made.state()
                _add(made, inner, at, after, backwards)
                at = after
            made.free[at].append((None, end))
        case Choice(options):
            for option in options:
                _add(made, option, start, end, backwards)
        case Repeat():
            _repeat(made, part, start, end, backwards)
        case Edge():
            made.free[start].append((part, end))
        case Look(inner, is_ahead, is_negative):
            glance = _Glance(_built(inner, backwards=not is_ahead), is_ahead, is_negative)
            made.free[start].append((glance, end))


def _repeat(made: Automaton, part: Repeat, start: int, end: int, backwards: bool) -> None:
    at = start
    for _ in range(part.least):
        after = made.state()
        _add(made, part.part, at, after, backwards)
        at = after
    if part.most is None:
        again = made.state()
        made.free[at].append((None, again))
        _add(made, part.part, again, again, backwards)
        at = again
    for _ in range((part.most or part.least) - part.least):
        made.free[at].append((None, end))
        after = made.state()
        _add(made, part.part, at, after, backwards)
        at = after
    made.free[at].append((None, end))


# One text.


def matches(pattern: str, text: str, work: Work) -> bool:
    """Whether a pattern is found in a text.

    Raises:
        Doubt: It cannot be read, or takes too long.
    """
    return _Run(text, work).finds(automaton(pattern), 0, 1, anywhere=True)


class _Run:
    def __init__(self, text: str, work: Work) -> None:
        self._points = [ord(char) for char in text]
        self._work = work
        self._known: dict[tuple[int, int], bool] = {}

    def finds(self, made: Automaton, at: int, way: int, *, anywhere: bool = False) -> bool:
        active: set[int] = set()
        self._reach(made, 0, at, active)
        while True:
            if 1 in active:
                return True
            place = at if way > 0 else at - 1
            if not 0 <= place < len(self._points) or not (active or anywhere):
                return False
            point = self._points[place]
            at += way
            reached: set[int] = set()
            for state in active:
                move = made.moves[state]
                if move is not None and sets.contains(move[0], point):
                    self._reach(made, move[1], at, reached)
            if anywhere:
                self._reach(made, 0, at, reached)
            self._work.spend(1 + len(active))
            active = reached

    def _reach(self, made: Automaton, state: int, at: int, found: set[int]) -> None:
        waiting = [state]
        while waiting:
            state = waiting.pop()
            if state in found:
                continue
            found.add(state)
            for guard, target in made.free[state]:
                if guard is None or self._holds(guard, at):
                    waiting.append(target)

    def _holds(self, guard: Edge | _Glance, at: int) -> bool:
        if isinstance(guard, _Glance):
            key = (id(guard), at)
            if key not in self._known:
                seen = self.finds(guard.automaton, at, 1 if guard.is_ahead else -1)
                self._known[key] = seen != guard.is_negative
            return self._known[key]
        if guard.kind == "start":
            return at == 0
        if guard.kind == "end":
            return at == len(self._points)
        return (self._is_word(at - 1) != self._is_word(at)) == (guard.kind == "word")

    def _is_word(self, place: int) -> bool:
        inside = 0 <= place < len(self._points)
        return inside and sets.contains(sets.WORD, self._points[place])


# All texts.

_State = tuple[frozenset[int], bool, bool]
"""States that take characters; whether it accepts at the end; whether whatever follows."""


class _Deterministic:
    """A plain automaton, made deterministic as far as it is walked."""

    def __init__(self, made: Automaton, work: Work) -> None:
        self._made = made
        self._work = work
        self._index: dict[Characters, int] = {}
        self._next: dict[tuple[_State, int], _State] = {}
        self._again = self._closed([0], is_start=False)

    def sets(self) -> list[Characters]:
        return list(dict.fromkeys(move[0] for move in self._made.moves if move is not None))

    def index(self, known: dict[Characters, int]) -> None:
        self._index = known

    def start(self) -> _State:
        return self._closed([0], is_start=True)

    def step(self, state: _State, bits: int) -> _State:
        if state[2]:
            return state
        key = (state, bits)
        if key not in self._next:
            reached = []
            for number in state[0]:
                move = self._made.moves[number]
                if move is not None and bits >> self._index[move[0]] & 1:
                    reached.append(move[1])
            self._work.spend(4 + len(state[0]))
            after = self._closed(reached, is_start=False)
            again = self._again
            self._next[key] = (
                _ALL if after[2] or again[2]
                else (after[0] | again[0], after[1] or again[1], False)
            )  # fmt: skip
        return self._next[key]

    def _closed(self, states: Iterable[int], *, is_start: bool) -> _State:
        inner, at_end = set[int](), set[int]()
        for passes_end, found in ((False, inner), (True, at_end)):
            waiting = list(states)
            while waiting:
                state = waiting.pop()
                if state in found:
                    continue
                found.add(state)
                for guard, target in self._made.free[state]:
                    if (
                        guard is None
                        or (guard == _START and is_start)
                        or (guard == _END and passes_end)
                    ):
                        waiting.append(target)
            self._work.spend(1 + len(found))
        if 1 in inner:
            return _ALL
        taking = frozenset(state for state in inner if self._made.moves[state] is not None)
        return taking, 1 in at_end, False


_START, _END = Edge("start"), Edge("end")
_ALL: _State = (frozenset(), True, True)


def found_text(
    required: Sequence[str],
    forbidden: Sequence[str],
    least: int,
    most: int | None,
    work: Work,
    without: Sequence[str] = (),
) -> str | None:
    """Return a shortest text that matches all of ``required``, and one of ``forbidden`` not.

    Args:
        required: Patterns that must be found in it.
        forbidden: Patterns of which at least one must not; none asks for nothing.
        least: How many characters it has at least.
        most: How many at most; None for no bound.
        work: Steps that are left.
        without: Patterns none of which may be found in it.

    Returns:
        None where it is proven that there is none.

    Raises:
        Doubt: A pattern cannot be read or be walked, or it takes too long.
    """
    sought = [piece for pattern in required for piece in conditions(parsed(pattern))]
    for pattern in without:
        found = conditions(parsed(pattern))
        if len(found) > 1:
            raise Doubt("", "a pattern looks around, which is not compared")
        sought += [(part, not negative) for part, negative in found]
    if not forbidden:
        return _walked(sought, least, most, work)
    for pattern in forbidden:
        for part, negative in conditions(parsed(pattern)):
            text = _walked([*sought, (part, not negative)], least, most, work)
            if text is not None:
                return text
    return None


def _walked(
    parts: Sequence[tuple[Part, bool]], least: int, most: int | None, work: Work
) -> str | None:
    made = [(_built(part), negative) for part, negative in parts]
    if any(not machine.is_plain for machine, _ in made):
        raise Doubt("", "a pattern looks around, which is not compared")
    machines = [_Deterministic(machine, work) for machine, _ in made]
    negatives = [negative for _, negative in made]
    known = {part: n for n, part in enumerate({s: None for m in machines for s in m.sets()})}
    for machine in machines:
        machine.index(known)
    work.spend(sum(len(part) for part in known))
    letters = sets.classes(list(known))
    first = tuple(machine.start() for machine in machines)
    cap = most if most is not None else least
    seen: dict[tuple[tuple[_State, ...], int], tuple[object, int]] = {(first, 0): (None, 0)}
    waiting = deque([(first, 0)])
    while waiting:
        here = waiting.popleft()
        states, size = here
        fits = all(state[1] != no for state, no in zip(states, negatives, strict=True))
        if fits and size >= least:
            return _spelled(seen, here)
        if most is not None and size >= most:
            continue
        for point, bits in letters:
            work.spend(1 + len(machines))
            after = tuple(m.step(s, bits) for m, s in zip(machines, states, strict=True))
            if any(
                state[2] if no else not (state[0] or state[1])
                for state, no in zip(after, negatives, strict=True)
            ):
                continue
            there = (after, min(size + 1, cap))
            if there not in seen:
                seen[there] = (here, point)
                waiting.append(there)
    return None


def _spelled(seen: dict[tuple[tuple[_State, ...], int], tuple[object, int]], last: object) -> str:
    found: list[str] = []
    while True:
        before, point = seen[last]  # type: ignore[index]
        if before is None:
            return "".join(reversed(found))
        found.append(chr(point))
        last = before
