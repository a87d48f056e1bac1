"""Small random schemas and the instances that can tell them apart."""

from __future__ import annotations

from hypothesis import strategies as st

from engine.model import Json

NAMES = ("a", "b", "c1")
SCALARS: list[Json] = [
    *(None, True, False, 0, 1, 2, 3, -1, 1.0, 0.5, 1.5, 2.5, "", "a", "ab", "abc", "b", "1", "a1"),
]
scalars = st.sampled_from(SCALARS)
instances = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from((*NAMES, "zz")), inner, max_size=3),
    ),
    max_leaves=5,
)
TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")
bounds = st.sampled_from([0, 1, 2, 3, 0.5, 1.5, -1])
sizes = st.integers(0, 3)


def keyword(inner: st.SearchStrategy[Json]) -> st.SearchStrategy[dict[str, Json]]:
    """One keyword, or two that belong together."""
    several = st.lists(inner, min_size=1, max_size=3)
    kind = st.sampled_from(TYPES)
    named = st.dictionaries(st.sampled_from(NAMES), inner, max_size=2)
    by_pattern = st.dictionaries(st.sampled_from(["^a", "1$", "^[a-b]$"]), inner, max_size=2)
    choices: list[tuple[str, st.SearchStrategy[Json]]] = [
        ("type", kind),
        ("type", st.lists(kind, min_size=1, max_size=3, unique=True)),
        ("enum", st.lists(scalars, min_size=1, max_size=3)),
        ("const", scalars),
        ("minimum", bounds),
        ("maximum", bounds),
        ("exclusiveMinimum", bounds),
        ("exclusiveMaximum", bounds),
        ("multipleOf", st.sampled_from([1, 2, 3, 0.5])),
        ("minLength", sizes),
        ("maxLength", sizes),
        ("pattern", st.sampled_from(["^a", "b$", "[0-9]", "^[a-z]+$", "^[ab]*$", "^(?!b)"])),
        ("items", inner),
        ("prefixItems", several),
        ("minItems", sizes),
        ("maxItems", sizes),
        ("uniqueItems", st.booleans()),
        ("contains", inner),
        ("properties", named),
        ("patternProperties", by_pattern),
        ("additionalProperties", inner),
        ("required", st.lists(st.sampled_from(NAMES), max_size=2, unique=True)),
        ("minProperties", sizes),
        ("maxProperties", sizes),
        ("propertyNames", inner),
        ("dependentRequired", st.sampled_from([{"a": ["b"]}, {"b": ["c1"]}, {"a": ["b", "c1"]}])),
        ("dependentSchemas", named),
        ("unevaluatedProperties", inner),
        ("unevaluatedItems", inner),
        ("minContains", sizes),
        ("maxContains", sizes),
        ("allOf", several),
        ("anyOf", several),
        ("oneOf", several),
        ("not", inner),
        ("if", inner),
        ("then", inner),
        ("else", inner),
        ("$ref", st.sampled_from(["#/$defs/one", "#/$defs/two"])),
    ]
    return st.sampled_from(choices).flatmap(
        lambda choice: choice[1].map(lambda value: {choice[0]: value})
    )


def _merged(parts: list[dict[str, Json]]) -> dict[str, Json]:
    return {word: value for part in parts for word, value in part.items()}


inner_schemas: st.SearchStrategy[Json] = st.recursive(
    st.one_of(st.booleans(), st.sampled_from(TYPES).map(lambda kind: {"type": kind})),
    lambda inner: st.lists(keyword(inner), max_size=3).map(_merged),
    max_leaves=4,
)


def rooted(parts: tuple[Json, Json, Json]) -> Json:
    """A document whose references lead somewhere."""
    root, first, second = parts
    whole = root if isinstance(root, dict) else {"allOf": [root]}
    return {**whole, "$defs": {"one": first, "two": second}}


documents = st.tuples(inner_schemas, inner_schemas, inner_schemas).map(rooted)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Json, Json]:
    """Two documents, mostly one and what became of it by a change or two."""
    old = draw(documents)
    if draw(st.integers(0, 3)) == 0:
        return old, draw(documents)
    new = dict(old)
    for _ in range(draw(st.integers(0, 2))):
        words = [word for word in new if word != "$defs"]
        if words and draw(st.sampled_from(("drop", "change"))) == "drop":
            del new[draw(st.sampled_from(words))]
        else:
            new |= draw(keyword(inner_schemas))
    return (old, new) if draw(st.sampled_from((1, 2))) == 1 else (new, old)
