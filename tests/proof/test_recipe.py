"""The recipes of spec/predicate-v1.md, run as they stand there."""

from __future__ import annotations

import json
import re
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from engine.proof import merkle
from engine.proof.keys import public_pem
from tests.repository import ROOT
from tests.simulator import Key, Policy, ledger_of_decisions

SPEC = (ROOT / "spec/predicate-v1.md").read_text()
KEY = Key("release")
LEDGER = ledger_of_decisions(KEY, Policy(), 10)


def block(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", SPEC, re.MULTILINE | re.DOTALL)
    return str(found)


def test_the_python_of_step_3_gives_the_root() -> None:
    names: dict[str, Any] = {"sha256": sha256}
    exec(block("python"), names)  # noqa: S102  (the text under test)
    for size in range(1, 12):
        for index in range(size):
            path = merkle.inclusion_proof(index, size, LEDGER.node)
            leaf = LEDGER.node(0, index)
            assert names["root"](leaf, index, size, path) == merkle.root(size, LEDGER.node)
            with pytest.raises(AssertionError):
                names["root"](leaf, index, size, [*path, leaf])


@pytest.mark.system
def test_the_shell_recipe_verifies_the_last_entry(tmp_path: Path) -> None:
    bundle = LEDGER.prove(10)
    (tmp_path / "p.json").write_bytes(bundle.encode())
    (tmp_path / "pub.pem").write_bytes(public_pem(KEY.public))
    script = ["bash", "-eu", "-o", "pipefail", "-c", block("sh")]

    ran = subprocess.run(script, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert (ran.returncode, ran.stderr) == (0, "")
    record, note, current, chain, digest, signed = ran.stdout.splitlines()
    assert record == note == "Signature Verified Successfully"
    assert current.split()[0] == chain == bundle.current_hash.hex()
    assert digest.split()[0] == signed

    forged = json.loads(bundle.encode())
    forged["entry"] = "A" + forged["entry"][1:]
    (tmp_path / "p.json").write_text(json.dumps(forged))
    ran = subprocess.run(script, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode != 0


def test_every_section_that_the_verifier_cites_is_there() -> None:
    headings = set(re.findall(r"^#{2,3} ([0-9]+(?:\.[0-9]+)?)", SPEC, re.MULTILINE))
    cited: set[str] = set()
    for module in (ROOT / "engine/proof").glob("*.py"):
        text = "\n".join(line for line in module.read_text().splitlines() if "RFC" not in line)
        cited |= set(re.findall(r"[Ss]ections? ([0-9]+(?:\.[0-9]+)?)", text))

    assert {"2", "3", "5", "7", "8.2", "8.3", "9", "10", "12.3", "12.4", "13.2"} <= cited
    assert cited <= headings
