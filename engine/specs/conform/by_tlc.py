"""Steps judged by TLC itself, which knows the spec and none of our graphs.

A module is generated that extends the spec's model and holds the steps as TLA+ values. One run
of one JVM judges every distinct step: TLC begins in each state before and finds a deadlock where
the spec's next-state relation does not lead to the state after. For diagnosis a whole trace is
judged instead, from the initial state on, and TLC's counterexample shows how far it got.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from engine.errors import SpecError
from engine.model import Json
from engine.specs.conform.graph import State, key
from engine.specs.conform.lookup import Step
from engine.specs.manifest import MAX_BYTES
from engine.system.reading import read_whole

if TYPE_CHECKING:
    from engine.specs.conform.tlc import TlcResult, Tools

MODULE = "ConformSteps"

_DEFINED = re.compile(r"^(\w+) *== *(.*(?:\n(?!\w|\\\*|=|-).*)*)", re.MULTILINE)
_BOX = re.compile(r"\[\]\[(\w+)\]_")
_AT = re.compile(r"^\s*at__ = (\d+)", re.MULTILINE)
_CONSTANT = re.compile(r"^ *(\w+) *= *(\S.*?) *$", re.MULTILINE)
_SECTION = re.compile(
    r"^(CONSTANTS?|SPECIFICATION|INIT|NEXT|INVARIANTS?|PROPERTY|PROPERTIES|SYMMETRY|VIEW|"
    r"CHECK_DEADLOCK|CONSTRAINTS?|ACTION_CONSTRAINTS?)\b",
    re.MULTILINE,
)


class Model(NamedTuple):
    """The model that a graph was made of.

    Attributes:
        folder: Of the modules.
        module: Name, without ``.tla``.
        cfg: Text of the .cfg file.
        sets: See :mod:`engine.specs.conform.projections`.
    """

    folder: Path
    module: str
    cfg: str
    sets: frozenset[str]


@dataclass
class Distinct:
    """The distinct steps of a ledger, each with the first entry that took it.

    That every step begins where the one before it in its trace ended is checked here.

    Attributes:
        found: Steps by what distinguishes them; and whether a trace begins with it.
        broken: The first step that does not begin where its trace was.
    """

    found: dict[tuple[str, bytes, bytes, bool], Step] = field(default_factory=dict)
    broken: Step | None = None
    _ends: dict[str, bytes] = field(default_factory=dict)
    _keys: dict[int, tuple[State, bytes]] = field(default_factory=dict)

    def add(self, step: Step) -> None:
        """Take in the next step of the ledger."""
        before, after = self._key(step.before), self._key(step.after)
        end = self._ends.get(step.trace)
        if end is not None and end != before and self.broken is None:
            self.broken = step
        self.found.setdefault((step.action, before, after, end is None), step)
        self._ends[step.trace] = after

    def _key(self, state: State) -> bytes:
        found = self._keys.get(id(state))
        if found is None:
            if len(self._keys) > 65_536:
                self._keys.clear()
            found = self._keys[id(state)] = (state, key(state))
        return found[1]


@dataclass(frozen=True)
class TlcJudgement:
    """TLC's judgement of steps.

    Attributes:
        steps: How many it was given.
        rejected: The step that it does not allow; None when it allows all.
        report: TLC's own words about it; empty where it allows all.
    """

    steps: int
    rejected: Step | None
    report: str = ""


def judge(model: Model, distinct: Distinct, tools: Tools) -> TlcJudgement:
    """Return TLC's judgement of every distinct step.

    Raises:
        SpecError: TLC could not judge them: it does not start, or a value does not fit.
    """
    if not distinct.found:
        return TlcJudgement(0, None)
    steps = [(step, first) for (_, _, _, first), step in distinct.found.items()]
    if distinct.broken is not None:
        return TlcJudgement(len(steps), distinct.broken, "it does not begin where its trace was")
    return _run(model, steps, tools, _STEPS)


def judge_trace(model: Model, steps: Sequence[Step], tools: Tools) -> TlcJudgement:
    """Return what TLC says of one trace as a whole; its loops are left out first.

    Raises:
        SpecError: As :func:`judge`.
    """
    return _run(model, [(step, False) for step in straight(steps)], tools, _TRACE)


def straight(steps: Sequence[Step]) -> list[Step]:
    """Return a trace without its loops: the shortest part of it that leads to its last step."""
    path: list[Step] = []
    places: dict[bytes, int] = {}
    for step in steps[:-1]:
        places.setdefault(key(step.before), len(path))
        path.append(step)
        at = places.get(key(step.after))
        if at is not None:
            for dropped in path[at + 1 :]:
                places.pop(key(dropped.before), None)
            del path[at:]
    return [*path, *steps[-1:]]


_STEPS = r"""
INIT__ == /\ at__ \in DOMAIN Steps__ /\ done__ = FALSE
          /\ {pre}
NEXT__ == \/ /\ ~done__ /\ (Steps__[at__].first => Init) /\ {next}
             /\ {post}
             /\ done__' = TRUE /\ UNCHANGED at__
          \/ done__ /\ UNCHANGED <<{names}, at__, done__>>
"""
_TRACE = r"""
INIT__ == /\ at__ = 1 /\ done__ = FALSE /\ Init
          /\ {pre}
NEXT__ == \/ /\ ~done__ /\ {next}
             /\ {post}
             /\ at__' = IF at__ < Len(Steps__) THEN at__ + 1 ELSE at__
             /\ done__' = (at__ = Len(Steps__))
          \/ done__ /\ UNCHANGED <<{names}, at__, done__>>
"""


def _run(model: Model, steps: Sequence[tuple[Step, bool]], tools: Tools, form: str) -> TlcJudgement:
    from engine.specs.conform import tlc

    with tempfile.TemporaryDirectory(prefix="engine-conform-") as scratch:
        folder = Path(scratch)
        for source in model.folder.glob("*.tla"):
            (folder / source.name).write_bytes(read_whole(source, MAX_BYTES))
        text = generated(model, steps, form)
        (folder / f"{MODULE}.tla").write_text(text, encoding="utf-8")
        config = folder / f"{MODULE}.cfg"
        config.write_text(
            _constants(model.cfg) + "INIT INIT__\nNEXT NEXT__\nINVARIANT TypeOK\n", encoding="utf-8"
        )
        outcome = tlc.run(tools, folder, MODULE, config)
    return _judgement_of(outcome, [step for step, _ in steps], model)


def _judgement_of(outcome: TlcResult, steps: Sequence[Step], model: Model) -> TlcJudgement:
    if outcome.word == "ok":
        return TlcJudgement(len(steps), None)
    places = _AT.findall(outcome.report)
    if outcome.word not in ("deadlock", "invariant TypeOK") or not places:
        raise SpecError(
            f"TLC could not judge the steps by {model.module}: {outcome.word}: "
            f"{outcome.report[-600:]}",
            "are the variables of the projection those of the model?",
        )
    step = steps[int(places[-1]) - 1]
    what = "is no state of the spec" if outcome.word != "deadlock" else "the spec has no such step"
    return TlcJudgement(len(steps), step, f"{what}\n{outcome.report}")


def generated(model: Model, steps: Sequence[tuple[Step, bool]], form: str = _STEPS) -> str:
    """Return the module that TLC is given."""
    words = frozenset(name for name, value in _CONSTANT.findall(model.cfg) if name == value)
    names = sorted(steps[0][0].before)
    rows = ",\n".join(
        f"[first |-> {str(first).upper()},\n pre |-> {_record(step.before, words, model.sets)},\n"
        f" post |-> {_record(step.after, words, model.sets)}]"
        for step, first in steps
    )
    body = form.format(
        pre=" /\\ ".join(f"{name} = Steps__[at__].pre.{name}" for name in names),
        post=" /\\ ".join(f"{name}' = Steps__[at__].post.{name}" for name in names),
        next=next_of(model),
        names=", ".join(names),
    )
    return (
        f"---- MODULE {MODULE} ----\nEXTENDS {model.module}, TLC, Sequences\n"
        f"VARIABLES at__, done__\nSteps__ == <<\n{rows}\n>>\n{body}====\n"
    )


def next_of(model: Model) -> str:
    """Return the name of the next-state relation of the model's ``SPECIFICATION``.

    Raises:
        SpecError: It is not found.
    """
    definitions: dict[str, str] = {}
    for source in model.folder.glob("*.tla"):
        definitions |= dict(_DEFINED.findall(read_whole(source, MAX_BYTES).decode()))
    named = re.search(r"^SPECIFICATION\s+(\w+)", model.cfg, re.MULTILINE)
    todo = [named[1]] if named else []
    seen: set[str] = set()
    while todo:
        name = todo.pop(0)
        body = definitions.get(name, "") if name not in seen else ""
        seen.add(name)
        if found := _BOX.search(body):
            return found[1]
        todo += [word for word in re.findall(r"\w+", body) if word in definitions]
    raise SpecError(
        f"{model.module}: no [][Next]_vars is found behind its SPECIFICATION",
        "write the specification as Init /\\ [][Next]_vars",
    )


def _constants(cfg: str) -> str:
    """The part of a .cfg file that gives the constants their values."""
    marks = [*_SECTION.finditer(cfg)]
    ends = [*(mark.start() for mark in marks[1:]), len(cfg)]
    return "".join(
        cfg[mark.start() : end].rstrip() + "\n"
        for mark, end in zip(marks, ends, strict=True)
        if mark[1].startswith("CONSTANT") and mark[1] in ("CONSTANT", "CONSTANTS")
    )


def _record(state: State, words: frozenset[str], sets: frozenset[str]) -> str:
    parts = (f"{name} |-> {_value(state[name], words, sets, name)}" for name in sorted(state))
    return "[" + ", ".join(parts) + "]"


def _value(value: Json, words: frozenset[str], sets: frozenset[str], path: str) -> str:
    """A JSON value as TLA+: texts that the .cfg makes model values are bare, others quoted."""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return (
            value if value in words else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        )
    inner = f"{path}.*"
    if isinstance(value, list):
        items = ", ".join(_value(element, words, sets, inner) for element in value)
        return f"{{{items}}}" if path in sets else f"<<{items}>>"
    if isinstance(value, Mapping):
        return _function(value, words, sets, inner)
    raise SpecError(f"{path}: {value!r} is no value that TLC reads")


def _function(
    value: Mapping[str, Json], words: frozenset[str], sets: frozenset[str], inner: str
) -> str:
    if not value:
        return "<<>>"
    pairs = [(name, _value(value[name], words, sets, inner)) for name in sorted(value)]
    if all(re.fullmatch(r"[A-Za-z_]\w*", name) and name not in words for name in value):
        return "[" + ", ".join(f"{name} |-> {text}" for name, text in pairs) + "]"
    shown = (
        (name if name in words or re.fullmatch(r"-?\d+", name) else f'"{name}"', text)
        for name, text in pairs
    )
    return "(" + " @@ ".join(f"{name} :> {text}" for name, text in shown) + ")"
