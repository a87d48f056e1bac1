"""Schemas as a set of documents, and a place in one of them.

A reference is followed within the set and never beyond it: nothing is fetched.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import quote, unquote, urldefrag, urljoin

from engine.compat.doubt import Doubt, Work
from engine.compat.draft4 import modern
from engine.compat.numerals import text_of
from engine.formats.json_positions import escape
from engine.model import Json

_DRAFT_4 = "http://json-schema.org/draft-04/schema"
_DRAFTS = {
    _DRAFT_4: 4,
    "http://json-schema.org/draft-06/schema": 6,
    "http://json-schema.org/draft-07/schema": 7,
    "https://json-schema.org/draft/2019-09/schema": 2019,
    "https://json-schema.org/draft/2020-12/schema": 2020,
}
DRAFTS = {"4": 4, "6": 6, "7": 7, "2019-09": 2019, "2020-12": 2020}
"""Drafts that are known, by the names that people give them."""
_NEWEST = 2020
_LISTED_ITEMS = "items as a list"
_INDEX = re.compile("0|[1-9][0-9]{0,8}")
"""A place in a list, as RFC 6901 writes it."""


def words(text: str) -> frozenset[str]:
    """Return the words of a text as a set."""
    return frozenset(text.split())


@dataclass(eq=False)
class SchemaSet:
    """Documents that may refer to each other.

    Attributes:
        documents: By path relative to the set, with slashes.
        default_draft: Draft of those that do not say theirs.
        work: What the questions about it may take.
        samples: Instances that were made up, by what was asked.
        valid: Whether a value is valid at a place of a document, as far as it was asked.
    """

    documents: Mapping[str, Json]
    default_draft: int | None = None
    work: Work = field(default_factory=Work, repr=False)
    valid: dict[tuple[tuple[str, str, str], Hashable], bool] = field(
        default_factory=dict, repr=False
    )
    samples: dict[Hashable, list[Json]] = field(default_factory=dict, repr=False)
    _assumed: dict[str, int] = field(default_factory=dict, repr=False)
    _absent: dict[str, frozenset[str]] = field(default_factory=dict, repr=False)
    _texts: dict[tuple[str, str, str], str] = field(default_factory=dict, repr=False)
    _closures: dict[tuple[str, str, str], Mapping[tuple[str, str], str]] = field(
        default_factory=dict, repr=False
    )

    def __post_init__(self) -> None:
        """Write those of draft 4 as later drafts do."""
        self.documents = {
            name: modern(document) if self._is_of_draft_4(document) else document
            for name, document in self.documents.items()
        }

    def _is_of_draft_4(self, document: Json) -> bool:
        says = document.get("$schema") if isinstance(document, dict) else None
        if says is None:
            return self.default_draft == _DRAFTS[_DRAFT_4]
        return isinstance(says, str) and says.rstrip("#") == _DRAFT_4

    def root(self, name: str) -> Node:
        """Return the whole document ``name``."""
        return Node(self, name, "", self.documents[name])

    def base(self, name: str) -> str:
        """Return the URI that references of ``name`` are relative to."""
        document = self.documents[name]
        own = document.get("$id", "") if isinstance(document, dict) else ""
        place = f"file:///{quote(name)}"
        return urljoin(place, own) if isinstance(own, str) and own else place

    @cached_property
    def names(self) -> Mapping[str, str]:
        """Document by URI: its own ``$id``, and its place in the set."""
        places = {f"file:///{quote(name)}": name for name in self.documents}
        return places | {urldefrag(self.base(name))[0]: name for name in self.documents}

    def draft(self, name: str) -> int:
        """Return the draft of ``name``; where it does not say, see :meth:`assumed_draft`.

        Raises:
            Doubt: A draft, or a dialect of one's own, that is not known here.
        """
        document = self.documents[name]
        dialect = document.get("$schema") if isinstance(document, dict) else None
        if dialect is None:
            return self.assumed_draft(name)
        if not isinstance(dialect, str) or dialect.rstrip("#") not in _DRAFTS:
            raise Doubt("/$schema", f"dialect {dialect!r} is not known")
        return _DRAFTS[dialect.rstrip("#")]

    def assumed_draft(self, name: str) -> int:
        """Return the draft of a document that does not say: the default, or else a guess.

        The guess is the newest draft that has all its keywords: a list of ``items`` is none of
        2020-12, and ``dependencies`` are none of 2019-09.
        """
        if self.default_draft is not None:
            return self.default_draft
        if name not in self._assumed:
            used = _keywords(self.documents[name])
            fit = [draft for draft in DRAFTS.values() if draft > 4 and not used & ABSENT[draft]]
            self._assumed[name] = max(fit, default=_NEWEST)
        return self._assumed[name]

    def absent(self, name: str) -> frozenset[str]:
        """Return the keywords that other drafts have and that of ``name`` has not."""
        if name not in self._absent:
            try:
                self._absent[name] = ABSENT[self.draft(name)]
            except Doubt:
                self._absent[name] = frozenset()
        return self._absent[name]


def _keywords(schema: Json) -> set[str]:
    """Every keyword at any place of a document; a list of ``items`` is named so."""
    found: set[str] = set()
    waiting = [schema]
    while waiting:
        here = waiting.pop()
        if not isinstance(here, dict):
            continue
        found |= here.keys()
        if isinstance(here.get("items"), list):
            found.add(_LISTED_ITEMS)
        for word, inner in here.items():
            if word in ONE or (word == "items" and isinstance(inner, dict)):
                waiting.append(inner)
            elif word in MANY or word == "items":
                waiting += inner if isinstance(inner, list) else []
            elif word in BY_NAME and isinstance(inner, dict):
                waiting += inner.values()
    return found


@dataclass(frozen=True)
class Node:
    """A schema inside a document.

    Attributes:
        schemas: The set it belongs to.
        name: Its document.
        pointer: RFC 6901, inside the document.
        schema: What stands there.
        made_of: Of a schema that stands nowhere, what it says; ``pointer`` is then whose it is.
        is_plain: Whether its ``anyOf`` and ``oneOf`` are accounted for elsewhere.
    """

    schemas: SchemaSet = field(compare=False, repr=False)
    name: str
    pointer: str
    schema: Json = field(compare=False, repr=False)
    made_of: str = ""
    is_plain: bool = False

    @property
    def place(self) -> tuple[str, str, str]:
        """Where it stands in its set."""
        return self.name, self.pointer, self.made_of

    @property
    def key(self) -> tuple[int, str, str, str, bool]:
        """What makes it this one."""
        return id(self.schemas), self.name, self.pointer, self.made_of, self.is_plain

    def plain(self) -> Node:
        """Return it without its alternatives."""
        if self.is_plain:
            return self
        return Node(self.schemas, *self.place[:2], self.schema, self.made_of, is_plain=True)

    def get(self, keyword: str, default: Json = None) -> Json:
        """Return the value of a keyword; ``default`` where its draft has none of that name."""
        if not isinstance(self.schema, dict) or keyword not in self.schema:
            return default
        return default if keyword in self.schemas.absent(self.name) else self.schema[keyword]

    def has(self, *keywords: str) -> bool:
        """Whether any of ``keywords`` is there, and is one in its draft."""
        if not isinstance(self.schema, dict) or not any(word in self.schema for word in keywords):
            return False
        absent = self.schemas.absent(self.name)
        return any(word in self.schema and word not in absent for word in keywords)

    def child(self, *path: str | int) -> Node:
        """Return the schema below; it must be there."""
        pointer, schema = self.pointer, self.schema
        for step in path:
            pointer += f"/{escape(str(step))}"
            schema = schema[step]
        return Node(self.schemas, self.name, pointer, schema, self.made_of)

    def made(self, schema: Json) -> Node:
        """Return a schema that stands nowhere, as if it stood in this document."""
        return Node(self.schemas, self.name, self.pointer, schema, text_of(schema))

    def without(self, keyword: str) -> Node:
        """Return it without a keyword."""
        rest = {word: value for word, value in self.schema.items() if word != keyword}
        made_of = f"{self.made_of} without {keyword}"
        return Node(self.schemas, self.name, self.pointer, rest, made_of, self.is_plain)

    def children(self, keyword: str) -> list[Node]:
        """Return the schemas in the list that ``keyword`` holds."""
        return [self.child(keyword, index) for index in range(len(self.get(keyword, [])))]

    @property
    def draft(self) -> int:
        """The draft of its document."""
        return self.schemas.draft(self.name)

    def referred(self) -> Node:
        """Return what ``$ref`` refers to.

        Raises:
            Doubt: It leaves the set, or there is nothing.
        """
        reference = self.get("$ref")
        place = f"{self.pointer}/$ref"
        if not isinstance(reference, str):
            raise Doubt(place, "is no text")
        if reference.startswith("#"):
            return self._at(self.name, unquote(reference[1:]), place)
        uri, fragment = urldefrag(urljoin(self.schemas.base(self.name), reference))
        name = self.schemas.names.get(uri)
        if name is None:
            raise Doubt(place, f"refers to {uri}, which is not among the schemas")
        return self._at(name, unquote(fragment), place)

    def _at(self, name: str, fragment: str, place: str) -> Node:
        if fragment and not fragment.startswith("/"):
            return self._anchor(name, fragment, place)
        node = self.schemas.root(name)
        for step in fragment.split("/")[1:]:
            token = step.replace("~1", "/").replace("~0", "~")
            inside = node.schema
            is_index = isinstance(inside, list) and _INDEX.fullmatch(token)
            key: str | int = int(token) if is_index else token
            known = inside if isinstance(inside, dict) else range(len(inside or ()))
            if not isinstance(inside, dict | list) or key not in known:
                raise Doubt(place, f"refers to {fragment}, where there is nothing")
            node = node.child(key)
        return node

    def _anchor(self, name: str, anchor: str, place: str) -> Node:
        for node in self.schemas.root(name).below():
            if node.get("$anchor") == anchor or node.get("$id") == f"#{anchor}":
                return node
        raise Doubt(place, f"refers to #{anchor}, which is no anchor there")

    def closure(self) -> Mapping[tuple[str, str], str]:
        """Return the text of every schema that it refers to, directly or not, by its place.

        A place is the document, if it is another, and the pointer.

        Raises:
            Doubt: A reference that leads nowhere.
        """
        closures = self.schemas._closures
        if self.place in closures:
            return closures[self.place]
        found: dict[tuple[str, str], str] = {}
        waiting = [self]
        while waiting:
            for node in waiting.pop().below():
                self.schemas.work.spend(8)
                if node.has("$ref"):
                    target = node.referred()
                    place = ("" if target.name == self.name else target.name, target.pointer)
                    if place not in found:
                        found[place] = target.text
                        waiting.append(target)
        closures[self.place] = found
        return found

    @property
    def text(self) -> str:
        """What stands here, in one form."""
        known = self.schemas._texts
        if self.place not in known:
            self.schemas.work.spend(20)
            known[self.place] = text_of(self.schema)
        return known[self.place]

    def below(self) -> Iterator[Node]:
        """Yield it and every schema inside it, references not followed."""
        yield self
        if not isinstance(self.schema, dict):
            return
        for keyword in self.schema:
            for node in self.inside(keyword):
                yield from node.below()

    def inside(self, keyword: str) -> Iterator[Node]:
        """Yield the schemas that a keyword holds."""
        value = self.get(keyword)
        if keyword in ONE or (keyword == "items" and not isinstance(value, list)):
            if isinstance(value, dict | bool):
                yield self.child(keyword)
        elif keyword in MANY or keyword == "items":
            yield from self.children(keyword)
        elif keyword in BY_NAME and isinstance(value, dict):
            for name, inner in value.items():
                if isinstance(inner, dict | bool):
                    yield self.child(keyword, name)


def says_the_same(node: Node, other: Node) -> bool:
    """Whether two schemas, and all that they refer to, are written alike."""
    if node.schemas is other.schemas and node.place == other.place:
        return True
    return (
        node.text == other.text and node.draft == other.draft and node.closure() == other.closure()
    )


ONE = words(
    "not if then else contains propertyNames additionalProperties additionalItems "
    "unevaluatedItems unevaluatedProperties contentSchema"
)
MANY = frozenset(("allOf", "anyOf", "oneOf", "prefixItems"))
BY_NAME = frozenset(
    ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies")
)
_SINCE_2019 = words(
    "dependentRequired dependentSchemas unevaluatedItems unevaluatedProperties minContains "
    "maxContains contentSchema $recursiveRef"
)
_SINCE_6 = words("const contains propertyNames")
_SINCE_7 = words("if then else contentEncoding contentMediaType")
_SINCE_2020 = words("prefixItems $dynamicRef")
ABSENT = {
    4: _SINCE_6 | _SINCE_7 | _SINCE_2019 | _SINCE_2020,
    6: _SINCE_7 | _SINCE_2019 | _SINCE_2020,
    7: _SINCE_2019 | _SINCE_2020,
    2019: _SINCE_2020 | {"dependencies"},
    2020: frozenset(("dependencies", "additionalItems", "$recursiveRef", _LISTED_ITEMS)),
}
"""Keywords of some draft that a draft has not: there they say nothing."""
