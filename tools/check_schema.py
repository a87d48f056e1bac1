"""Write the schema that ``opa check`` holds the policies against; ``--check`` only compares.

OPA finds a misspelt reference only where every property is listed and no other is allowed, so
the schema of the Input names every metric of the catalogue.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from engine.formats.json_text import read_yaml
from engine.model import Json

ROOT = Path(__file__).resolve().parents[1]
CATALOGUE = ROOT / "policies" / "catalogue" / "data.yaml"
SCHEMA = ROOT / "schemas" / "opa-input.schema.json"

_TYPES = {"series": {"type": "array", "items": {"type": "number"}}}


def closed(**properties: Json) -> Json:
    """Return the schema of an object with these properties and no other."""
    return {"type": "object", "additionalProperties": False, "properties": properties}


def schema(catalogue: Json) -> Json:
    """Return the schema of the Input, with every metric of ``catalogue``."""
    text, number = {"type": "string"}, {"type": "number"}
    digest = closed(sha256=text)
    subject = closed(name=text, version=text, digest=digest)
    named: Json = {"type": "object"}
    computed = closed(
        method=text,
        parameters=named,
        groups=named,
        excluded=named,
        source_sha256=text,
        reference=named,
    )
    signer = closed(key_id=text, roles={"type": "array", "items": text}, signed_at=text)
    metrics = {
        name: closed(
            value=_TYPES.get(row["type"], {"type": row["type"]}),
            status=text,
            n=number,
            ci={"type": "array", "items": number},
            baseline=number,
            unit=text,
            observed_at=text,
            age_s=number,
            source=text,
            computed=computed,
            signers={"type": "array", "items": signer},
        )
        for name, row in sorted(catalogue.items())
    }
    waiver = closed(
        id=text,
        check=text,
        subject=subject,
        reason=text,
        approvers={"type": "array", "items": text},
        expires_at=text,
        remaining_s=number,
    )
    attestation = closed(
        **dict.fromkeys(("id", "type", "subject_sha256", "issued_at", "expires_at"), text),
        **dict.fromkeys(("age_s", "remaining_s"), number),
        **dict.fromkeys(("verdict", "profile", "evidence_sha256", "policy_sha256"), text),
        **dict.fromkeys(("key_id", "role", "ledger_id", "entry_sha256"), text),
        self={"type": "boolean"},
        relaxations={"type": "array", "items": text},
    )
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "What OPA sees, for opa check; written by tools/check_schema.py",
        **closed(
            gate=text,
            profile=text,
            stage=text,
            decided_at=text,
            subject=subject,
            metrics=closed(**metrics),
            waivers={"type": "array", "items": waiver},
            relaxations={"type": "array", "items": text},
            attestations={"type": "array", "items": attestation},
        ),
    }


def main(arguments: list[str]) -> int:
    """Write the schema, or with ``--check`` say whether it is the catalogue's."""
    if arguments not in ([], ["--check"]):
        print("usage: check_schema.py [--check]", file=sys.stderr)
        return 2
    value, _places = read_yaml(CATALOGUE.read_bytes())
    text = json.dumps(schema(value["metrics"]), indent=2) + "\n"
    if not arguments:
        SCHEMA.write_text(text)
    elif not SCHEMA.exists() or SCHEMA.read_text() != text:
        print(f"{SCHEMA.relative_to(ROOT)} is not the catalogue's", file=sys.stderr)
        print("write and commit it: python tools/check_schema.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
