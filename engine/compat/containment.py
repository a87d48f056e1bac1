"""Whether every instance of one schema is an instance of another.

Sound where it says yes: by structural induction on the instance, so that a pair of schemas that
is met again inside itself is taken to hold. JSON Schema core and validation, drafts 6 to 2020-12.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from engine.compat import members
from engine.compat.doubt import Doubt
from engine.compat.emptiness import is_empty, no_number
from engine.compat.flat import alternatives, atom_of, atoms, flatten, valid_values
from engine.compat.instances import is_instance
from engine.compat.numerals import text_of
from engine.compat.outcome import HOLDS, ContainmentResult, broken, doubted, open_question
from engine.compat.sample import NOTHING, sample
from engine.compat.scalars import check_number, check_size, check_text, witness
from engine.compat.schemas import Node, SchemaSet
from engine.model import Json

MAX_STEPS = 2_000
MAX_LEVELS = 48
Nodes = list[Node]

_KIND_OF = {
    "string": ("format", "contentEncoding", "contentMediaType", "contentSchema"),
    "array": ("contains", "minContains", "maxContains", "unevaluatedItems"),
    "object": ("propertyNames", "dependentRequired", "dependentSchemas", "dependencies",
               "unevaluatedProperties"),
}  # fmt: skip
_KINDS = SchemaSet(
    {
        atom: {"type": "number" if atom == "fraction" else atom}
        for atom in ("null", "boolean", "integer", "fraction", "string", "array", "object")
    }
)


class Containment:
    """One comparison; counts its steps, so that no schema keeps it busy for ever."""

    def __init__(self) -> None:
        self._assumed: dict[tuple[frozenset[object], frozenset[object]], int] = {}
        self._steps = 0
        self._level = 0

    def check(self, sub: Nodes, sup: Nodes) -> ContainmentResult:
        """Compare: every instance of all of ``sub`` is one of all of ``sup``."""
        pair = (frozenset(node.key for node in sub), frozenset(node.key for node in sup))
        document = sup[0].name if sup else ""
        if self._assumed.get(pair, self._level) < self._level:
            return HOLDS
        self._steps += 1
        if reason := self._gives_up(pair):
            return doubted(Doubt("", reason), document)
        self._assumed[pair] = self._level
        try:
            return self._check(sub, sup)
        except Doubt as doubt:
            return doubted(doubt, document)
        except RecursionError:
            return doubted(Doubt("", "is too deep"), document)
        finally:
            del self._assumed[pair]

    def _gives_up(self, pair: tuple[frozenset[object], frozenset[object]]) -> str:
        """Why a pair is not looked into; empty where it is.

        A pair may be assumed of a smaller instance only: what holds for all parts holds.
        """
        if pair in self._assumed:
            return "refers to itself without anything between"
        if self._steps > MAX_STEPS:
            return f"takes more than {MAX_STEPS:,} steps"
        return f"is over {MAX_LEVELS} levels deep" if self._level > MAX_LEVELS else ""

    def _below(self, sub: Nodes, sup: Nodes) -> ContainmentResult:
        """Compare the schemas of a part of the instance."""
        self._level += 1
        try:
            return self.check(sub, sup)
        finally:
            self._level -= 1

    def _check(self, sub: Nodes, sup: Nodes) -> ContainmentResult:
        target = flatten(sup)
        if target == []:
            return HOLDS
        if is_empty(sub):
            return HOLDS
        if target is None:
            shown = sample(sub)
            sure = shown is not NOTHING
            return broken(_false(sup), "", "nothing is allowed here", shown, sure=sure)
        outcome = HOLDS
        for flat, exact in alternatives(flatten(sub) or []):
            found = HOLDS
            for node in target:
                found += self._within(flat, node)
            outcome += found if exact else found.unsure()
        return outcome

    def _within(self, flat: Nodes, other: Node) -> ContainmentResult:
        if any(_says_the_same(node, other) for node in flat):
            return HOLDS
        listed = valid_values(flat)
        if listed is not None:
            return self._values(listed, other)
        outcome = HOLDS
        left = atoms(flat)
        for atom in sorted(left):
            outcome += self._atom(flat, other, atom)
        for check, keyword in (
            (self._any_of, "anyOf"),
            (self._one_of, "oneOf"),
            (self._not, "not"),
            (self._if, "if"),
        ):
            if other.has(keyword):
                outcome += check(flat, other)
        return outcome

    def _values(self, listed: Sequence[Json], other: Node) -> ContainmentResult:
        for value in listed:
            if not is_instance(other, value):
                keyword = next((word for word in ("const", "enum") if other.has(word)), "")
                if not keyword:
                    keyword = "type" if atom_of(value) not in atoms([other]) else "value"
                return broken(other, keyword, "a listed value is not allowed", value)
        return HOLDS

    def _atom(self, flat: Nodes, other: Node, atom: str) -> ContainmentResult:
        """What ``other`` itself says about one kind of values."""
        is_number = atom in ("integer", "fraction")
        if (is_number and no_number(flat, atom)) or is_empty([*flat, _KINDS.root(atom)]):
            return HOLDS
        if atom not in atoms([other]):
            shown = witness(flat, other, atom=atom)
            named = "number" if atom == "fraction" else atom
            return broken(other, "type", f"{named} is not allowed", shown)
        for keyword in ("enum", "const"):
            if other.has(keyword):
                if atom in ("null", "boolean"):
                    return self._values([None] if atom == "null" else [True, False], other)
                shown = witness(flat, other, atom=atom)
                return broken(other, keyword, "only listed values are allowed", shown)
        outcome = self._same(flat, other, atom)
        if is_number:
            outcome += check_number(flat, other, atom)
        elif atom == "string":
            outcome += check_text(flat, other)
        elif atom == "array":
            outcome += self._array(flat, other)
        elif atom == "object":
            outcome += self._object(flat, other)
        return outcome

    def _same(self, flat: Nodes, other: Node, atom: str) -> ContainmentResult:
        outcome = HOLDS
        for keyword in _KIND_OF.get(atom, ()):
            if other.has(keyword) and not any(_same_keyword(node, other, keyword) for node in flat):
                shown = NOTHING if keyword == "format" else witness(flat, other, atom=atom)
                outcome += (
                    broken(other, keyword, "an instance breaks it", shown, sure=False)
                    if shown is not NOTHING
                    else open_question(other, keyword, f"{keyword} is not reasoned about")
                )
        return outcome

    # Arrays and objects.

    def _array(self, flat: Nodes, other: Node) -> ContainmentResult:
        ends = members.prefix_size([*flat, other]) + 1
        longest = next((n for n in range(ends) if is_empty(members.item(flat, n))), None)
        outcome = check_size(flat, other, ("minItems", "maxItems"), self._arrays_of(flat),
                             most=longest)  # fmt: skip
        short = longest is not None and longest <= 1
        if other.get("uniqueItems") and not short:
            own = any(node.get("uniqueItems") for node in flat)
            tops = [node.get("maxItems") for node in flat if node.has("maxItems")]
            if not own and not any(top <= 1 for top in tops):
                pair = self._arrays_of(flat)(2)
                shown = witness(flat, other, pair, atom="array")
                sure = shown is not NOTHING
                outcome += broken(other, "uniqueItems", "items may repeat", shown, sure=sure)
        highest = min((node.get("maxItems") for node in flat if node.has("maxItems")), default=ends)
        for index in range(min(ends, int(highest), ends if longest is None else longest)):
            target = members.item([other], index)
            if target:
                found = self._below(members.item(flat, index), target)
                outcome += found.lifted(partial(self._with_item, flat, index))
        return outcome

    def _arrays_of(self, flat: Nodes) -> Callable[[int], Json]:
        def made(size: int) -> Json:
            items = [sample(members.item(flat, index)) for index in range(min(size, 200))]
            return NOTHING if NOTHING in items or len(items) < size else items

        return made

    def _with_item(self, flat: Nodes, index: int, value: Json) -> Json:
        whole = sample(flat, "array")
        items = list(whole) if isinstance(whole, list) else []
        while len(items) <= index:
            items.append(sample(members.item(flat, len(items))))
        items[index] = value
        return NOTHING if NOTHING in items else items

    def _object(self, flat: Nodes, other: Node) -> ContainmentResult:
        own = members.required(flat)
        closed = _closed_names(flat)
        keywords, made = ("minProperties", "maxProperties"), partial(_object_of, flat)
        outcome = check_size(flat, other, keywords, made, least=len(own), most=closed)
        for name in other.get("required", []):
            if name not in own:
                whole = sample(flat, "object")
                less = {k: v for k, v in whole.items() if k != name} if whole is not NOTHING else {}
                shown = witness(flat, other, less, atom="object")
                outcome += broken(other, "required", f"{name!r} may be missing", shown)
        for name in sorted(members.names(flat) | members.names([other])):
            target = members.member([other], name)
            mine = members.member(flat, name)
            if target and not is_empty(mine):
                found = self._below(mine, target)
                outcome += found.lifted(partial(_with_member, flat, name))
        return outcome + self._other_members(flat, other)

    def _other_members(self, flat: Nodes, other: Node) -> ContainmentResult:
        """Members that neither side names, by pattern and by what is left."""
        outcome = HOLDS
        shared = members.patterns([other])
        rest = [inner for node in flat for inner in members.other_members(node)]
        alone = sorted(members.patterns(flat) - shared)
        fresh = _fresh_name(flat, other)
        for pattern in sorted(shared):
            target = [other.child("patternProperties", pattern)]
            mine = _by_pattern(flat, pattern)
            named_otherwise = [_by_pattern(flat, own) for own in sorted(members.patterns(flat))]
            sources = [mine] if mine else [rest, *named_otherwise]
            if all(self._below(source, target).holds for source in sources):
                continue
            shown = witness(flat, other, atom="object")
            reason = f"members like {pattern!r}"
            outcome += broken(other, "patternProperties", reason, shown, sure=False)
        target = members.other_members(other)
        if target and not is_empty(rest):
            found = self._below(rest, target)
            found = found.lifted(partial(_with_member, flat, fresh))
            outcome += found.unsure() if alone or members.patterns(flat) else found
        if target:
            for pattern in alone:
                outcome += self._below(_by_pattern(flat, pattern), target).unsure()
        return outcome

    # Alternatives and conditions of the side that must allow.

    def _any_of(self, flat: Nodes, other: Node) -> ContainmentResult:
        if any(self.check(flat, [branch]).holds for branch in other.children("anyOf")):
            return HOLDS
        left = sorted(atoms(flat))
        if len(left) > 1:
            outcome = HOLDS
            for atom in left:
                piece = [*flat, _KINDS.root(atom)]
                if not is_empty(piece):
                    outcome += self._any_of_piece(piece, other)
            return outcome
        return self._unfound(flat, other, "anyOf")

    def _any_of_piece(self, piece: Nodes, other: Node) -> ContainmentResult:
        listed = valid_values(piece)
        if listed is not None:
            return self._values(listed, other)
        if any(self.check(piece, [branch]).holds for branch in other.children("anyOf")):
            return HOLDS
        return self._unfound(piece, other, "anyOf")

    def _one_of(self, flat: Nodes, other: Node) -> ContainmentResult:
        branches = other.children("oneOf")
        pieces = [[*flat, _KINDS.root(atom)] for atom in sorted(atoms(flat))]
        outcome = HOLDS
        for piece in pieces if len(pieces) > 1 else [flat]:
            if is_empty(piece):
                continue
            listed = valid_values(piece)
            if listed is not None:
                outcome += self._values(listed, other)
            elif not self._in_exactly_one(piece, branches):
                outcome += self._unfound(piece, other, "oneOf")
        return outcome

    def _in_exactly_one(self, piece: Nodes, branches: Nodes) -> bool:
        for branch in branches:
            if all(other is branch or is_empty([*piece, other]) for other in branches):
                return self.check(piece, [branch]).holds
        return False

    def _not(self, flat: Nodes, other: Node) -> ContainmentResult:
        if is_empty([*flat, other.child("not")]):
            return HOLDS
        return self._unfound(flat, other, "not")

    def _if(self, flat: Nodes, other: Node) -> ContainmentResult:
        condition = other.child("if")
        then = [other.child("then")] if other.has("then") else []
        otherwise = [other.child("else")] if other.has("else") else []
        fits = self.check([*flat, condition], then).holds and (
            not otherwise
            or self.check(flat, otherwise).holds
            or self.check(flat, [condition]).holds
        )
        return HOLDS if fits else self._unfound(flat, other, "if")

    def _unfound(self, flat: Nodes, other: Node, keyword: str) -> ContainmentResult:
        shown = witness(flat, other)
        if shown is NOTHING:
            return open_question(other, keyword, f"{keyword} could not be decided")
        return broken(other, keyword, f"{keyword} does not allow it", shown, sure=False)


def _false(sup: Nodes) -> Node:
    """The place that says ``false``, as far as it can be named without more ado."""
    return next((node for node in sup if node.schema is False), sup[0])


def _says_the_same(node: Node, other: Node) -> bool:
    """Whether two schemas, and all that they refer to, are written alike."""
    if node.schemas is other.schemas and (node.name, node.pointer) == (other.name, other.pointer):
        return True
    return (
        node.text == other.text and node.draft == other.draft and node.closure() == other.closure()
    )


def _same_keyword(node: Node, other: Node, keyword: str) -> bool:
    group = ("contains", "minContains", "maxContains") if "ontains" in keyword else (keyword,)
    if keyword.startswith("unevaluated") or node.draft != other.draft:
        return False
    pairs = [(text_of(node.get(word)), text_of(other.get(word))) for word in group]
    return node.has(keyword) and all(
        mine == theirs and '"$ref"' not in mine for mine, theirs in pairs
    )


def _closed_names(flat: Nodes) -> int | None:
    """How many members there can be, where no others are allowed."""
    for node in flat:
        if node.get("additionalProperties") is False and not node.get("patternProperties"):
            return sum(not is_empty(members.member(flat, n)) for n in node.get("properties", {}))
    return None


def _by_pattern(flat: Nodes, pattern: str) -> Nodes:
    return [
        node.child("patternProperties", pattern)
        for node in flat
        if pattern in node.get("patternProperties", {})
    ]


def _fresh_name(flat: Nodes, other: Node) -> str:
    taken = members.names(flat) | members.names([other])
    found = members.patterns(flat) | members.patterns([other])
    for name in ("extra", "x", "other", "Z9", "_", "0", "~~", "extra2"):
        if name not in taken and not any(members.matches(p, name, other) for p in found):
            return name
    return "extra"


def _object_of(flat: Nodes, size: int) -> Json:
    """An object with so many members, as far as some are known."""
    whole = sample(flat, "object")
    if not isinstance(whole, dict):
        return NOTHING
    for name in [*sorted(members.names(flat)), *(f"x{n}" for n in range(size))]:
        value = NOTHING
        if len(whole) < size and name not in whole:
            value = sample(members.member(flat, name))
        if value is not NOTHING:
            whole = {**whole, name: value}
    return whole


def _with_member(flat: Nodes, name: str, value: Json) -> Json:
    whole = sample(flat, "object")
    return {**whole, name: value} if isinstance(whole, dict) else NOTHING
