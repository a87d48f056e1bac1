"""export, verify, replay, ledger, explain: what happens to a decision afterwards."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from pathlib import Path

import pytest

from engine.policy.build import write
from engine.policy.bundle import shipped_bundle
from tests.cli.conftest import Answer, Engine
from tests.repository import ROOT

KEY = ".engine/keys/engine.pub.pem"


@pytest.fixture
def decided(engine: Engine) -> Answer:
    """Four decisions in a ledger, the first one exported to ``proof.json``."""
    first = engine(
        "decide", "-", "--export", "proof.json", "--format", "json",
        stdin=engine("example", "promote").out.encode(),
    )  # fmt: skip
    for name in ("hold", "block"):
        engine("decide", "-", stdin=engine("example", name).out.encode())
    engine("decide", "-", "--stage", "production", stdin=engine("example", "rollback").out.encode())
    return first


def test_a_proof_is_genuine_and_as_required(engine: Engine, decided: Answer) -> None:
    answer = engine(
        "verify", "proof.json", "--key", KEY, "--require", "PROMOTE", "--gate", "promotion",
        "--profile", "default", "--stage", "candidate", "--max-age", "1h", "--no-relaxations",
        "--digest", "sha256:" + decided.json["subject"]["digest"]["sha256"],
    )  # fmt: skip
    assert answer.code == 0
    assert answer.out.startswith("GENUINE RECORD OF PROMOTE; as required\n")


def test_a_genuine_block_of_which_nothing_is_required_is_0_and_says_so(
    engine: Engine, decided: Answer
) -> None:
    blocked = re.search(r"BLOCK\s+(\S+)", engine("ledger", "log").out)
    assert blocked
    assert engine("export", blocked[1], "-o", "block.json").code == 0
    answer = engine("verify", "block.json", "--key", KEY)
    assert answer.code == 0
    assert "GENUINE RECORD OF BLOCK; nothing was required of it" in answer.out


@pytest.mark.parametrize(
    "wish",
    [
        ("--require", "BLOCK"),
        ("--gate", "ethics"),
        ("--profile", "strict"),
        ("--stage", "production"),
        ("--digest", "sha256:" + "0" * 64),
        ("--policy-digest", "0" * 64),
        ("--artifact", "proof.json"),
    ],
)
def test_a_wish_that_is_not_met_is_1(
    engine: Engine, decided: Answer, wish: tuple[str, str]
) -> None:
    answer = engine("verify", "proof.json", "--key", KEY, *wish)
    assert answer.code == 1
    assert "NOT AS REQUIRED\n" in answer.out
    Path("again.json").write_bytes(Path("proof.json").read_bytes())
    both = engine("verify", "again.json", "proof.json", "--key", KEY, *wish, "-q")
    assert both.out.splitlines()[1].endswith("NOT AS REQUIRED (proof.json)")


def test_what_is_not_genuine_is_4(engine: Engine, decided: Answer) -> None:
    proof = json.loads(Path("proof.json").read_text())
    Path("changed.json").write_text(json.dumps({**proof, "index": 0}))
    Path("other").mkdir()
    engine("keys", "init", "--key-file", "other/key.pem")
    assert engine("verify", "changed.json", "--key", KEY).code == 4
    other = engine("verify", "proof.json", "--key", "other/key.pub.pem")
    assert other.code == 4
    both = engine("verify", "proof.json", "--key", "other/key.pub.pem", "--key", KEY)
    assert both.code == 0


@pytest.mark.parametrize(
    ("argv", "code", "words"),
    [
        (("verify", "absent.json", "--key", KEY), 2, "absent.json: no such file"),
        (("verify", ".", "--key", KEY), 2, "is a folder"),
        (("verify", "proof.json", "--key", "proof.json"), 2, "proof.json"),
        (("verify", "proof.json", "--key", ".engine/keys/engine.pem"), 2, "private"),
        (("verify", "proof.json", "--key", KEY, "--max-age", "1 week"), 2, "not a duration"),
        (("export", "01234567", "-o", "x.json"), 2, "01234567"),
        (("export", "01", "-o", "x.json"), 2, ""),
        (("ledger", "show", "999"), 2, "999"),
        (("ledger", "verify", "--since", "absent"), 2, "--since absent"),
        (("explain", "ethics.eec"), 2, "did you mean 'ethics.ece'?"),
        (("explain", "0" * 36), 2, "0" * 36),
        (("replay", "0" * 36), 2, "0" * 36),
        (("replay", "--bundle", "proof.json"), 2, "--policy-digest"),
        (("replay", "--bundle", "proof.json", "--policy-digest", "0" * 64), 4, "was decided by"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(
    engine: Engine, decided: Answer, argv: tuple[str, ...], code: int, words: str
) -> None:
    answer = engine(*argv)
    assert (answer.code, answer.out) == (code, "")
    assert words in answer.err
    assert "Traceback" not in answer.err


def test_every_past_decision_replays_byte_for_byte(engine: Engine, decided: Answer) -> None:
    """INV-REPLAY-1: the same answer for every past decision."""
    answer = engine("replay")
    assert (answer.code, answer.out) == (0, "4 decisions replayed, byte for byte the same\n")
    assert engine("replay", decided.json["decision_id"][:20]).code == 0


def test_a_swapped_input_does_not_replay(engine: Engine, decided: Answer) -> None:
    """INV-REPLAY-1: an input other than the recorded one is found."""
    ledger = sqlite3.connect(".engine/ledger.db")
    triggers = ledger.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for (trigger,) in triggers:
        ledger.execute(f"DROP TRIGGER {trigger}")
    changed = ledger.execute(
        "UPDATE attachment SET body = CAST(replace(body, '0.006', '0.005') AS BLOB)"
        " WHERE kind = 'input'"
    ).rowcount
    ledger.commit()
    ledger.close()
    assert changed > 0
    assert engine("replay").code == 4


def test_other_policies_list_what_they_would_flip(engine: Engine, decided: Answer) -> None:
    """INV-REPLAY-2: exactly the past decisions that a new policy would decide otherwise."""
    Path("new/limits/default").mkdir(parents=True)
    shipped = ROOT / "policies" / "limits" / "default" / "data.yaml"
    text = shipped.read_text()
    assert "limit: 0.01" in text
    Path("new/limits/default/data.yaml").write_text(text.replace("limit: 0.01", "limit: 0.001", 1))

    flips = engine("replay", "--policies", "new")

    assert flips.code == 0
    assert re.findall(r"^(\w+) +-> (\w+) .*scoring-model: (.*)$", flips.out, re.MULTILINE) == [
        ("PROMOTE", "BLOCK", "ethics.ece")
    ]
    assert engine("replay", "--policies", "new", "--fail-on-flip").code == 1


def test_the_policy_in_a_proof_is_replayed_when_it_is_the_expected_one(
    engine: Engine, decided: Answer
) -> None:
    digest = engine("policy", "list").out.split()[1]
    answer = engine("replay", "--bundle", "proof.json", "--policy-digest", digest, "--key", KEY)
    assert answer.code == 0


def test_a_built_policy_is_given_as_its_folder(engine: Engine, decided: Answer) -> None:
    write(shipped_bundle(), Path("built"), keep_sources=True)
    call = ("verify", "proof.json", "--key", KEY, "--require", "PROMOTE", "--policy")
    assert engine(*call, "built").code == 0
    answer = engine(*call, ".")
    assert (answer.code, answer.err.splitlines()[0]) == (
        2,
        "engine: --policy .: no manifest.json in it",
    )


def test_a_ledger_verifies_and_extends_an_earlier_checkpoint(
    engine: Engine, decided: Answer
) -> None:
    note = engine("ledger", "checkpoint").out
    indented = "".join(f"    {line}\n" for line in note.splitlines())
    Path("kept.checkpoint").write_text(indented)
    engine("decide", "-", stdin=engine("example", "hold").out.encode())

    answer = engine("ledger", "verify", "--since", "kept.checkpoint", "--signatures")

    assert answer.code == 0
    assert "6 entries hold since entry 5, 1 signature\n" in answer.out


def test_a_ledger_that_went_back_is_4_and_never_a_fresh_start(
    engine: Engine, decided: Answer
) -> None:
    """INV-LEDGER-3: missing, smaller or other than its signed head."""
    shutil.copy(".engine/ledger.db", "earlier.db")
    document = engine("example", "promote").out.encode()
    engine("decide", "-", stdin=document)
    for part in ("", "-wal", "-shm"):
        Path(f".engine/ledger.db{part}").unlink(missing_ok=True)
    missing = engine("decide", "-", stdin=document)
    assert missing.code == 4
    shutil.copy("earlier.db", ".engine/ledger.db")
    smaller = engine("decide", "-", stdin=document)
    assert smaller.code == 4
    assert engine("ledger", "verify").code == 4


def test_a_decision_and_a_check_are_explained_offline(engine: Engine, decided: Answer) -> None:
    decision = engine("explain", decided.json["decision_id"][:18])
    assert decision.code == 0
    assert "Calibration error: " in decision.out
    check = engine("explain", "ethics.ece")
    assert check.code == 0
    for words in ("demands", "why", "fix", "INV-ETHICS-1", "default", "strict", "<= 0.01 ratio"):
        assert words in check.out


def test_the_log_and_an_entry_are_readable(engine: Engine, decided: Answer) -> None:
    log = engine("ledger", "log", "--limit", "0")
    kinds = [line.split()[2] for line in log.out.splitlines()]
    assert kinds == ["decision"] * 4 + ["ledger-created"]
    rows = [
        json.loads(line) for line in engine("ledger", "log", "--format", "jsonl").out.splitlines()
    ]
    assert [row["verdict"] for row in rows] == ["ROLLBACK", "BLOCK", "HOLD", "PROMOTE", None]
    shown = engine("ledger", "show", "1").json
    assert shown["predicate"]["verdict"] == "PROMOTE"


def test_decisions_become_tables_for_sql(engine: Engine, decided: Answer) -> None:
    answer = engine("ledger", "tables", "decisions.db")
    assert (answer.code, answer.out) == (
        0,
        "4 decisions in decisions.db: tables decision and check\n",
    )
    database = sqlite3.connect("decisions.db")
    rows = database.execute(
        'SELECT verdict, count(*) FROM decision JOIN "check" USING (entry)'
        " WHERE status = 'fail' AND severity = 'block' GROUP BY entry ORDER BY entry"
    ).fetchall()
    database.close()
    assert rows == [("BLOCK", 3), ("ROLLBACK", 3)]
    assert engine("ledger", "tables", "decisions.db").code == 2


def test_the_public_key_lies_where_the_answer_says(engine: Engine) -> None:
    for name in ("own.pem", "other.key", "release"):
        answer = engine("keys", "init", "--key-file", name)
        assert (answer.code, answer.err) == (0, "")
        assert Path(answer.out.strip()).read_text().startswith("-----BEGIN PUBLIC KEY-----")


def test_the_private_key_is_never_shown(engine: Engine, decided: Answer) -> None:
    secret = "".join(Path(".engine/keys/engine.pem").read_text().splitlines()[1:-1])
    answers = [engine("keys", "list"), engine("config", "show"), engine("ledger", "log")]
    assert answers[0].code == 0
    assert all(secret not in answer.out + answer.err for answer in answers)
    assert secret.encode() not in Path("proof.json").read_bytes()
    assert Path(".engine/keys/engine.pem").stat().st_mode & 0o777 == 0o600
