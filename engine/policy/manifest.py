"""The policy manifest: what a compiled policy is made of and what it can be asked. Pure.

Its SHA-256 is the policy digest of every decision, so it names every file by hash.
``schemas/policy-manifest.schema.json`` is the contract; :func:`matches` accepts nothing that it
refuses, in one pass and quickly, and what is refused the schema then words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from engine.formats import canonical
from engine.model import Json
from engine.policy.sources import MAX_FILES, is_path

SCHEMA = "governance-engine/policy/v1"
RULES = ("release/v1", "access/v1")
KINDS = ("limit", "evidence", "baseline", "series", "attestation")
OPERATORS = ("<=", "<", ">=", ">", "==", "quiet")

_MEMBERS = ("opa_version", "revision", "capabilities_sha256", "sources", "files", "gates", "checks")
_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+[0-9A-Za-z.+-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_ID = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)+")
_GATE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")
CONTROL = re.compile(r"[a-z][a-z0-9-]*/[A-Za-z0-9][A-Za-z0-9.-]*")
"""Id of a control: a framework, and the clause of it."""
_ENTRYPOINT = re.compile(r"[a-z][a-z0-9_]*(/[a-z][a-z0-9_]*)*/decision")


class CheckInfo(NamedTuple):
    """What the METADATA of one check says.

    Attributes:
        id: ``<domain>.<name>``; unique over all gates.
        title: A few words.
        description: What is demanded, in one sentence.
        metric: Metric that is compared.
        kind: How: ``limit``, ``evidence`` (falling short is "not enough evidence"),
            ``baseline`` (the limit is the metric's own baseline) or ``series``.
        unless: Boolean metric that, when fresh and true, exempts from the check.
        operator: How its metric is held against the limit, such as ``<=``: what the rule answered
            when the policy was built. None in policies that were built before it was kept.
        invariant: Id of a promise in ``spec/invariants.md``.
        why: What goes wrong without it.
        fix: What to do when it fails.
        code: Stable machine-readable word for a failure; None when there is none.
        controls: Ids of the controls that it speaks to, sorted; None when there are none.
    """

    id: str
    title: str
    description: str
    metric: str
    kind: str
    unless: str | None
    invariant: str
    why: str
    fix: str
    code: str | None
    operator: str | None = None
    controls: tuple[str, ...] | None = None


class GateInfo(NamedTuple):
    """What one gate can be asked, and what a whole answer of it contains.

    Attributes:
        name: Rego package of the gate, such as ``promotion``.
        entrypoint: OPA path of its decision, such as ``promotion/decision``.
        title: A few words.
        description: What it decides, in one sentence.
        rule: How checks become a verdict: ``release/v1`` or ``access/v1``.
        requires_digest: Whether the subject must be named by its digest.
        checks: Ids that every answer has, each once; sorted.
        includes: Domains whose checks the gate asks, itself where it has some; sorted.
    """

    name: str
    entrypoint: str
    title: str
    description: str
    rule: str
    requires_digest: bool
    checks: tuple[str, ...]
    includes: tuple[str, ...]


class Manifest(NamedTuple):
    """A policy manifest, read.

    Attributes:
        opa_version: OPA that compiled ``policy.wasm``.
        revision: R; decides whether ``policy.wasm`` fits a set of sources.
        capabilities_sha256: Built-ins that the Rego was held to.
        sources: SHA-256 by path of every source file.
        files: SHA-256 of ``policy.wasm`` and ``data.json``.
        gates: Gates by name.
        checks: Checks by id.
    """

    opa_version: str
    revision: str
    capabilities_sha256: str
    sources: Mapping[str, str]
    files: Mapping[str, str]
    gates: Mapping[str, GateInfo]
    checks: Mapping[str, CheckInfo]


def encode(manifest: Manifest) -> bytes:
    """Return the manifest as canonical JSON."""
    return canonical.encode(
        {
            **manifest._asdict(),
            "schema": SCHEMA,
            "sources": dict(manifest.sources),
            "files": dict(manifest.files),
            "gates": {name: _row(gate, "name") for name, gate in manifest.gates.items()},
            "checks": {name: _row(check, "id") for name, check in manifest.checks.items()},
        }
    )


def _row(info: GateInfo | CheckInfo, key: str) -> Json:
    """The members of ``info`` but for its ``key``, which is what the table goes by, and None."""
    return {
        name: value for name, value in info._asdict().items() if name != key and value is not None
    }


def decode(data: bytes) -> Manifest:
    """Return the manifest in ``data``, which this engine wrote or the schema has accepted."""
    manifest = json.loads(data)
    return Manifest(
        opa_version=manifest["opa_version"],
        revision=manifest["revision"],
        capabilities_sha256=manifest["capabilities_sha256"],
        sources=manifest["sources"],
        files=manifest["files"],
        gates={name: _gate(name, gate) for name, gate in manifest["gates"].items()},
        checks={name: _check(name, check) for name, check in manifest["checks"].items()},
    )


def _gate(name: str, gate: Json) -> GateInfo:
    lists = {"checks": tuple(gate["checks"]), "includes": tuple(gate["includes"])}
    return GateInfo(name=name, **{**gate, **lists})


def _check(name: str, check: Json) -> CheckInfo:
    controls = {"controls": tuple(check["controls"])} if "controls" in check else {}
    return CheckInfo(id=name, **{"unless": None, "code": None, **check, **controls})


def matches(manifest: Json) -> bool:
    """Whether ``manifest`` is what ``policy-manifest.schema.json`` describes."""
    return (
        isinstance(manifest, dict)
        and manifest.keys() == {"schema", *_MEMBERS}
        and manifest["schema"] == SCHEMA
        and _is(_VERSION, manifest["opa_version"])
        and _is(_SHA256, manifest["revision"])
        and _is(_SHA256, manifest["capabilities_sha256"])
        and _is_table(manifest["sources"], is_path, _is_sha256)
        and len(manifest["sources"]) <= MAX_FILES
        and _is_table(manifest["files"], ("policy.wasm", "data.json").__contains__, _is_sha256)
        and len(manifest["files"]) == 2
        and _is_table(manifest["gates"], lambda name: _is(_GATE, name), _is_gate)
        and _is_table(manifest["checks"], _is_id, _is_check)
    )


def _is_table(
    table: Json, is_name: Callable[[str], bool], is_value: Callable[[Json], bool]
) -> bool:
    return (
        isinstance(table, dict)
        and len(table) > 0
        and all(map(is_name, table))
        and all(map(is_value, table.values()))
    )


def _is(pattern: re.Pattern[str], value: Json) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _is_sha256(value: Json) -> bool:
    return _is(_SHA256, value)


def _is_id(value: Json) -> bool:
    return _is(_ID, value)


def _is_text(value: Json) -> bool:
    return isinstance(value, str) and value != ""


def _is_set(value: Json, is_item: Callable[[Json], bool]) -> bool:
    return isinstance(value, list) and all(map(is_item, value)) and len(set(value)) == len(value)


_OF_GATE: Mapping[str, Callable[[Json], bool]] = {
    "entrypoint": lambda value: _is(_ENTRYPOINT, value),
    "title": _is_text,
    "description": _is_text,
    "rule": lambda value: isinstance(value, str) and value in RULES,
    "requires_digest": lambda value: isinstance(value, bool),
    "checks": lambda value: _is_set(value, _is_id) and value != [],
    "includes": lambda value: _is_set(value, _is_text),
}
_OF_CHECK: Mapping[str, Callable[[Json], bool]] = {
    **dict.fromkeys(("title", "description", "invariant", "why", "fix"), _is_text),
    "metric": _is_id,
    "kind": lambda value: isinstance(value, str) and value in KINDS,
}
_OF_CHECK_OPTIONAL: Mapping[str, Callable[[Json], bool]] = {
    "operator": lambda value: isinstance(value, str) and value in OPERATORS,
    "unless": _is_id,
    "code": _is_text,
    "controls": lambda value: _is_set(value, lambda name: _is(CONTROL, name)) and value != [],
}


def _is_gate(value: Json) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == _OF_GATE.keys()
        and all(_OF_GATE[name](member) for name, member in value.items())
    )


def _is_check(value: Json) -> bool:
    known = {**_OF_CHECK, **_OF_CHECK_OPTIONAL}
    return (
        isinstance(value, dict)
        and _OF_CHECK.keys() <= value.keys() <= known.keys()
        and all(known[name](member) for name, member in value.items())
    )
