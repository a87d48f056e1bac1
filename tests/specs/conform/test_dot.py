"""TLC's dumps: its values as JSON, its states and steps as a graph."""

from __future__ import annotations

import pytest

from engine.errors import SpecError
from engine.model import Json
from engine.specs.conform import dot
from engine.specs.conform.graph import Edge

DUMP = r"""strict digraph DiskGraph {
nodesep=0.35;
subgraph cluster_graph {
color="white";
77 [label="/\\ stage = (m1 :> \"a\\\\b\" @@\n  m2 :> \"on\")\n/\\ left = <<>>",style = filled]
77 -> -5 [label="Switch",color="black",fontcolor="black"];
-5 [label="/\\ stage = (m1 :> \"off\" @@ m2 :> \"on\")\n/\\ left = <<1, 2>>"];
-5 -> 77 [label="Switch",color="black",fontcolor="black"];
-5 -> -5 [label="Wait",color="black",fontcolor="black"];
-5 -> -5 [style="dashed"];
{rank = same; 77;}
{rank = same; -5;}
}
}"""


def test_a_dump_gives_states_and_named_steps() -> None:
    graph = dot.read(DUMP, "lamp")

    assert graph.states == (
        {"stage": {"m1": "a\\b", "m2": "on"}, "left": []},
        {"stage": {"m1": "off", "m2": "on"}, "left": [1, 2]},
    )
    assert graph.initial == (0,)
    assert graph.edges == (Edge(0, "Switch", 1), Edge(1, "Switch", 0), Edge(1, "Wait", 1))


def test_a_spec_of_one_variable_has_no_conjunction() -> None:
    assert dot.read('1 [label="x = 0",style = filled]').states == ({"x": 0},)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("TRUE", True),
        ("-3", -3),
        ("m1", "m1"),
        ('"two words"', "two words"),
        ("<<>>", []),
        ("{}", []),
        ("{3, 1, 2}", [1, 2, 3]),
        ('{"b", "a"}', ["a", "b"]),
        ("1..3", [1, 2, 3]),
        ("<<1, <<TRUE>>>>", [1, [True]]),
        ("[a |-> 1, b |-> {m2, m1}]", {"a": 1, "b": ["m1", "m2"]}),
        ("(m1 :> 0 @@ m2 :> [x |-> <<>>])", {"m1": 0, "m2": {"x": []}}),
        ("(0 :> 1 @@ 1 :> 2)", {"0": 1, "1": 2}),
        ('(<<"a", 1>> :> 2)', {'["a",1]': 2}),
    ],
)
def test_a_value_becomes_json(text: str, value: Json) -> None:
    assert dot.value(text) == value


@pytest.mark.parametrize(
    "text", ["", "<<1", "{1,}", "[a |-> ]", "(m1 :> 1 @@)", "1 2", "#", "[x", "(", "1.."]
)
def test_what_is_no_value_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match="is not understood"):
        dot.value(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no initial state"),
        ('1 [label="x = 0"]', "no initial state"),
        ('1 [label="x = 0",style = filled]\n1 -> 2 [label="A"];', "1 steps to states"),
    ],
)
def test_half_a_dump_is_refused(text: str, says: str) -> None:
    with pytest.raises(SpecError, match=says):
        dot.read(text, "half")
