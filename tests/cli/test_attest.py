"""``engine attest ethics``, and decisions that rest on what it signed, as a person would type."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.formats.times import parse_time, write_time
from engine.model import Json
from tests.cli.conftest import Answer, Engine

KEY = ".engine/keys/engine.pub.pem"
ROW = "extends: default\ndescription: Attested.\nchecks:\n  ethics.attestation: {severity: %s}\n"
RELEASE = "engine.toml"


class Office:
    """Two folders: where releases are decided, and where the ethics board has its own key."""

    def __init__(self, engine: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.engine, self.folder, self._monkeypatch = engine, folder, monkeypatch
        self.board = folder / "board"
        self.board.mkdir()
        (self.board / ".engine").mkdir(mode=0o700)
        self.metrics: Json = json.loads(engine("example", "promote").out)
        self.write()

    def write(self) -> None:
        (self.folder / "metrics.json").write_text(json.dumps(self.metrics))

    def at_board(self, *argv: str, **environ: str) -> Answer:
        with self._monkeypatch.context() as patch:
            patch.chdir(self.board)
            return self.engine(*argv, **environ)

    def attest(self, *argv: str, out: str = "attestation.json") -> Answer:
        """The board attests and hands the proof on."""
        return self.at_board(
            "attest",
            "ethics",
            "../metrics.json",
            "--export",
            f"../{out}",
            "--format",
            "json",
            *argv,
        )

    def policies(self, *tolerated: str, severity: str = "block", trust: str | None = None) -> None:
        """Policies of this organisation, in engine.toml, with the board as its attestor."""
        names = ", ".join(("policies_configured", *tolerated))
        (self.folder / "policies/limits/release").mkdir(parents=True, exist_ok=True)
        (self.folder / "policies/trust").mkdir(exist_ok=True)
        (self.folder / "policies/limits/release/data.yaml").write_text(
            f"relaxations_allowed: [{names}]\n{ROW % severity}"
        )
        if not (self.board / KEY).exists():
            assert self.at_board("keys", "init").code == 0
        pem = (self.board / KEY).read_text()
        (self.folder / "policies/trust/board.pub.pem").write_text(pem)
        rows = "- {name: board, public_key_file: board.pub.pem, roles: [attestor]}"
        (self.folder / "policies/trust/data.yaml").write_text(f"keys:\n  {trust or rows}\n")
        (self.folder / RELEASE).write_text('policies = "policies"\nprofile = "release"\n')

    def decide(self, *argv: str) -> Answer:
        return self.engine("decide", "metrics.json", "--format", "json", *argv)


@pytest.fixture
def office(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(engine, Path.cwd(), monkeypatch)


def status_of(answer: Answer, check: str = "ethics.attestation") -> str:
    (found,) = [row for row in answer.json["checks"] if row["id"] == check]
    return str(found["status"])


def test_what_the_board_attested_lets_a_release_through_and_proves_it(office: Office) -> None:
    """INV-ATTEST-1, INV-ATTEST-4, INV-ATTEST-5."""
    office.policies()
    given = office.attest()
    assert given.code == 0
    assert given.json["verdict"] == "PROMOTE"
    answer = office.decide("--attestation", "attestation.json", "--export", "proof.json")
    assert (answer.code, answer.json["verdict"]) == (0, "PROMOTE")
    assert status_of(answer) == "pass"
    assert answer.json["relaxations"] == ["policies_configured"]
    (attestation,) = answer.json["attestations"]
    assert (attestation["id"], attestation["role"], attestation["self"]) == (
        given.json["attestation_id"], "attestor", False,
    )  # fmt: skip
    verified = office.engine("verify", "proof.json", "--key", KEY, "--require", "PROMOTE")
    assert verified.code == 0
    replayed = office.engine("replay")
    assert (replayed.code, replayed.out.count("byte for byte the same")) == (0, 1)


def test_without_an_attestation_the_release_is_held(office: Office) -> None:
    office.policies()
    answer = office.decide()
    assert answer.code == 5
    assert status_of(answer) == "unknown"
    (check,) = [c for c in answer.json["checks"] if c["id"] == "ethics.attestation"]
    assert check["code"] == "ethics_gates_failed"
    assert check["passes_when"] == (
        "passes when an attestor attests that the ethics gate lets this very artifact through"
    )


def test_a_metric_that_says_so_is_no_attestation(office: Office) -> None:
    """INV-ATTEST-1."""
    office.policies()
    office.metrics["metrics"]["ethics.attestation"] = True
    office.write()
    answer = office.decide()
    assert answer.code == 2
    assert "/metrics/ethics.attestation: 'ethics.attestation' is read from attest" in answer.err
    del office.metrics["metrics"]["ethics.attestation"]
    office.write()
    assert status_of(office.decide("--export", "proof.json")) == "unknown"
    assert office.engine("verify", "proof.json", "--key", KEY, "--require", "HOLD").code == 0


def test_a_waiver_never_covers_its_absence(office: Office) -> None:
    """INV-WAIVER-2."""
    office.policies()
    Path("policies/waivers").mkdir()
    Path("policies/waivers/data.yaml").write_text(
        "waivers:\n  - {id: W-1, check: ethics.attestation, subject: {name: scoring-model},\n"
        '     reason: hurry, approvers: [a], expires_at: "2999-01-01T00:00:00Z"}\n'
    )
    answer = office.decide()
    assert (answer.code, status_of(answer)) == (5, "unknown")
    (check,) = [c for c in answer.json["checks"] if c["id"] == "ethics.attestation"]
    assert check["waived_by"] is None


def test_a_failing_model_is_attested_as_failing_and_never_passes(office: Office) -> None:
    """INV-ATTEST-7: the answer is recorded whatever it is."""
    office.policies()
    office.metrics["metrics"]["ethics.consent"] = False
    office.write()
    given = office.attest()
    assert (given.code, given.json["verdict"], given.json["recorded"]) == (1, "BLOCK", True)
    assert given.json["metrics"]["ethics.consent"]["value"] is False
    assert status_of(office.decide("--attestation", "attestation.json")) == "unknown"
    answer = office.engine("verify", "attestation.json", "--key", f"board/{KEY}")
    assert answer.out.startswith(
        "GENUINE ETHICS ATTESTATION OF BLOCK; nothing was required of it\n"
    )
    wished = ("verify", "attestation.json", "--key", f"board/{KEY}", "--require", "PROMOTE")
    assert office.engine(*wished).code == 1


def test_it_is_durable_before_it_is_told(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """INV-ATTEST-7: nothing is printed of what could not be recorded."""
    from engine.errors import CommitError
    from engine.ledger.ledger import Ledger

    assert office.attest().code == 0

    def broken(_self: object, _units: object) -> None:
        raise CommitError("the disk is gone")

    monkeypatch.setattr(Ledger, "_commit", broken)
    answer = office.attest(out="second.json")
    assert answer.code == 3
    assert answer.out == ""
    assert not Path("second.json").exists()


def test_the_own_key_is_enough_only_where_the_profile_tolerates_it(office: Office) -> None:
    """INV-ATTEST-3: it is named, and found in the ledger without being given."""
    office.policies("self_attested")
    assert office.engine("attest", "ethics", "metrics.json").code == 0
    answer = office.decide()
    assert (answer.code, answer.json["relaxations"]) == (
        0,
        ["policies_configured", "self_attested"],
    )
    assert [attestation["self"] for attestation in answer.json["attestations"]] == [True]
    office.policies()
    answer = office.decide()
    assert (answer.code, answer.json["relaxations"]) == (
        5,
        ["policies_configured", "self_attested"],
    )
    assert "does not tolerate: self_attested" in answer.json["reason"]


def test_a_warning_never_holds_a_release(office: Office) -> None:
    office.policies(severity="warn")
    assert office.engine("attest", "ethics", "metrics.json").code == 0
    answer = office.decide()
    assert (answer.code, answer.json["relaxations"], status_of(answer)) == (
        0,
        ["policies_configured"],
        "unknown",
    )


def test_naming_the_own_key_in_the_trust_list_does_not_help(office: Office) -> None:
    """INV-ATTEST-3."""
    office.engine("keys", "init")
    own = office.engine("keys", "list").out.split()[0]
    office.policies(trust=f"- {{key_id: {own}, roles: [attestor]}}")
    assert office.engine("attest", "ethics", "metrics.json", "--export", "own.json").code == 0
    for argv in ((), ("--attestation", "own.json")):
        answer = office.decide(*argv)
        assert (answer.code, answer.json["relaxations"]) == (
            5,
            ["policies_configured", "self_attested"],
        )


def test_a_key_that_was_taken_out_takes_its_attestations_with_it(office: Office) -> None:
    """INV-ATTEST-2: and a replay by those policies shows which decisions would have been held."""
    office.policies()
    office.attest()
    assert office.decide("--attestation", "attestation.json").code == 0
    office.policies(trust="[]")
    (office.folder / "policies/trust/data.yaml").write_text("keys: []\n")
    assert status_of(office.decide("--attestation", "attestation.json")) == "unknown"
    flipped = office.engine("replay", "--policies", "policies").out
    assert re.search(r"PROMOTE +(->|→) +HOLD .*ethics\.attestation", flipped), flipped


def test_what_weakened_the_attestation_weakens_the_decision(office: Office) -> None:
    """INV-ATTEST-6."""
    office.policies()
    assert office.attest("--ledger", "run:", "--profile", "default").code == 0
    answer = office.decide("--attestation", "attestation.json")
    assert (answer.code, answer.json["relaxations"]) == (
        5,
        ["ephemeral_ledger", "policies_configured"],
    )
    office.policies("ephemeral_ledger")
    assert office.decide("--attestation", "attestation.json").code == 0


def test_another_artifact_is_not_attested(office: Office) -> None:
    """INV-ATTEST-1."""
    office.policies()
    office.attest()
    office.metrics["subject"]["digest"]["sha256"] = "ab" * 32
    office.write()
    answer = office.decide("--attestation", "attestation.json")
    assert (answer.code, answer.json.get("attestations")) == (5, None)
    assert "says nothing about this artifact" in answer.err


@pytest.mark.parametrize(("left_s", "status"), [(1, "pass"), (0, "unknown")])
def test_it_ends_at_the_second_it_says(office: Office, left_s: int, status: str) -> None:
    """INV-ATTEST-1."""
    office.policies()
    given = office.attest("--ttl", "5m").json
    assert parse_time(given["expires_at"]) - parse_time(given["issued_at"]) == timedelta(minutes=5)
    at = write_time(parse_time(given["expires_at"]) - timedelta(seconds=left_s))
    answer = office.decide("--attestation", "attestation.json", "--now", at)
    assert status_of(answer) == status
    assert answer.json["attestations"][0]["remaining_s"] == left_s


@pytest.mark.parametrize(("ago_s", "status"), [(0, "pass"), (1, "unknown")])
def test_the_future_attests_nothing(office: Office, ago_s: int, status: str) -> None:
    """INV-ATTEST-1."""
    office.policies()
    issued = parse_time(office.attest().json["issued_at"])
    at = write_time(issued - timedelta(seconds=ago_s))
    assert status_of(office.decide("--attestation", "attestation.json", "--now", at)) == status


def test_the_last_word_of_a_key_is_the_one_that_counts(office: Office) -> None:
    office.policies()
    office.attest(out="first.json")
    office.metrics["metrics"]["ethics.consent"] = False
    office.write()
    office.attest(out="second.json")
    office.metrics["metrics"]["ethics.consent"] = True
    office.write()
    files = ("--attestation", "first.json", "--attestation", "second.json")
    answer = office.decide(*files)
    assert status_of(answer) == "unknown"
    assert [attestation["verdict"] for attestation in answer.json["attestations"]] == ["BLOCK"]
    own = ("attest", "ethics", "metrics.json")
    office.policies("self_attested")
    assert office.engine(*own).code == 0
    office.metrics["metrics"]["ethics.consent"] = False
    office.write()
    assert office.engine(*own).code == 1
    office.metrics["metrics"]["ethics.consent"] = True
    office.write()
    assert status_of(office.decide()) == "unknown"


def forged(bundle: dict[str, Any]) -> None:
    bundle["previous_hash"] = "0" * 64


def without_input(bundle: dict[str, Any]) -> None:
    bundle["attachments"] = [a for a in bundle["attachments"] if a["name"] != "input"]


@pytest.mark.parametrize("edit", [forged, without_input])
def test_a_file_that_is_not_genuine_decides_nothing(
    office: Office, edit: Callable[[dict[str, Any]], None]
) -> None:
    """INV-ATTEST-4."""
    office.policies()
    office.attest()
    bundle = json.loads(Path("attestation.json").read_bytes())
    edit(bundle)
    Path("bad.json").write_text(json.dumps(bundle))
    answer = office.decide("--attestation", "bad.json")
    assert (answer.code, answer.out) == (4, "")
    assert answer.err.startswith("engine: --attestation bad.json: ")
    assert office.engine("verify", "bad.json", "--key", f"board/{KEY}").code == 4


@pytest.mark.parametrize(
    ("argv", "code", "words"),
    [
        (("--attestation", "nix.json"), 2, "nix.json"),
        (("--attestation", "metrics.json"), 4, "no proof bundle"),
        (("--attestation", "attestation.json") * 9, 2, "8 are read"),
    ],
)
def test_a_file_that_cannot_be_an_attestation_is_named(
    office: Office, argv: tuple[str, ...], code: int, words: str
) -> None:
    office.policies()
    answer = office.decide(*argv)
    assert answer.code == code
    assert words in answer.err


def test_another_ledgers_attestation_is_not_found_unless_it_is_given(office: Office) -> None:
    office.policies()
    office.attest()
    assert office.decide().json.get("attestations") is None


def test_where_nothing_asks_nothing_is_looked_at(office: Office) -> None:
    """No ledger is opened; a file that the call names is there and genuine all the same."""
    answer = office.engine("decide", "metrics.json", "--attestation", "nix.json")
    assert (answer.code, "nix.json: no such file or directory" in answer.err) == (2, True)


def test_deciding_loads_nothing_of_it_where_nothing_asks(office: Office) -> None:
    script = (
        "import sys; from engine.cli import run; run(['decide', 'metrics.json', '--dry-run']); "
        "print(*sys.modules)"
    )
    home = {"HOME": str(office.folder), "PATH": "/usr/bin:/bin"}
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, env=home, check=True)
    loaded = ran.stdout.decode().splitlines()[-1].split()
    assert "engine.decision.judge" in loaded
    names = (
        "attestation",
        "attesting",
        "cli.deciding.attestations",
        "reliance",
        "trust",
        "placement",
    )
    assert {f"engine.{name}" for name in names} & set(loaded) == set()


def test_many_inputs_are_looked_up_by_every_process(office: Office) -> None:
    office.policies("self_attested")
    Path("many").mkdir()
    for number in range(6):
        digest = {"sha256": f"{number:064x}"}
        document = office.metrics | {"subject": {"name": "m", "digest": digest}}
        (Path("many") / f"{number}.json").write_text(json.dumps(document))
    for number in (1, 4):
        assert office.engine("attest", "ethics", f"many/{number}.json").code == 0
    for jobs in ("1", "2"):
        answer = office.engine("decide", "many", "--jobs", jobs, "--format", "jsonl")
        verdicts = [json.loads(line)["verdict"] for line in answer.out.splitlines()]
        assert verdicts == ["HOLD", "PROMOTE", "HOLD", "HOLD", "PROMOTE", "HOLD"]


@pytest.mark.parametrize(
    ("argv", "code", "words"),
    [
        (("ethic", "metrics.json"), 2, "ethics"),
        (("ethics", "nix.json"), 2, "nix.json"),
        (("ethics", "metrics.json", "--ttl", "91d"), 2, "7776000 s"),
        (("ethics", "metrics.json", "--ttl", "0s"), 2, "not 0 s"),
        (("ethics", "metrics.json", "--ttl", "soon"), 2, "90s, 15m, 12h or 7d"),
        (("ethics", "metrics.json", "--ledger", "run:"), 2, "--export"),
        (("ethics", "metrics.json", "--profile", "strct"), 2, "strict"),
        (("ethics", "nameless.json"), 2, "--artifact"),
        (("ethics", "claims.json"), 2, "gate"),
        (("ethics", "large.json"), 2, "give only the metrics"),
    ],
)
def test_what_cannot_be_attested_is_refused_with_what_to_do(
    office: Office, argv: tuple[str, ...], code: int, words: str
) -> None:
    plain = office.metrics
    Path("nameless.json").write_text(json.dumps(plain | {"subject": {"name": "m"}}))
    Path("claims.json").write_text(json.dumps(plain | {"gate": "promotion"}))
    many = {f"x.{'n' * 40}{number}": "v" * 200 for number in range(400)}
    large = plain | {"metrics": plain["metrics"] | many}
    Path("large.json").write_text(json.dumps(large))
    answer = office.engine("attest", *argv)
    assert answer.code == code
    assert answer.out == ""
    assert words in answer.err
    if Path(".engine/ledger.db").exists():
        log = office.engine("ledger", "log", "--format", "jsonl").out
        assert "ledger-created" in log
        assert "ethics-attestation" not in log


def test_the_artifact_gives_the_digest(office: Office) -> None:
    Path("model.bin").write_bytes(b"weights")
    office.metrics["subject"] = {"name": "scoring-model"}
    office.write()
    answer = office.engine(
        "attest", "ethics", "metrics.json", "--artifact", "model.bin", "--format", "json"
    )
    assert answer.code == 0
    assert answer.json["subject"]["digest"]["sha256"] == hashlib.sha256(b"weights").hexdigest()


def test_an_attestation_is_explained_listed_and_exported(office: Office) -> None:
    given = office.engine("attest", "ethics", "metrics.json", "--format", "json").json
    name = given["attestation_id"]
    explained = office.engine("explain", name)
    assert explained.code == 0
    assert explained.out.startswith(f"ATTESTATION by key {given['key_id']}\n")
    assert "ethics.ece" in explained.out
    log = office.engine("ledger", "log").out
    assert "ethics-attestation PROMOTE" in log
    assert name in log
    assert office.engine("export", name, "-o", "out.json").code == 0
    wishes = ("--require", "PROMOTE", "--digest", given["subject"]["digest"]["sha256"])
    assert office.engine("verify", "out.json", "--key", KEY, *wishes).code == 1
    named = (*wishes, "--gate", "ethics")
    verified = office.engine("verify", "out.json", "--key", KEY, *named, "--format", "json")
    assert (verified.code, verified.json["attestation_id"]) == (0, name)
    assert verified.json["failed_expectations"] == []
    assert office.engine("ledger", "verify", "--signatures").code == 0
    assert office.engine("replay", name).code != 0
    counted = office.engine("attest", "ethics", "metrics.json", "--format", "json").json
    shown = office.engine("ledger", "show", counted["attestation_id"]).json["predicate"]
    assert (shown["attempt"], shown["previous"]) == (2, name)


def test_a_decision_shows_its_attestations_in_every_format(office: Office) -> None:
    office.policies()
    name = office.attest().json["attestation_id"]
    files = {form: f"out.{form}" for form in ("markdown", "html", "jsonl", "json")}
    outputs = [word for form, file in files.items() for word in ("--output", f"{form}={file}")]
    argv = ("decide", "metrics.json", "--attestation", "attestation.json")
    answer = office.engine(*argv, *outputs)
    line = f"{name} says PROMOTE, by "
    assert f"  attested   {line}" in answer.out
    for file in files.values():
        assert name in Path(file).read_text()
    for form in ("text", "markdown", "html", "json", "jsonl"):
        for source in ("out.json", "out.jsonl"):
            assert name in office.engine("convert", source, "--format", form).out
    decision = json.loads(Path("out.json").read_text())["decision_id"]
    assert line in office.engine("explain", decision).out
