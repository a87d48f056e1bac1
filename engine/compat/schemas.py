"""Schemas as a set of documents, and a place in one of them.

A reference is followed within the set and never beyond it: nothing is fetched.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urldefrag, urljoin

from engine.formats.json_positions import escape
from engine.model import Json

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

_DRAFTS = {
    "http://json-schema.org/draft-06/schema": 6,
    "http://json-schema.org/draft-07/schema": 7,
    "https://json-schema.org/draft/2019-09/schema": 2019,
    "https://json-schema.org/draft/2020-12/schema": 2020,
}
_NEWEST = 2020
_INDEX = re.compile("0|[1-9][0-9]{0,8}")
"""A place in a list, as RFC 6901 writes it."""


def words(text: str) -> frozenset[str]:
    """Return the words of a text as a set."""
    return frozenset(text.split())


class Doubt(Exception):  # noqa: N818  (an outcome: it cannot be decided, and why)
    """Something whose meaning is not known here.

    Args:
        pointer: Where.
        reason: What, in one clause.
    """

    def __init__(self, pointer: str, reason: str) -> None:
        super().__init__(reason)
        self.pointer = pointer
        self.reason = reason


@dataclass(frozen=True, eq=False)
class SchemaSet:
    """Documents that may refer to each other.

    Attributes:
        documents: By path relative to the set, with slashes.
    """

    documents: Mapping[str, Json]
    _validators: dict[tuple[str, str], Validator] = field(default_factory=dict, repr=False)

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
        """Return the draft of ``name``; the newest where it does not say.

        Raises:
            Doubt: A draft, or a dialect of one's own, that is not known here.
        """
        document = self.documents[name]
        dialect = document.get("$schema") if isinstance(document, dict) else None
        if dialect is None:
            return _NEWEST
        if not isinstance(dialect, str) or dialect.rstrip("#") not in _DRAFTS:
            raise Doubt("/$schema", f"dialect {dialect!r} is not known")
        return _DRAFTS[dialect.rstrip("#")]

    def is_valid(self, node: Node, value: Json) -> bool:
        """Whether ``value`` is valid at ``node``, as the library ``jsonschema`` sees it.

        Raises:
            Doubt: The library cannot say.
        """
        key = (node.name, node.pointer)
        if key not in self._validators:
            self._validators[key] = self._validator(node)
        try:
            return self._validators[key].is_valid(value)
        except Exception as error:  # noqa: BLE001  (a foreign reference, a regex, recursion)
            raise Doubt(node.pointer, f"cannot be validated ({type(error).__name__})") from None

    def _validator(self, node: Node) -> Validator:
        from jsonschema.validators import Draft202012Validator, validator_for

        root = self.documents[node.name]
        kind: Any = validator_for(root, default=Draft202012Validator)
        uri = urldefrag(self.base(node.name))[0]
        made: Validator = kind({"$ref": f"{uri}#{quote(node.pointer)}"}, registry=self._registry)
        return made

    @cached_property
    def _registry(self) -> Any:
        from referencing import Registry
        from referencing.jsonschema import DRAFT202012

        registry: Any = Registry()
        for uri, name in self.names.items():
            from referencing import Resource

            resource = Resource.from_contents(
                self.documents[name], default_specification=DRAFT202012
            )
            registry = registry.with_resource(uri, resource)
        return registry


@dataclass(frozen=True)
class Node:
    """A schema inside a document.

    Attributes:
        schemas: The set it belongs to.
        name: Its document.
        pointer: RFC 6901, inside the document.
        schema: What stands there.
        is_plain: Whether its ``anyOf`` and ``oneOf`` are accounted for elsewhere.
    """

    schemas: SchemaSet = field(compare=False, repr=False)
    name: str
    pointer: str
    schema: Json = field(compare=False, repr=False)
    is_plain: bool = False

    @property
    def key(self) -> tuple[int, str, str, bool]:
        """What makes it this one."""
        return id(self.schemas), self.name, self.pointer, self.is_plain

    def plain(self) -> Node:
        """Return it without its alternatives."""
        return replace(self, is_plain=True)

    def get(self, keyword: str, default: Json = None) -> Json:
        """Return the value of a keyword."""
        return self.schema.get(keyword, default) if isinstance(self.schema, dict) else default

    def has(self, *keywords: str) -> bool:
        """Whether any of ``keywords`` is there."""
        return isinstance(self.schema, dict) and any(word in self.schema for word in keywords)

    def child(self, *path: str | int) -> Node:
        """Return the schema below; it must be there."""
        pointer, schema = self.pointer, self.schema
        for step in path:
            pointer += f"/{escape(str(step))}"
            schema = schema[step]
        return Node(self.schemas, self.name, pointer, schema)

    def children(self, keyword: str) -> list[Node]:
        """Return the schemas in the list that ``keyword`` holds."""
        return [self.child(keyword, index) for index in range(len(self.get(keyword, [])))]

    def is_valid(self, value: Json) -> bool:
        """Whether ``value`` is valid here."""
        return self.schemas.is_valid(self, value)

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
        found: dict[tuple[str, str], str] = {}
        waiting = [self]
        while waiting:
            for node in waiting.pop().below():
                if node.has("$ref"):
                    target = node.referred()
                    place = ("" if target.name == self.name else target.name, target.pointer)
                    if place not in found:
                        found[place] = target.text
                        waiting.append(target)
        return found

    @property
    def text(self) -> str:
        """What stands here, in one form."""
        return json.dumps(self.schema, sort_keys=True)

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


ONE = words(
    "not if then else contains propertyNames additionalProperties additionalItems "
    "unevaluatedItems unevaluatedProperties contentSchema"
)
MANY = frozenset(("allOf", "anyOf", "oneOf", "prefixItems"))
BY_NAME = frozenset(
    ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies")
)
