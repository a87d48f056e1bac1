"""Attestations, the promotion gate and the controller do what ``tla/Ethics.tla`` says."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.policy.bundle import PolicyBundle
from engine.specs.conform import cover, graph
from engine.specs.conform.conformance import Conformance, conform
from engine.specs.conform.graph import Edge, Graph, State
from tests.lifecycle.ethics_world import EVIDENCE, EthicsWorld, policies

SPEC: Graph = graph.load("ethics")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> PolicyBundle:
    return policies(tmp_path_factory.mktemp("policies"))


def test_attestations_and_promotions_follow_the_spec_along_every_edge(bundle: PolicyBundle) -> None:
    """INV-ETHICS-6, INV-ETHICS-7, LIVE-ETHICS-1, LIVE-HOLD-1: both ways.

    Every edge of the spec is taken, and leads where the spec says. What the code could do
    besides is nothing: in each state its choices are the spec's edges, but for a promotion
    that the spec does not allow, and that is refused.
    """
    tried: set[tuple[object, ...]] = set()
    for path in cover.paths(SPEC):
        world = EthicsWorld(bundle)
        assert world.state() == SPEC.states[path[0].source]
        for edge in path:
            _no_other_choice(world, edge.source, tried)
            _take(world, edge)


def _take(world: EthicsWorld, edge: Edge) -> None:
    before, after = SPEC.states[edge.source], SPEC.states[edge.target]
    how = {"Attest": after["said"], "Decide": after["evidence"]}.get(edge.action, "")
    assert world.do(edge.action, how) == edge.action, before
    assert world.state() == after, (before, edge.action, how)


def _no_other_choice(world: EthicsWorld, number: int, tried: set[tuple[object, ...]]) -> None:
    state = SPEC.states[number]
    allowed = {_choice(edge, SPEC.states[edge.target]) for edge in SPEC.out[number]}
    refused = set(world.choices()) - allowed
    assert allowed <= set(world.choices())
    assert refused <= {("Promote", "")}
    facts = tuple(state[name] for name in ("stage", "said", "word", "force", "rests"))
    if refused and facts not in tried:
        tried.add(facts)
        assert world.do("Promote", "") == "", state
        assert world.state() == state


def _choice(edge: Edge, after: State) -> tuple[str, str]:
    return edge.action, {"Attest": after["said"], "Decide": after["evidence"]}.get(edge.action, "")


def test_the_spec_knows_every_kind_of_evidence() -> None:
    assert {state["evidence"] for state in SPEC.states} == {"none", *EVIDENCE}


moves = st.tuples(st.integers(0, 6), st.sampled_from(["", "", "", "before", "after"]))


@settings(max_examples=12)
@given(run=st.lists(moves, min_size=20, max_size=40))
def test_whatever_happens_the_ledger_conforms(
    bundle: PolicyBundle, run: list[tuple[int, str]]
) -> None:
    """LIVE-ETHICS-1, LIVE-HOLD-1: the real engine, whose commits fail and whose processes die."""
    world = EthicsWorld(bundle)
    for number, crash in run:
        choices = world.choices()
        what, how = choices[number % len(choices)]
        if crash:
            world.crash(what, how, crash)
        else:
            world.do(what, how)

    reports = conform(world.statements(), Conformance(["ethics", "ledger"]))

    for report in reports.values():
        assert report.conforms, "\n".join(report.rejected.lines() if report.rejected else ())
