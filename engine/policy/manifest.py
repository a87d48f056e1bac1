"""The policy manifest: what a compiled policy is made of and what it can be asked. Pure.

Its SHA-256 is the policy digest of every decision, so it names every file by hash.
``schemas/policy-manifest.schema.json`` is the contract.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

from engine.formats import canonical
from engine.model import Json

SCHEMA = "governance-engine/policy/v1"
RULES = ("release/v1", "access/v1")
KINDS = ("limit", "evidence", "baseline", "series", "attestation")


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
    return CheckInfo(id=name, **{"unless": None, "code": None, **check})
