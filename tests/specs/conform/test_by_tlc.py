"""Steps judged by TLC itself: the same answers as by lookup, and the step that it refuses."""

from __future__ import annotations

import json
import os
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import SpecError
from engine.specs import config, manifest
from engine.specs.conform import by_tlc, graph, tlc
from engine.specs.conform.by_tlc import Distinct, Model, generated, next_of, straight
from engine.specs.conform.conformance import Conformance, conform
from engine.specs.conform.graph import Edge, Graph
from engine.specs.conform.lookup import Step
from engine.specs.conform.projections import load
from tests.repository import ROOT
from tests.specs.conform.test_conformance import ACCEPTED

TLA = ROOT / "tla"


def model(name: str) -> Model:
    (row,) = [row for row in manifest.read(TLA) if row.graph == name]
    return Model(TLA, row.module, config.derived(TLA, row), load("ledger").sets)


def observed(entries: list[object]) -> Distinct:
    distinct = Distinct()
    conform(
        enumerate(entries),  # type: ignore[arg-type]
        Conformance(["ledger"], observer=lambda _name, step: distinct.add(step)),
    )
    return distinct


@pytest.fixture(scope="module")
def tools() -> tlc.Tools:
    return tlc.find(os.environ, ROOT)


def test_tlc_allows_every_distinct_step_of_the_golden_ledger(tools: tlc.Tools) -> None:
    distinct = observed(ACCEPTED)

    checked = by_tlc.judge(model("ledger-line"), distinct, tools)

    assert checked.rejected is None
    assert checked.steps == len(distinct.found) > 10


def test_tlc_names_the_step_that_the_spec_has_not(tools: tlc.Tools) -> None:
    entries = json.loads(json.dumps(ACCEPTED))
    entries[3]["predicate"]["ledger"] = {"id": "another"}
    distinct = observed(entries)

    checked = by_tlc.judge(model("ledger-line"), distinct, tools)

    assert checked.rejected is not None
    assert (checked.rejected.entry, checked.rejected.action) == (3, "Begin")
    trace = by_tlc.judge_trace(model("ledger-line"), list(distinct.found.values()), tools)
    assert trace.rejected == checked.rejected
    assert "log = <<1>>" in trace.report


def test_a_state_of_the_wrong_kind_is_an_error_and_no_verdict(tools: tlc.Tools) -> None:
    distinct = Distinct()
    state = {**graph.load("ledger-line").states[0], "made": "many"}
    distinct.add(Step("Ask", state, state, 1, "nonsense"))

    with pytest.raises(SpecError, match="TLC could not judge the steps by MCLedger"):
        by_tlc.judge(model("ledger-line"), distinct, tools)


def test_no_step_needs_no_tlc() -> None:
    nothing = tlc.Tools(Path("/nowhere"), Path("/nowhere"))
    assert by_tlc.judge(model("ledger-line"), Distinct(), nothing).steps == 0


def test_a_step_that_does_not_begin_where_its_trace_was_is_broken(lamp: Graph) -> None:
    distinct = Distinct()
    distinct.add(Step("Switch", lamp.states[0], lamp.states[1], 4, ""))
    distinct.add(Step("Switch", lamp.states[0], lamp.states[1], 5, "", "another lamp"))
    assert distinct.broken is None
    distinct.add(Step("Replace", lamp.states[2], lamp.states[0], 6, ""))
    assert distinct.broken is not None
    assert distinct.broken.entry == 6


def test_values_are_written_as_the_model_has_them() -> None:
    line = graph.load("ledger-line")
    (tell,) = [edge for edge in line.edges if edge.action == "Tell" and _is_first(line, edge)]
    step = Step("Tell", line.states[tell.source], line.states[tell.target], 1, "")

    text = generated(model("ledger-line"), [(step, True)])

    assert 'notes |-> {0, 1}, of |-> <<0>>, open |-> (p1 :> 0), pc |-> (p1 :> "tell")' in text
    assert "shown |-> {<<1>>, <<>>}, told |-> <<>>, tree |-> (p1 :> <<1>>)" in text
    assert "EXTENDS MCLedger, TLC, Sequences" in text


def _is_first(line: graph.Graph, edge: Edge) -> bool:
    return bool(line.states[edge.source]["of"] == [0])


def test_the_next_state_relation_is_found_behind_the_specification(tmp_path: Path) -> None:
    assert next_of(model("ledger-line")) == "LineNext"
    assert next_of(model("ledger")) == "Next"
    with pytest.raises(SpecError, match=r"no \[\]\[Next\]_vars is found"):
        next_of(Model(tmp_path, "MCNone", "SPECIFICATION Spec\n", frozenset()))


@given(st.lists(st.integers(0, 9), max_size=40))
def test_a_trace_without_its_loops_still_leads_to_its_last_step(choices: list[int]) -> None:
    states = [{"at": number} for number in range(3)]
    edges = [Edge(0, "a", 1), Edge(1, "b", 0), Edge(1, "c", 2), Edge(2, "d", 0), Edge(2, "e", 2)]
    here, steps = 0, list[Step]()
    for choice in choices:
        leaving = [edge for edge in edges if edge.source == here]
        edge = leaving[choice % len(leaving)]
        steps.append(Step(edge.action, states[edge.source], states[edge.target], len(steps), ""))
        here = edge.target

    path = straight(steps)

    assert path[-1:] == steps[-1:]
    assert len(path) <= 4
    assert all(a.after == b.before for a, b in pairwise(path))
    assert not path or path[0].before == states[0]
