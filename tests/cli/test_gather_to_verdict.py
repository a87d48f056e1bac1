"""From generated data to a verdict, as docs/attestations.md tells it: gather, attest, decide."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from engine.formats.times import write_time
from tests.cli.conftest import NOON, Engine
from tests.repository import ROOT

pytestmark = pytest.mark.usefixtures("noon")

SHIPPED = ROOT / "examples" / "gather"
TRUST = """\
keys:
  - name: ethics board
    public_key_file: board.pub.pem
    roles: [attestor]
    not_after: "2099-01-01T00:00:00Z"
"""


@pytest.fixture
def gathered(engine: Engine) -> Path:
    """A release folder: the shipped data, measured, and a profile that fits it."""
    shutil.copytree(SHIPPED, "data")
    answer = engine("gather", "data/gather.toml", "--now", write_time(NOON), "-o", "metrics.json")
    assert answer.code == 0, answer.err
    assert engine("init", "metrics.json", "--yes", "--ci", "none").code == 0
    return Path("policies")


def board(engine: Engine, policies: Path) -> None:
    """The attestor's own key and ledger, and its public half in the trust list."""
    assert engine("keys", "init", "--key-file", "board.pem").code == 0
    trust = policies / "trust"
    trust.mkdir()
    (trust / "data.yaml").write_text(TRUST)
    shutil.copy("board.pub.pem", trust / "board.pub.pem")
    limits = policies / "limits" / "own" / "data.yaml"
    text = limits.read_text()
    lines = [line for line in text.splitlines() if "ethics.attestation" not in line]
    at = next(number for number, line in enumerate(lines) if line.startswith("checks:"))
    lines.insert(at + 1, "  ethics.attestation: {severity: block, max_age_s: 604800}")
    limits.write_text("\n".join(lines) + "\n")


def test_measured_data_attested_by_a_board_is_promoted(engine: Engine, gathered: Path) -> None:
    board(engine, gathered)
    attested = engine(
        *("attest", "ethics", "metrics.json", "--ttl", "24h", "--export", "attestation.json"),
        *("--key-file", "board.pem", "--ledger", "board.db"),
    )
    assert attested.code == 0, attested.err

    without = engine("decide", "metrics.json")
    assert without.code == 5
    assert "ethics.attestation" in without.out

    decided = engine(
        *("decide", "metrics.json", "--attestation", "attestation.json"),
        *("--export", "proof.json"),
    )
    assert decided.code == 0, decided.out + decided.err
    key = ".engine/keys/engine.pub.pem"
    assert engine("verify", "proof.json", "--key", key, "--require", "PROMOTE").code == 0
    assert engine("verify", "attestation.json", "--key", "board.pub.pem").code == 0


def test_a_board_that_nobody_named_changes_nothing(engine: Engine, gathered: Path) -> None:
    """INV-ATTEST-2: an unknown key's word is no evidence, and the answer says so."""
    board(engine, gathered)
    (gathered / "trust" / "data.yaml").write_text("keys: []\n")
    attested = engine(
        *("attest", "ethics", "metrics.json", "--export", "attestation.json"),
        *("--key-file", "board.pem", "--ledger", "board.db"),
    )
    assert attested.code == 0
    decided = engine("decide", "metrics.json", "--attestation", "attestation.json")
    assert decided.code == 5
    assert "\n… HOLD  scoring-model" in decided.out
    assert "no attestor of the trust list" in " ".join(decided.out.split())
