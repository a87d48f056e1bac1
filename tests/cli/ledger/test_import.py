"""``engine ledger import``: what is there already, and what only calls itself so."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import copytree

import pytest

from engine.decision.export import import_proof
from engine.decision.record import event
from engine.decision.runtime import SystemRuntime
from engine.errors import CommitError, EquivocationError, VerificationError
from engine.ledger import Ledger
from engine.model import DECISION_FAILED_TYPE
from engine.proof.keys import load_public_pem
from engine.signers.file import open_file
from tests.cli.conftest import Engine
from tests.ledger.scribe import open_at
from tests.repository import DATA

KEY = str(DATA / "trust/import.pub.pem")
ORIGINAL, OTHER = (
    str(DATA / f"trust/import-{name}.json") for name in ("original", "same-id-other-content")
)
DECIDED = datetime(2026, 11, 30, 2, 24, 49, tzinfo=UTC)
"""When both of them were, by their signer's word; they are valid for a day."""
DECISION = "01a22a44-eeac-71a2-9e98-5122b1222d6f"


def test_another_statement_under_an_id_that_is_there_is_4_and_convicts_the_signer(
    engine: Engine,
) -> None:
    """INV-IMPORT-2."""
    engine("init")
    assert engine("ledger", "import", ORIGINAL, "--key", KEY).code == 0
    wrapped = json.loads(Path(ORIGINAL).read_bytes())
    Path("new-export.json").write_text(json.dumps(wrapped))
    again = engine("ledger", "import", "new-export.json", "--key", KEY)
    assert (again.code, "was here already" in again.out) == (0, True)
    log = engine("ledger", "log").out

    answer = engine("ledger", "import", OTHER, "--key", KEY)

    assert (answer.code, answer.out) == (4, "")
    assert f"this signer signed two different decisions under one id, {DECISION}" in answer.err
    assert engine("ledger", "log").out == log
    (file,) = Path(".engine").glob("equivocation-*.json")
    assert f"both are in {file.resolve()}" in answer.err

    shown = engine("verify", str(file), "--key", KEY)
    assert shown.code == 4
    assert shown.out.startswith(
        "EQUIVOCATION: this signer signed two different decisions under one id\n"
        f"  id        {DECISION}\n"
    )
    assert max(map(len, shown.out.splitlines())) <= 80
    document = engine("verify", str(file), "--key", KEY, "--format", "json").json
    assert [record["included"] for record in document["records"]] == [False, True]
    own = engine("verify", str(file), "--key", ".engine/keys/engine.pub.pem")
    assert (own.code, own.out) == (4, "")
    assert "none of the given keys signed" in own.err


def test_a_part_that_is_refused_does_not_keep_the_others_out(engine: Engine) -> None:
    """Each file is a commit of its own; which were not taken is said, and the worst code given."""
    engine("init")
    Path("torn.json").write_bytes(Path(ORIGINAL).read_bytes()[:-9])

    answer = engine("ledger", "import", "torn.json", "gone.json", ORIGINAL, OTHER, "--key", KEY)

    assert answer.code == 4
    assert answer.out.splitlines()[0].split() == [DECISION, "imported", ORIGINAL]
    assert [line for line in answer.err.splitlines() if line.endswith(": not imported")] == [
        f"  {name}: not imported" for name in ("torn.json", "gone.json", OTHER)
    ]
    assert engine("ledger", "verify").code == 0
    assert engine("ledger", "import", "gone.json", ORIGINAL, "--key", KEY).code == 2


def test_two_proofs_of_one_id_convict_their_signer_in_one_call_of_verify(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-IMPORT-2: each by itself is genuine."""
    monkeypatch.setattr(SystemRuntime, "now", lambda _: DECIDED + timedelta(hours=1))
    assert [engine("verify", name, "--key", KEY).code for name in (ORIGINAL, OTHER)] == [0, 0]
    assert engine("verify", ORIGINAL, ORIGINAL, "--key", KEY).code == 0

    answer = engine("verify", ORIGINAL, OTHER, "--key", KEY)

    assert answer.code == 4
    shown = answer.out[answer.out.index("EQUIVOCATION: ") :]
    assert f"  id        {DECISION}\n" in shown
    assert f"  files     {ORIGINAL} and {OTHER}\n" in shown
    answer = engine("verify", ORIGINAL, OTHER, "--key", KEY, "--format", "json")
    assert '"equivocation": "this signer signed two different decisions' in answer.out
    assert f'"other": "{ORIGINAL}"' in answer.out


def test_a_decision_under_the_id_of_a_recorded_failure_is_4_and_spoils_nothing(
    engine: Engine,
) -> None:
    """INV-LEDGER-6: what failed has no answer, and nothing is committed before that is known."""
    engine("init")
    signer = open_file(Path(".engine/keys/engine.pem"))
    failed = event(DECISION_FAILED_TYPE, "m.json", {"attempt_id": DECISION}, signer)
    with closing(open_at(Path(".engine"), signer=signer)) as ledger:
        ledger.append([failed])
    log = engine("ledger", "log").out

    answer = engine("ledger", "import", ORIGINAL, "--key", KEY)

    assert (answer.code, answer.out) == (4, "")
    assert f"what is to be entry 2 and entry 1 have one id, {DECISION}" in answer.err
    assert engine("ledger", "log").out == log
    assert engine("ledger", "verify").code == 0


def test_a_failure_under_the_id_of_an_imported_decision_is_not_recorded(engine: Engine) -> None:
    engine("init")
    assert engine("ledger", "import", ORIGINAL, "--key", KEY).code == 0
    signer = open_file(Path(".engine/keys/engine.pem"))
    failed = event(DECISION_FAILED_TYPE, "m.json", {"attempt_id": DECISION}, signer)
    with (
        closing(open_at(Path(".engine"), signer=signer)) as ledger,
        pytest.raises(VerificationError, match="to be entry 2 and entry 1 have one id"),
    ):
        ledger.append([failed])
    assert engine("ledger", "verify").code == 0


def test_the_other_way_round_is_found_too_and_kept_once(engine: Engine) -> None:
    engine("init")
    assert engine("ledger", "import", OTHER, "--key", KEY).code == 0
    for _ in range(2):
        assert engine("ledger", "import", ORIGINAL, "--key", KEY).code == 4
    assert len(list(Path(".engine").glob("equivocation-*.json"))) == 1


def test_a_proof_of_a_forked_twin_of_this_ledger_is_4_and_both_checkpoints_are_kept(
    engine: Engine,
) -> None:
    """INV-IMPORT-2: the folder was copied, and both copies went on."""
    here, twin, aside = Path(".engine"), Path("twin"), Path("aside")
    metrics = engine("example", "promote").out.encode()

    def decided(name: str, **home: str) -> None:
        assert engine("decide", "-", "--export", name, stdin=metrics, **home).code == 0

    decided("first.json")
    copytree(here, twin)
    decided("own.json")
    here.rename(aside)
    twin.rename(here)
    elsewhere = {"HOME": str(Path("other-home").resolve())}
    decided("twin.json", **elsewhere)
    decided("next.json", **elsewhere)
    decided("newer.json", **elsewhere)
    here.rename(twin)
    aside.rename(here)
    log = engine("ledger", "log").out
    table = [
        # a proof, exit code, what is said, whether both are kept
        ("first.json", 0, "was here already", False),
        ("own.json", 0, "was here already", False),
        ("twin.json", 4, "this signer signed two histories of one ledger", True),
        ("next.json", 4, "this signer signed two histories of one ledger", True),
        ("newer.json", 4, "this ledger is an older copy, or forked", False),
    ]
    for name, code, reason, kept in table:
        answer = engine("ledger", "import", name)
        assert (answer.code, reason in answer.out + answer.err) == (code, True), (name, answer)
        assert engine("ledger", "log").out == log
        files = list(here.glob("equivocation-*.json"))
        assert bool(files) == kept, name
        for file in files:
            shown = engine("verify", str(file), "--key", ".engine/keys/engine.pub.pem")
            assert (shown.code, "EQUIVOCATION: this signer signed two histories" in shown.out) == (
                *(4, True),
            )
            file.unlink()


def test_an_import_between_anothers_commit_and_its_signature_is_compared_all_the_same(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine("init")
    engine("keys", "init")
    signer = open_file(Path(".engine/keys/engine.pem"))
    keys, now = [load_public_pem(Path(KEY).read_bytes())], "2026-06-01T12:00:00Z"
    Path("l").mkdir()
    with closing(open_at(Path("l"), signer=signer)) as ours:
        with monkeypatch.context() as stopped, closing(open_at(Path("l"), signer=signer)) as theirs:
            stopped.setattr(Ledger, "_sign_checkpoint", lambda _self: 1 / 0)
            with pytest.raises(CommitError):
                import_proof(Path(ORIGINAL).read_bytes(), theirs, signer, keys, now)
        with pytest.raises(EquivocationError):
            import_proof(Path(OTHER).read_bytes(), ours, signer, keys, now)
