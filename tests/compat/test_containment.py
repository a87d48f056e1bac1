"""What is called compatible never is contradicted; what is shown as a break is one."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from engine.compat import Comparison, Direction, compare
from engine.compat.outcome import Break
from engine.compat.schemas import SchemaSet
from engine.model import Json
from tests.compat.small import SCALARS, documents, instances, pairs
from tests.examples import examples

POOL: list[Json] = [
    *SCALARS,
    [], {}, *([value] for value in SCALARS[:9]), *({"a": value} for value in SCALARS),
    *([first, second] for first, second in product(SCALARS[3:8], SCALARS[12:16])),
    *({"a": first, "b": second} for first, second in product(SCALARS[:6], SCALARS[12:16])),
    {"b": 1}, {"c1": 1}, {"zz": None}, {"a": {"a": 1}}, {"a": [1]}, [[1]], [{}], [1, 1, 1],
]  # fmt: skip


def against(old: Json, new: Json, direction: Direction = "output") -> Comparison:
    name = "s.json"
    return compare(SchemaSet({name: old}), SchemaSet({name: new}), [(name, name)], direction)


def is_valid(schema: Json, value: Json) -> bool | None:
    """None where jsonschema never ends."""
    try:
        return bool(Draft202012Validator(schema).is_valid(value))
    except RecursionError:
        return None


@settings(max_examples=examples(200), suppress_health_check=list(HealthCheck))
@given(pairs(), st.lists(instances, max_size=12))
def test_what_is_compatible_is_never_contradicted(
    schemas: tuple[Json, Json], some: list[Json]
) -> None:
    """INV-DATA-3."""
    old, new = schemas
    if against(old, new, "input").verdict == "compatible":
        for value in [*POOL, *some]:
            assert not (is_valid(old, value) and is_valid(new, value) is False), value


@settings(max_examples=examples(100), suppress_health_check=list(HealthCheck))
@given(pairs())
def test_every_witness_is_one(schemas: tuple[Json, Json]) -> None:
    """INV-DATA-4."""
    old, new = schemas
    for finding in against(old, new, "both").findings:
        problem = finding.problem
        if isinstance(problem, Break) and problem.has_witness:
            sub, sup = (new, old) if finding.direction == "output" else (old, new)
            assert is_valid(sub, problem.witness)
            assert is_valid(sup, problem.witness) is False


@settings(max_examples=examples(100), suppress_health_check=list(HealthCheck))
@given(documents)
def test_a_schema_is_never_incompatible_with_itself(schema: Json) -> None:
    comparison = against(schema, schema, "both")
    assert comparison.verdict != "incompatible"
    assert comparison.changes == 0


# One table row per rule: what it is called, and in which direction it breaks.


WAYS: tuple[Direction, ...] = ("output", "input")


def thing(*required: str, **properties: Json) -> Json:
    return {"type": "object", "required": list(required), "properties": properties}


INTEGER, NUMBER, TEXT = {"type": "integer"}, {"type": "number"}, {"type": "string"}
TREE = {"type": "object", "properties": {"v": INTEGER, "next": {"$ref": "#/$defs/tree"}}}
WIDE = {"type": "object", "properties": {"v": NUMBER, "next": {"$ref": "#/$defs/tree"}}}
RULES: dict[str, tuple[Json, Json, str]] = {
    # Each: a narrower schema, a wider one, the rule that the wider one breaks.
    "required": (thing("a", "b", a=TEXT), thing("a", a=TEXT), "required"),
    "integer widens to number": (thing("a", a=INTEGER), thing("a", a=NUMBER), "type"),
    "nullable": (TEXT, {"type": ["string", "null"]}, "type"),
    "enum": ({"enum": ["a", "b"]}, {"enum": ["a", "b", "c"]}, "enum"),
    "const": ({"const": 1}, {"enum": [1, 2]}, "const"),
    "enum to any": ({"enum": ["a"]}, TEXT, "enum"),
    "minimum": ({"type": "number", "minimum": 2}, {"type": "number", "minimum": 1}, "minimum"),
    "maximum": ({"type": "integer", "maximum": 2}, INTEGER, "maximum"),
    "exclusive": (
        {"type": "number", "exclusiveMinimum": 0}, {"type": "number", "minimum": 0},
        "exclusiveMinimum",
    ),
    "exclusive above": ({**NUMBER, "exclusiveMaximum": 5}, NUMBER, "exclusiveMaximum"),
    "multipleOf": ({**INTEGER, "multipleOf": 6}, {**INTEGER, "multipleOf": 3}, "multipleOf"),
    "minLength": ({**TEXT, "minLength": 1}, TEXT, "minLength"),
    "maxLength": ({**TEXT, "maxLength": 4}, {**TEXT, "maxLength": 5}, "maxLength"),
    "pattern": ({**TEXT, "pattern": "^[0-9]+$"}, TEXT, "pattern"),
    "items": ({"type": "array", "items": INTEGER}, {"type": "array", "items": NUMBER}, "type"),
    "minItems": ({"type": "array", "minItems": 1}, {"type": "array"}, "minItems"),
    "maxItems": ({"type": "array", "maxItems": 1}, {"type": "array", "maxItems": 2}, "maxItems"),
    "unique": ({"type": "array", "uniqueItems": True}, {"type": "array"}, "uniqueItems"),
    "tuple": (
        {"type": "array", "prefixItems": [INTEGER], "items": TEXT},
        {"type": "array", "prefixItems": [NUMBER], "items": TEXT}, "type",
    ),
    "closed": (
        {**thing(a=TEXT), "additionalProperties": False}, thing(a=TEXT), "additionalProperties",
    ),
    "additional": (
        {**thing(), "additionalProperties": INTEGER}, {**thing(), "additionalProperties": NUMBER},
        "type",
    ),
    "dropped member": (thing(a=TEXT), thing(), "type"),
    "minProperties": ({"type": "object", "minProperties": 1}, {"type": "object"}, "minProperties"),
    "maxProperties": ({"type": "object", "maxProperties": 1}, {"type": "object"}, "maxProperties"),
    "deep": (thing("a", a=thing("b", b=INTEGER)), thing("a", a=thing("b", b=NUMBER)), "type"),
    "cycle": (
        {"$ref": "#/$defs/tree", "$defs": {"tree": TREE}},
        {"$ref": "#/$defs/tree", "$defs": {"tree": WIDE}}, "type",
    ),
    "anyOf": ({"anyOf": [TEXT, INTEGER]}, {"anyOf": [TEXT, NUMBER]}, "anyOf"),
    "oneOf": ({"oneOf": [TEXT, INTEGER]}, {"oneOf": [TEXT, NUMBER]}, "oneOf"),
    "allOf": ({"allOf": [thing("a"), thing("b")]}, thing("a"), "required"),
    "not": ({"type": "integer"}, {"type": ["integer", "string"]}, "type"),
    "dependentRequired": (
        {"type": "object", "dependentRequired": {"a": ["b", "c"]}},
        {"type": "object", "dependentRequired": {"a": ["b"]}}, "dependentRequired",
    ),
    "dependentRequired of what is required": (
        thing("a", "b"), {**thing("a"), "dependentRequired": {"c": ["b"]}}, "required",
    ),
    "dependentSchemas": (
        {"type": "object", "dependentSchemas": {"a": thing("b", b=INTEGER)}},
        {"type": "object", "dependentSchemas": {"a": thing("b", b=NUMBER)}}, "type",
    ),
    "dependentSchemas of what is required": (
        {**thing("a"), "dependentSchemas": {"a": thing("b")}}, thing("a"), "required",
    ),
    "contains": (
        {"type": "array", "contains": INTEGER}, {"type": "array", "contains": NUMBER}, "contains",
    ),
    "contains by the items": (
        {"type": "array", "items": INTEGER, "minItems": 1},
        {"type": "array", "contains": INTEGER}, "type",
    ),
    "minContains": (
        {"type": "array", "contains": TEXT, "minContains": 2},
        {"type": "array", "contains": TEXT}, "contains",
    ),
    "maxContains": (
        {"type": "array", "contains": TEXT, "maxContains": 1},
        {"type": "array", "contains": TEXT, "maxContains": 2}, "maxContains",
    ),
    "propertyNames": (
        {"type": "object", "propertyNames": {"pattern": "^[a-c]$"}},
        {"type": "object", "propertyNames": {"maxLength": 1}}, "pattern",
    ),
    "propertyNames of a closed object": (
        {**thing(ab=TEXT), "additionalProperties": False},
        {"type": "object", "propertyNames": {"pattern": "^a"}}, "additionalProperties",
    ),
    "unevaluatedProperties": (
        {"allOf": [thing(a=TEXT)], "type": "object", "properties": {"b": TEXT},
         "unevaluatedProperties": False},
        {**thing(a=TEXT, b=TEXT, c=TEXT), "additionalProperties": False}, "unevaluatedProperties",
    ),
    "unevaluatedProperties with branches": (
        {"type": "object", "anyOf": [thing("a", a=TEXT), thing("b", b=TEXT)],
         "unevaluatedProperties": INTEGER},
        {"type": "object", "anyOf": [thing("a", a=TEXT), thing("b", b=TEXT)],
         "unevaluatedProperties": NUMBER}, "type",
    ),
    "unevaluatedItems": (
        {"type": "array", "prefixItems": [TEXT], "unevaluatedItems": INTEGER},
        {"type": "array", "prefixItems": [TEXT], "unevaluatedItems": NUMBER}, "type",
    ),
    "patternProperties": (
        {"type": "object", "patternProperties": {"^x[a-z]": INTEGER}},
        {"type": "object", "patternProperties": {"^x[a-c]$": NUMBER}}, "type",
    ),
    "pattern of another": (
        {**TEXT, "pattern": "^[0-9]{2}$"}, {**TEXT, "pattern": "^[0-9]+$"}, "pattern",
    ),
    "pattern and length": (
        {**TEXT, "pattern": "^[0-9]{2}$"}, {**TEXT, "minLength": 2, "maxLength": 2}, "pattern",
    ),
    "letters": ({**TEXT, "pattern": "^[a-z]+$"}, {**TEXT, "pattern": r"^\p{L}+$"}, "pattern"),
    "not wider": (
        {"type": "string", "not": {"minLength": 2}}, {"type": "string", "not": {"minLength": 3}},
        "not",
    ),
    "tagged": (
        {"oneOf": [thing("k", k={"const": "x"}), thing("k", k={"const": "y"})]},
        {"oneOf": [thing("k", k={"const": tag}) for tag in "xyz"]}, "oneOf",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RULES)
def test_each_rule_breaks_one_way_with_a_witness_and_holds_the_other(name: str) -> None:
    """INV-DATA-3, INV-DATA-4."""
    narrow, wide, rule = RULES[name]
    assert against(wide, narrow, "output").verdict == "compatible"
    assert against(narrow, wide, "input").verdict == "compatible"
    for old, new, way in ((narrow, wide, "output"), (wide, narrow, "input")):
        comparison = against(old, new, way)  # type: ignore[arg-type]
        problems = [finding.problem for finding in comparison.findings]
        breaks = [problem for problem in problems if isinstance(problem, Break)]
        assert rule in [broken.rule for broken in breaks]
        assert any(broken.has_witness for broken in breaks), breaks
        assert comparison.verdict == "incompatible"


def test_the_pointer_leads_to_the_keyword_that_forbids() -> None:
    (finding,) = against(thing(a=thing(b=INTEGER)), thing(a=thing(b=NUMBER))).findings
    assert isinstance(finding.problem, Break)
    assert (finding.side, finding.problem.pointer) == ("old", "/properties/a/properties/b/type")
    assert finding.problem.witness == {"a": {"b": 0.5}}


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ({"type": "string", "x-owner": "me"}, "unknown keyword 'x-owner'"),
        ({"properties": {"a": {"nullable": True}}}, "unknown keyword 'nullable'"),
        ({"$ref": "other.json"}, "not among the schemas"),
        ({"$ref": "#/nowhere"}, "where there is nothing"),
        ({"$schema": "http://json-schema.org/draft-03/schema#"}, "is not known"),
        ({"$defs": {"a": {"$id": "urn:x"}}, "$ref": "#/$defs/a"}, "with its own $id"),
        ({"$dynamicRef": "#a"}, "unknown keyword '$dynamicRef'"),
    ],
)
def test_what_is_not_known_is_undecided_even_against_itself(schema: Json, says: str) -> None:
    """INV-DATA-3."""
    comparison = against(schema, schema, "both")
    assert comparison.verdict == "undecided"
    assert any(says in finding.problem.reason for finding in comparison.findings)


def test_what_is_compared_as_written_is_undecided_unless_both_sides_say_the_same() -> None:
    old: Json = {"type": "string", "format": "date", "maxLength": 3}
    assert against(old, old).verdict == "compatible"
    assert against(old, {**old, "maxLength": 2}).verdict == "compatible"
    found = against(old, {**old, "format": "time"})
    assert found.verdict == "undecided"
    assert "compared as written only" in found.findings[0].problem.reason


def test_a_keyword_that_its_draft_has_not_is_undecided_unless_both_sides_say_the_same() -> None:
    old: Json = {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object"}
    new = {**old, "dependencies": {"a": ["b"]}}
    assert against(new, {**new, "minProperties": 1}).verdict == "compatible"
    (finding,) = against(old, new).findings
    assert finding.problem.reason == "'dependencies' is no keyword of its draft"
    assert against(old, {**new, "$schema": "http://json-schema.org/draft-07/schema#"}).verdict == (
        "compatible"
    )


@pytest.mark.parametrize("loop", [{"$ref": "#"}, {"anyOf": [{"$ref": "#"}, TEXT]}])
def test_a_reference_in_a_circle_is_never_compatible_with_something_else(loop: Json) -> None:
    """INV-DATA-3."""
    for other in (INTEGER, {**loop, "minimum": 3}, {"allOf": [loop, INTEGER]}):
        for direction in WAYS:
            found = against(loop, other, direction)
            if found.verdict == "compatible":
                assert (other, direction) == ({"allOf": [loop, INTEGER]}, "output")


def test_schemas_that_are_written_alike_are_compatible_whatever_they_say() -> None:
    schema: Json = {
        "$ref": "#/$defs/x",
        "$defs": {"x": {"if": {"type": "array"}, "then": {"contains": TEXT}}},
    }
    assert against(schema, {**schema, "title": "new"}, "both").verdict == "compatible"
    assert (
        against(schema, {**schema, "$defs": {"x": {"if": {"type": "array"}}}}, "input").verdict
        != "incompatible"
    )
    assert (
        against({**schema, "$defs": {"x": {"if": {"type": "array"}}}}, schema, "input").verdict
        != "compatible"
    )


def test_an_exclusive_bound_of_draft_4_is_one() -> None:
    draft: Json = {"$schema": "http://json-schema.org/draft-04/schema#"}
    open_end: Json = {**draft, "type": "number", "minimum": 10, "exclusiveMinimum": True}
    closed_end: Json = {**open_end, "exclusiveMinimum": False}
    assert against(open_end, closed_end, "input").verdict == "compatible"
    assert against(closed_end, open_end, "input").verdict == "incompatible"
    later: Json = {"type": "number", "exclusiveMinimum": 10}
    assert against(open_end, later, "both").verdict == "compatible"
    assert against({**open_end, "id": "urn:a"}, {**open_end, "const": 3}, "both").verdict != (
        "compatible"
    )
    inside: Json = {
        **draft,
        "properties": {"a": {"items": [{"maximum": 3, "exclusiveMaximum": True}]}},
    }
    (finding,) = against(
        inside, {**draft, "properties": {"a": {"items": [{"maximum": 3}]}}}
    ).findings
    assert finding.problem.pointer == "/properties/a/items/0/exclusiveMaximum"


def test_a_keyword_that_one_vouches_for_is_an_annotation() -> None:
    schema = SchemaSet({"s": {"type": "string", "x-owner": "me"}})
    found = compare(schema, schema, [("s", "s")], "both", frozenset(["x-owner"]))
    assert found.verdict == "compatible"


def test_a_schema_that_is_gone_is_a_break() -> None:
    found = compare(SchemaSet({"s": thing(a=TEXT)}), SchemaSet({}), [("s", "s")], "output")
    assert (found.verdict, found.changes) == ("incompatible", 1)


def test_references_between_documents_are_followed() -> None:
    def both(inner: Json) -> SchemaSet:
        return SchemaSet({"a/s.json": {"$ref": "../t.json#/$defs/x"}, "t.json": {"$defs": inner}})

    pair = [("a/s.json", "a/s.json")]
    assert (
        compare(both({"x": NUMBER}), both({"x": INTEGER}), pair, "output").verdict == "compatible"
    )
    found = compare(both({"x": INTEGER}), both({"x": NUMBER}), pair, "output").findings[0].problem
    assert (found.document, found.pointer) == ("t.json", "/$defs/x/type")


def test_drift_counts_columns_that_differ_and_no_annotations() -> None:
    old = thing("a", a={**TEXT, "title": "A"}, b=INTEGER, c=thing(d=TEXT))
    new = thing("a", a={**TEXT, "title": "B"}, b=NUMBER, c=thing(d=TEXT, e=TEXT), f=TEXT)
    assert against(old, new).changes == 3
    assert against(thing("a", a=TEXT), thing(a=TEXT)).changes == 1


def test_a_schema_that_takes_too_long_is_undecided() -> None:
    wide = {"anyOf": [thing(**{f"p{n}": {"anyOf": [TEXT, INTEGER]}}) for n in range(9)]}
    deep: Json = wide
    for _ in range(6):
        deep = {"anyOf": [{"type": "array", "items": deep}, wide]}
    assert against({"allOf": [deep, deep, deep]}, deep).verdict in ("undecided", "compatible")


def chain(size: int, link: str, end: Json) -> Json:
    """A schema as deep as ``size`` references."""
    links: dict[str, Json] = {
        "properties": lambda ref: {"type": "object", "properties": {"a": ref}},
        "anyOf": lambda ref: {"anyOf": [ref, {"type": "null"}]},
        "allOf": lambda ref: {"allOf": [ref]},
        "$ref": lambda ref: ref,
    }
    made = {f"d{n}": links[link]({"$ref": f"#/$defs/d{n + 1}"}) for n in range(size)}
    return {"$ref": "#/$defs/d0", "$defs": {**made, f"d{size}": end}}


@pytest.mark.parametrize("link", ["properties", "anyOf", "allOf", "$ref"])
@pytest.mark.parametrize("size", [30, 250])
def test_however_deep_a_schema_is_there_is_an_answer(link: str, size: int) -> None:
    """INV-DATA-3."""
    found = against(chain(size, link, INTEGER), chain(size, link, TEXT), "both")
    assert found.verdict != "compatible"
    assert (size, link) in ((250, link), (30, "anyOf")) or found.verdict == "incompatible"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({**TEXT, "minLength": 10**12}, {**TEXT, "minLength": 10**13}),
        ({"type": "array", "minItems": 10**12}, {"type": "array", "minItems": 10**13}),
        ({"type": "object", "minProperties": 10**9}, {"type": "object", "maxProperties": 10**8}),
        ({**TEXT, "pattern": "^[a]{1000000000}$"}, {**TEXT, "pattern": "("}),
        ({**INTEGER, "minimum": -(2**53)}, {**INTEGER, "multipleOf": 1e-9}),
    ],
)
def test_sizes_beyond_all_measure_take_no_memory(old: Json, new: Json) -> None:
    assert against(old, new, "both").verdict != "compatible"


def test_the_strategy_makes_schemas() -> None:
    for schema in (RULES[name][0] for name in RULES):
        Draft202012Validator.check_schema(schema)
