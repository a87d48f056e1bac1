"""A profile for the metrics of a file: what is measured blocks, the rest is off."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from engine.cli.console.shell import Shell
from engine.errors import UsageError
from engine.evidence.documents import Document, read
from engine.formats.times import write_time
from engine.model import Json
from engine.policy.bundle import PolicyBundle, shipped_schema

NOT_MEASURED = "not measured yet"
NO_BASELINE = "no baseline given yet"


def read_metrics(
    name: str, bundle: PolicyBundle, shell: Shell
) -> tuple[Document, Mapping[str, Json]]:
    """Return the metrics file ``name`` and its metrics in long form.

    Raises:
        DocumentError: Refused; an unknown metric with the nearest known one.
    """
    from engine.evidence.metrics_file import RefusalError, expand

    document = read(name, stdin=shell.stdin)
    schema, notes = shipped_schema("metrics.schema.json"), list[str]()
    try:
        metrics = expand(document.value, bundle.catalogue(), shell.now(), schema, notes)
    except RefusalError as refused:
        raise document.refused(refused.pointer, refused.reason, refused.hint) from None
    for note in notes:
        shell.say(f"engine: {name}: {note}")
    return document, metrics


def require_claims(document: Document, settings: Mapping[str, str]) -> None:
    """Refuse a file that claims another gate, profile or stage than the settings name.

    Raises:
        DocumentError: It does; `engine decide` would refuse it too.
    """
    from engine.evidence.input import CLAIMS

    for claim in CLAIMS:
        claimed = document.value.get(claim, settings[claim])
        if claimed != settings[claim]:
            raise document.refused(
                f"/{claim}",
                f"{claim} {claimed!r}, but the setting is {settings[claim]!r}",
                f"remove the line, or give --{claim} {claimed}",
            )


def fitted_profile(
    bundle: PolicyBundle, gate: str, metrics: Mapping[str, Json], source: str, shell: Shell
) -> str:
    """Return ``limits/<profile>/data.yaml`` for ``metrics``.

    Raises:
        UsageError: No check of ``gate`` compares any of them.
    """
    rows = bundle.profile("default")["checks"]
    checks: dict[str, Json] = {}
    for name in bundle.gate(gate).checks:
        info = bundle.check(name)
        given = metrics.get(info.metric)
        if given is None:
            checks[name] = {"severity": "off", "reason": NOT_MEASURED}
        elif info.kind == "baseline" and "baseline" not in given:
            checks[name] = {"severity": "off", "reason": NO_BASELINE}
        elif rows[name]["severity"] == "off":
            checks[name] = {"severity": "block"}
    if all(checks.get(name, {}).get("severity") == "off" for name in bundle.gate(gate).checks):
        raise UsageError(
            f"{source}: no check of gate {gate!r} compares any metric in it",
            "`engine explain --all` lists every metric that is compared",
        )
    lines = [
        f"# Fitted to {Path(source).name} on {write_time(shell.now())} by `engine init`.",
        "# What is measured blocks, by the limits of the profile it extends; the rest is off.",
        "# Remove a row when you measure it. Give a row a limit of your own like this:",
        "#   slo.dec_p95_ms: {limit: 300}",
        "extends: default",
        f"description: Fitted to {Path(source).name}.",
        "checks:" if checks else "checks: {}",
    ]
    lines += [f"  {name}: {json.dumps(row)}" for name, row in sorted(checks.items())]
    return "\n".join(lines) + "\n"
