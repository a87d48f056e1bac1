"""Lookup: what is a behaviour of the spec passes, what is none is named with its place."""

from __future__ import annotations

from engine.specs.conform import lookup
from engine.specs.conform.graph import Edge, Graph
from engine.specs.conform.lookup import Step


def steps(graph: Graph, *edges: tuple[int, str, int], trace: str = "") -> list[Step]:
    return [
        Step(action, graph.states[a], graph.states[b], 7 + n, f"event {n}", trace)
        for n, (a, action, b) in enumerate(edges)
    ]


def test_a_behaviour_conforms_and_says_which_steps_it_took(lamp: Graph) -> None:
    report = lookup.check(lamp, steps(lamp, (0, "Switch", 1), (1, "Burn", 2), (2, "Replace", 0)))

    assert report.conforms
    assert report.steps == 3
    assert report.taken == {Edge(0, "Switch", 1), Edge(1, "Burn", 2), Edge(2, "Replace", 0)}
    assert report.edges == 5


def test_nothing_conforms(lamp: Graph) -> None:
    assert lookup.check(lamp, []).conforms


def test_traces_are_checked_each_by_itself(lamp: Graph) -> None:
    first = steps(lamp, (0, "Switch", 1), (1, "Burn", 2), trace="one")
    second = steps(lamp, (0, "Switch", 1), (1, "Switch", 0), trace="two")

    assert lookup.check(lamp, [first[0], second[0], second[1], first[1]]).conforms
    assert not lookup.check(lamp, [first[0], second[0]._replace(trace="one")]).conforms


def test_a_forbidden_action_is_told_with_what_would_have_been_allowed(lamp: Graph) -> None:
    report = lookup.check(lamp, steps(lamp, (0, "Switch", 1), (1, "Replace", 0)))

    assert report.steps == 2
    assert report.rejected is not None
    assert "\n".join(report.rejected.lines()) == (
        "entry 8: event 1\n"
        "  Replace: the spec does not allow this action in this state\n"
        "  state before\n"
        '    changes = {"k1":0}\n'
        '    lamp = "on"\n'
        "  what was done\n"
        '    lamp: "on" -> "off"\n'
        "  the spec would have allowed\n"
        "    Burn\n"
        '      lamp: "on" -> "broken"\n'
        "    Switch\n"
        '      lamp: "on" -> "off"'
    )


def test_an_action_that_led_elsewhere_is_told_first_where_it_should_lead(lamp: Graph) -> None:
    rejected = lookup.check(lamp, steps(lamp, (0, "Wait", 1))).rejected

    assert rejected is not None
    assert rejected.reason == "the spec's action leads to another state"
    assert rejected.allowed == (("Wait", lamp.states[0]), ("Switch", lamp.states[1]))
    assert "nothing changed" in "\n".join(rejected.lines())


def test_an_unknown_action_is_named(lamp: Graph) -> None:
    rejected = lookup.check(lamp, steps(lamp, (0, "Paint", 1))).rejected
    assert rejected is not None
    assert rejected.reason == "the spec has no action of this name"


def test_a_trace_must_begin_where_the_spec_begins(lamp: Graph) -> None:
    rejected = lookup.check(lamp, steps(lamp, (1, "Burn", 2), trace="lamp 4")).rejected
    assert rejected is not None
    assert rejected.reason == "a behaviour of the spec does not begin in this state"
    assert rejected.lines()[0] == "entry 7 (lamp 4): event 0"


def test_a_gap_between_steps_is_no_behaviour(lamp: Graph) -> None:
    rejected = lookup.check(lamp, steps(lamp, (0, "Switch", 1), (2, "Replace", 0))).rejected
    assert rejected is not None
    assert rejected.reason == "does not begin where the step before it ended: lamp changed"


def test_states_that_the_model_does_not_reach_are_told(lamp: Graph) -> None:
    far = {"lamp": "on", "changes": {"k1": 9}}
    step = Step("Switch", lamp.states[0], far, 3, "too far")

    rejected = lookup.check(lamp, [step]).rejected

    assert rejected is not None
    assert rejected.reason == "the spec's action leads to another state"
    assert '    changes: {"k1":0} -> {"k1":9}' in rejected.lines()


def test_a_step_that_was_accepted_once_is_not_accepted_from_elsewhere(lamp: Graph) -> None:
    first = steps(lamp, (0, "Switch", 1), (1, "Switch", 0), (0, "Switch", 1))
    wrong = first[1]._replace(action="Burn")
    assert lookup.check(lamp, first).conforms
    assert not lookup.check(lamp, [*first, wrong]).conforms
