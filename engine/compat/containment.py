"""Whether every instance of one schema is an instance of another.

Sound where it says yes: by structural induction on the instance, so that a pair of schemas that
is met again inside itself is taken to hold. JSON Schema core and validation, drafts 6 to 2020-12.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial

from engine.compat import members
from engine.compat.automaton import found_text
from engine.compat.doubt import Doubt
from engine.compat.emptiness import is_empty, no_number
from engine.compat.flat import (
    alternatives,
    atom_of,
    atoms,
    flatten,
    patterns_of,
    required,
    valid_values,
)
from engine.compat.further import check_contains, check_dependent, check_names, with_member
from engine.compat.instances import is_instance
from engine.compat.numerals import text_of
from engine.compat.outcome import HOLDS, ContainmentResult, broken, doubted, open_question
from engine.compat.sample import NOTHING, sample
from engine.compat.scalars import check_number, check_size, check_text, witness
from engine.compat.schemas import Node, says_the_same
from engine.model import Json

MAX_STEPS = 2_000
MAX_LEVELS = 48
Nodes = list[Node]

_WRITTEN_ALIKE = ("format", "contentEncoding", "contentMediaType", "contentSchema")


class Containment:
    """One comparison; counts its steps, so that no schema keeps it busy for ever."""

    def __init__(self, like: Node) -> None:
        """Begin; kinds of values are said as if in the document of ``like``."""
        self._like = like
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
            self._like.schemas.work.spend(120)
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

    def below(self, sub: Nodes, sup: Nodes) -> ContainmentResult:
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
        if any(says_the_same(node, other) for node in flat):
            return HOLDS
        listed = valid_values(flat)
        if listed is not None:
            return self._values(listed, other)
        for keyword in ("unevaluatedProperties", "unevaluatedItems"):
            other = self._without_same(flat, other, keyword)
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

    def _without_same(self, flat: Nodes, other: Node, keyword: str) -> Node:
        """Leave ``unevaluated…`` out where a side looks at the same besides, and leaves no more."""
        if not other.has(keyword):
            return other
        bare = other.without(keyword)
        for node in flat:
            if (
                node.has(keyword)
                and says_the_same(node.without(keyword), bare)
                and self.below([node.child(keyword)], [other.child(keyword)]).holds
            ):
                return bare
        return other

    def _kind(self, atom: str) -> Node:
        return self._like.made({"type": "number" if atom == "fraction" else atom})

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
        self._like.schemas.work.spend(20)
        is_number = atom in ("integer", "fraction")
        if (is_number and no_number(flat, atom)) or is_empty([*flat, self._kind(atom)]):
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
        outcome = self._same(flat, other) if atom == "string" else HOLDS
        if is_number:
            outcome += check_number(flat, other, atom)
        elif atom == "string":
            outcome += check_text(flat, other)
        elif atom == "array":
            outcome += self._array(flat, other)
        elif atom == "object":
            outcome += self._object(flat, other)
        return outcome

    def _same(self, flat: Nodes, other: Node) -> ContainmentResult:
        outcome = HOLDS
        for keyword in _WRITTEN_ALIKE:
            if other.has(keyword) and not any(_same_keyword(node, other, keyword) for node in flat):
                outcome += open_question(other, keyword, f"{keyword} is compared as written only")
        return outcome

    # Arrays and objects.

    def _array(self, flat: Nodes, other: Node) -> ContainmentResult:
        ends = members.prefix_size([*flat, other]) + 1
        longest = next((n for n in range(ends) if is_empty(members.item(flat, n))), None)
        outcome = check_size(flat, other, ("minItems", "maxItems"), self._arrays_of(flat),
                             least=members.least_items(flat), most=longest)  # fmt: skip
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
            target = members.item([other], index, narrow=True)
            if target:
                found = self.below(members.item(flat, index), target)
                found = found.lifted(partial(self._with_item, flat, index))
                outcome += found.unsure() if other.has("unevaluatedItems") else found
        return outcome + check_contains(self, flat, other)

    def _arrays_of(self, flat: Nodes) -> Callable[[int], Json]:
        def made(size: int) -> Json:
            items = [sample(members.item(flat, index)) for index in range(min(size, 200))]
            return NOTHING if NOTHING in items or len(items) < size else items

        return made

    def _with_item(self, flat: Nodes, index: int, value: Json) -> Json:
        whole = sample(flat, "array")
        items = list(whole) if isinstance(whole, list) else []
        if index >= members.prefix_size(flat):
            index = max(index, min(members.least_items(flat), 200))
        while len(items) <= index:
            items.append(sample(members.item(flat, len(items))))
        items[index] = value
        return NOTHING if NOTHING in items else items

    def _object(self, flat: Nodes, other: Node) -> ContainmentResult:
        own = required(flat)
        known = members.closed(flat)
        closed = (
            None
            if known is None
            else sum(not is_empty(members.member(flat, name)) for name in known)
        )
        keywords, made = ("minProperties", "maxProperties"), partial(_object_of, flat)
        outcome = check_size(flat, other, keywords, made, least=len(own), most=closed)
        for name in other.get("required", []):
            if name not in own:
                whole = sample(flat, "object")
                less = {k: v for k, v in whole.items() if k != name} if whole is not NOTHING else {}
                shown = witness(flat, other, less, atom="object")
                outcome += broken(other, "required", f"{name!r} may be missing", shown)
        for name in sorted(members.names(flat) | members.names([other])):
            target = members.member([other], name, narrow=True)
            mine = members.member(flat, name)
            if target and not is_empty(mine):
                found = self.below(mine, target).lifted(partial(with_member, flat, name))
                is_loose = other.has("unevaluatedProperties", "propertyNames")
                outcome += found.unsure() if is_loose else found
        outcome += check_dependent(self, flat, other) + check_names(self, flat, other)
        return outcome + self._other_members(flat, other)

    def _other_members(self, flat: Nodes, other: Node) -> ContainmentResult:
        """Members that neither side names, by pattern and by what is left."""
        taken = members.names(flat) | members.names([other])
        own = sorted(members.patterns(flat))
        shared = sorted(members.patterns([other]))
        rest = [inner for node in flat for inner in members.other_members(node)]
        left = members.other_members(other, narrow=True)
        outcome = HOLDS
        for pattern in shared:
            target = [other.child("patternProperties", pattern)]
            if pattern in own:
                places = [([pattern], _by_pattern(flat, pattern))]
            else:
                places = [([pattern, mine], _by_pattern(flat, mine)) for mine in own]
                places.append(([pattern], rest))
            for inside, source in places:
                outside = own if source is rest else []
                outcome += self._of_names(flat, other, (source, target), inside, outside, taken)
        if left:
            for pattern in own:
                source = _by_pattern(flat, pattern)
                outcome += self._of_names(flat, other, (source, left), [pattern], shared, taken)
            outcome += self._of_names(flat, other, (rest, left), [], [*own, *shared], taken)
        return outcome

    def _of_names(
        self,
        flat: Nodes,
        other: Node,
        sides: tuple[Nodes, Nodes],
        inside: list[str],
        outside: list[str],
        taken: set[str],
    ) -> ContainmentResult:
        """Members whose names match ``inside`` and nothing of ``outside``, if there are any."""
        if is_empty(sides[0]):
            return HOLDS
        inside = [*inside, *patterns_of(_names_of(flat))]
        named = [f"^{re.escape(name)}$" for name in sorted(taken)]
        known = members.closed(flat)
        if known is not None and known <= taken:
            return HOLDS
        try:
            name = found_text(inside, [], 0, None, other.schemas.work, [*outside, *named])
        except Doubt as doubt:
            found = self.below(*sides)
            return (
                found
                if found.holds
                else doubted(Doubt(f"{other.pointer}/patternProperties", doubt.reason), other.name)
            )
        if name is None:
            return HOLDS
        return self.below(*sides).lifted(partial(with_member, flat, name)).unsure()

    # Alternatives and conditions of the side that must allow.

    def _any_of(self, flat: Nodes, other: Node) -> ContainmentResult:
        branches = other.children("anyOf")
        if len(branches) == 1:
            return self.check(flat, branches)
        tried = self._tried(flat, branches)
        if tried is None:
            return HOLDS
        left = sorted(atoms(flat))
        if len(left) > 1:
            outcome = HOLDS
            for atom in left:
                piece = [*flat, self._kind(atom)]
                if not is_empty(piece):
                    outcome += self._any_of_piece(piece, other)
            return outcome
        return self._unfound(flat, other, "anyOf", tried)

    def _tried(self, flat: Nodes, branches: Nodes) -> list[ContainmentResult] | None:
        """What each branch lacks; None where one holds."""
        tried: list[ContainmentResult] = []
        for branch in branches:
            found = self.check(flat, [branch])
            if found.holds:
                return None
            tried.append(found)
        return tried

    def _any_of_piece(self, piece: Nodes, other: Node) -> ContainmentResult:
        listed = valid_values(piece)
        if listed is not None:
            return self._values(listed, other)
        tried = self._tried(piece, other.children("anyOf"))
        if tried is None:
            return HOLDS
        return self._unfound(piece, other, "anyOf", tried)

    def _one_of(self, flat: Nodes, other: Node) -> ContainmentResult:
        branches = other.children("oneOf")
        if len(branches) == 1:
            return self.check(flat, branches)
        if any(_same_branches(node.children("oneOf"), branches) for node in flat):
            return HOLDS
        pieces = [[*flat, self._kind(atom)] for atom in sorted(atoms(flat))]
        outcome = HOLDS
        for piece in pieces if len(pieces) > 1 else [flat]:
            if is_empty(piece):
                continue
            listed = valid_values(piece)
            if listed is not None:
                outcome += self._values(listed, other)
                continue
            tried = self._in_exactly_one(piece, branches)
            if not any(found.holds for found in tried):
                outcome += self._unfound(piece, other, "oneOf", tried)
        return outcome

    def _in_exactly_one(self, piece: Nodes, branches: Nodes) -> list[ContainmentResult]:
        """What holds of the first branch beside which no other one is possible."""
        for branch in branches:
            if all(other is branch or is_empty([*piece, other]) for other in branches):
                return [self.check(piece, [branch])]
        return []

    def _not(self, flat: Nodes, other: Node) -> ContainmentResult:
        forbidden = other.child("not")
        if is_empty([*flat, forbidden]) or any(
            self.check([*flat, forbidden], [node.child("not")]).holds
            for node in flat
            if node.has("not")
        ):
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

    def _unfound(
        self, flat: Nodes, other: Node, keyword: str, tried: Sequence[ContainmentResult] = ()
    ) -> ContainmentResult:
        """A break, where what was tried or made up shows one."""
        candidates = [fault.witness for found in tried for fault in found.breaks]
        shown = witness(flat, other, *candidates)
        if shown is NOTHING:
            return open_question(other, keyword, f"{keyword} could not be decided")
        return broken(other, keyword, f"{keyword} does not allow it", shown, sure=False)


def _false(sup: Nodes) -> Node:
    """The place that says ``false``, as far as it can be named without more ado."""
    return next((node for node in sup if node.schema is False), sup[0])


def _same_branches(mine: Nodes, theirs: Nodes) -> bool:
    """Whether two lists are of the same schemas, in any order."""
    left = list(theirs)
    for node in mine:
        found = next((branch for branch in left if says_the_same(node, branch)), None)
        if found is None:
            return False
        left.remove(found)
    return bool(mine) and not left


def _same_keyword(node: Node, other: Node, keyword: str) -> bool:
    group = ("contains", "minContains", "maxContains") if "ontains" in keyword else (keyword,)
    if keyword.startswith("unevaluated") or node.draft != other.draft:
        return False
    pairs = [(text_of(node.get(word)), text_of(other.get(word))) for word in group]
    return node.has(keyword) and all(
        mine == theirs and '"$ref"' not in mine for mine, theirs in pairs
    )


def _names_of(flat: Nodes) -> Nodes:
    """What is said of the names of members."""
    return flatten(node.child("propertyNames") for node in flat if node.has("propertyNames")) or []


def _by_pattern(flat: Nodes, pattern: str) -> Nodes:
    return [
        node.child("patternProperties", pattern)
        for node in flat
        if pattern in node.get("patternProperties", {})
    ]


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
