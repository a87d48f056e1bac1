"""INV-DOOR-1: every door asks through a session, and none forgets what weakens a run.

Each promise about asking is held against each door: the command line's verbs and the library's
functions. A door is a function that asks once with the options it is given; what it recorded is
read from the ledger, and where it refuses it says so by exit code 2 or a UsageError.
"""

from __future__ import annotations

import ast
import base64
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from engine import Budget, CircuitBreaker, Gate, decide
from engine.calls.budget.request import Request
from engine.calls.budget.usage import Usage
from engine.decision import judge as judge_module
from engine.decision.runtime import SystemRuntime
from engine.errors import GovernanceError, RollbackError, UsageError
from engine.formats.times import write_time
from engine.ledger import open_ledger
from engine.model import DECISION_REQUESTED_TYPE, EFFECT_TYPE, Json
from engine.proof.created import read_created
from engine.proof.envelope import open_envelope
from engine.proof.keys import key_id, load_public_pem, public_pem
from engine.specs.conform.claims import Claims
from engine.specs.conform.conformance import Conformance, conform
from tests.cli.conftest import Engine
from tests.repository import ROOT

PEM = Ed25519PrivateKey.from_private_bytes(b"\x09" * 32).private_bytes(
    Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
)
PUBLIC = Ed25519PrivateKey.from_private_bytes(b"\x09" * 32).public_key().public_bytes_raw()
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
PASSED = ("PROMOTE", "ALLOW")
WATCH = """\
[watch]
record_only = ["promote", "page", "degrade", "rollback", "recover", "escalate"]
[[subject]]
name = "scoring-model"
artifact = "model.bin"
gate = "security"
profile = "{profile}"
promote = true
[[subject.source]]
kind = "prometheus"
url = "http://127.0.0.1:9"
[subject.source.metrics]
"slo.dec_p95_ms" = {{query = "p95"}}
"""


@dataclass
class Ask:
    """How a door is to ask.

    Attributes:
        world: Where.
        ledger: URL or path.
        policies: Folder that the caller lays over the shipped policies.
        policy_trust: Trust list of who may approve them.
        profile: Table of limits.
        gate: For the doors that may name one.
        as_of: An instant of the caller's choosing.
        exports: Whether a proof is asked for.
        export_name: Its file, below the world's folder.
        document: The evidence; fresh and good if left out.
        environ: Variables around the command line.
    """

    world: World
    ledger: str = ""
    policies: Path | None = None
    policy_trust: Path | None = None
    profile: str = "default"
    gate: str = "promotion"
    as_of: datetime | None = None
    exports: bool = False
    export_name: str = "proof.json"
    document: Json = None
    environ: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ledger = self.ledger or str(self.world.folder / "ledger.db")
        if self.document is None:
            self.document = self.world.document()

    @property
    def export(self) -> Path | None:
        return self.world.folder / self.export_name if self.exports else None

    def run(self, *argv: str, has_gate: bool = True, can_export: bool = False) -> None:
        """Run a verb; an exit code that is no verdict raises, as the library does."""
        flags = ["--ledger", self.ledger, "--key-file", str(self.world.key_file)]
        if self.policies is not None:
            flags += ["--policies", str(self.policies)]
        if self.policy_trust is not None:
            flags += ["--policy-trust", str(self.policy_trust)]
        if has_gate:
            flags += ["--profile", self.profile]
        if self.as_of is not None:
            flags += ["--now", self.as_of.isoformat()]
        if self.exports and can_export:
            flags += ["--export", str(self.export)]
        answer = self.world.engine(*argv, *flags, **self.environ)
        if answer.code == 2:
            raise UsageError(answer.err)
        if answer.code == 4:
            raise RollbackError(answer.err)


class World:
    """A folder with a key, an artifact and a ledger; and what was recorded there."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        self.folder, self.engine = folder, engine
        self.key_file = folder / "key.pem"
        self.key_file.write_bytes(PEM)
        self.key_file.chmod(0o600)
        (folder / "model.bin").write_bytes(b"weights")

    def document(self) -> Json:
        document = self.engine("example", "promote").json
        digest = "9a3c2a2b4c1cb5d7a2cbf0f5d27cfcbd8d90d4a5a2a2e6f7a4f0c1c2b3d4e5f6"
        document["subject"] = {"name": "scoring-model", "digest": {"sha256": digest}}
        return document

    def relaxed(self) -> Path:
        """Policies of the caller's own: a limit that nearly everything is within."""
        table = self.folder / "own/limits/default/data.yaml"
        table.parent.mkdir(parents=True, exist_ok=True)
        shipped = (ROOT / "policies/limits/default/data.yaml").read_text()
        changed = shipped.replace("limit: 0.01", "limit: 0.9", 1)
        assert changed != shipped
        table.write_text(changed)
        return self.folder / "own"

    def approved(self, *, expires: str = "2099-01-01T00:00:00Z") -> tuple[Path, Path]:
        """The same policies in one file that a key of the trust list approved; and that list."""
        built, trust = self.folder / "own.tar", self.folder / "approvers.yaml"
        key = self.folder / "board.pem"
        if not key.exists():
            assert self.engine("keys", "init", "--key-file", str(key)).code == 0
        self.engine("policy", "build", "--policies", str(self.relaxed()), "--out", str(built))
        argv = ("policy", "sign", str(built), "--key-file", str(key), "--expires", expires)
        assert self.engine(*argv).code == 0
        trust.write_text("keys:\n  - {public_key_file: board.pub.pem, roles: [policy]}\n")
        return built, trust

    def evidence(self, document: Json) -> str:
        (self.folder / "metrics.json").write_text(json.dumps(document))
        return str(self.folder / "metrics.json")

    def watched(self, ask: Ask) -> str:
        """A configuration, and the recorded PROMOTE that its subject goes into production by."""
        (self.folder / "watch.toml").write_text(WATCH.format(profile=ask.profile))
        if ask.ledger != "run:" and not any(
            "decision_id" in record for record in self.records(ask)
        ):
            document = {
                "subject": {"name": "scoring-model"},
                "observed_at": self.document()["observed_at"],
                "metrics": {"security.critical_findings": 0},
            }
            artifact = str(self.folder / "model.bin")
            plain = Ask(self, ledger=ask.ledger, profile=ask.profile, document=document)
            evidence = self.evidence(document)
            plain.run("decide", evidence, "--gate", "security", "--artifact", artifact)
            if ask.policies is not None:  # by which it would not be promoted
                plain.run("watch", str(self.folder / "watch.toml"), "--once", has_gate=False)
        return str(self.folder / "watch.toml")

    def records(self, ask: Ask) -> list[Json]:
        """Predicates of everything that is recorded, but for the ledger's own beginning."""
        path = Path(ask.ledger.removeprefix("sqlite:///"))
        if not path.exists():
            return []
        with closing(open_ledger(str(path), signer=None, heads=None)) as ledger:
            payloads = [open_envelope(body).payload for _, body in ledger.entries(1)]
        return [json.loads(payload)["predicate"] for payload in payloads]

    def versions(self, ask: Ask, record: Json) -> set[int]:
        """Of the statement types under which ``record`` is kept."""
        with closing(open_ledger(ask.ledger, signer=None, heads=None)) as ledger:
            payloads = [open_envelope(body).payload for _, body in ledger.entries(1)]
        kept = [
            statement for statement in map(json.loads, payloads) if statement["predicate"] == record
        ]
        return {int(statement["predicateType"].rpartition(":v")[2]) for statement in kept}

    def last(self, ask: Ask, door: str) -> Json:
        """What ``door`` recorded last: a verdict with its relaxations."""
        gate = "lifecycle" if door == "engine watch" else None
        decisions = [r for r in self.records(ask) if "verdict" in r and gate in (None, r["gate"])]
        return decisions[-1]


@pytest.fixture
def world(tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world in which the command line and the library have the same home."""
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    folder = tmp_path / "world"
    folder.mkdir()
    return World(folder, engine)


def decide_verb(ask: Ask) -> None:
    evidence = ask.world.evidence(ask.document)
    ask.run("decide", evidence, "--gate", ask.gate, can_export=True)


def attest_verb(ask: Ask) -> None:
    ask.run("attest", "ethics", ask.world.evidence(ask.document), can_export=True)


def budget_verb(ask: Ask) -> None:
    ask.run("budget", "reserve", "--provider", "acme", "--model", "large", "--requests", "1")


def watch_verb(ask: Ask) -> None:
    ask.run("watch", ask.world.watched(ask), "--once", has_gate=False)


def _named(ask: Ask) -> dict[str, Any]:
    named = {"ledger": ask.ledger, "key": PEM, "policies": ask.policies}
    return {**named, "policy_trust": ask.policy_trust}


def decide_function(ask: Ask) -> None:
    options: dict[str, Any] = {
        "gate": ask.gate,
        "profile": ask.profile,
        "export": ask.export,
        "now": ask.as_of,
    }
    decide(ask.document, **options, **_named(ask))


def gate_decides(ask: Ask) -> None:
    with Gate(ask.gate, ask.profile, **_named(ask)) as gate:
        gate.decide(ask.document, export=ask.export, now=ask.as_of)


def gate_attests(ask: Ask) -> None:
    with Gate("ethics", ask.profile, **_named(ask)) as gate:
        instant: Any = {} if ask.as_of is None else {"now": ask.as_of}
        gate.attest(ask.document, export=ask.export, **instant)


def budget_class(ask: Ask) -> None:
    clock: Any = {} if ask.as_of is None else {"clock": lambda: ask.as_of}
    with Budget(**_named(ask), profile=ask.profile, daily_usd="1", **clock) as budget:
        request = Request("acme", "large", None, tokens=None)
        budget.ask(request)


def breaker_class(ask: Ask) -> None:
    with (
        CircuitBreaker("acme", "large", ledger=ask.ledger, key=PEM) as breaker,
        pytest.raises(ConnectionError),
    ):
        breaker.call(_refuse)


def _refuse() -> None:
    raise ConnectionRefusedError


DOORS: dict[str, Callable[[Ask], None]] = {
    "engine decide": decide_verb,
    "engine attest": attest_verb,
    "engine budget reserve": budget_verb,
    "engine watch": watch_verb,
    "engine.decide": decide_function,
    "engine.Gate.decide": gate_decides,
    "engine.Gate.attest": gate_attests,
    "engine.Budget": budget_class,
}
"""Every door that asks a gate."""

RECORDERS = {**DOORS, "engine.CircuitBreaker": breaker_class}
"""Every door that records: one keeps circuits and asks no gate."""

READERS = ("engine decide", "engine attest", "engine.decide", "engine.Gate.decide",
           "engine.Gate.attest")  # fmt: skip
"""Doors that take evidence from the caller."""

PROMOTERS = ("engine decide", "engine.decide", "engine.Gate.decide")
"""Doors that ask a gate which looks at budgets."""


@pytest.mark.parametrize("door", DOORS)
def test_policies_that_the_caller_chose_are_named(door: str, world: World) -> None:
    """INV-RELAX-1."""
    ask = Ask(world, policies=world.relaxed())
    DOORS[door](ask)

    named = [relaxation["name"] for relaxation in world.last(ask, door)["relaxations"]]
    assert "policies_overridden" in named


CONFIGURED = [name for name in DOORS if name.startswith("engine ")]
"""Doors that look for a configuration; the library's are given everything by their caller."""


@pytest.mark.parametrize("door", CONFIGURED)
def test_policies_that_a_configuration_names_are_named(
    door: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-RELAX-1: whoever plants an engine.toml above the folder leaves a trace in the record."""
    own, planted = world.relaxed(), world.folder / "engine.toml"
    (world.folder / "below").mkdir()
    monkeypatch.chdir(world.folder / "below")
    for profile, tolerated in (("default", True), ("strict", False)):
        ask = Ask(world, ledger=str(world.folder / f"{profile}.db"), profile=profile)
        if door == "engine watch":  # what is in production was promoted before
            world.watched(replace(ask, policies=own))
        planted.write_text('policies = "own"\n')
        DOORS[door](ask)
        planted.unlink()
        record = world.last(ask, door)
        assert {"name": "policies_configured", "tolerated": tolerated} in record["relaxations"]
        assert tolerated or record["verdict"] not in PASSED
        assert world.versions(ask, record) == {2}


@pytest.mark.parametrize("door", DOORS)
def test_policies_that_a_trusted_key_approved_are_no_relaxation(
    door: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-RELAX-2: at every door; the record names who approved, and the ledger keeps it."""
    built, trust = world.approved()
    ask = Ask(world, policies=built, policy_trust=trust, profile="strict")
    DOORS[door](ask)

    record = world.last(ask, door)
    assert record["relaxations"] == []
    key = key_id(load_public_pem((world.folder / "board.pub.pem").read_bytes()))
    assert [row["key_id"] for row in record["policy_approvals"]] == [key]
    assert record["policy_changes"]["rows"]
    assert world.versions(ask, record) == {2}
    public = world.folder / "release.pub.pem"
    public.write_bytes(public_pem(PUBLIC))
    checked = world.engine("ledger", "verify", "--ledger", ask.ledger, "--key", str(public))
    assert checked.code == 0, checked.err


@pytest.mark.parametrize("door", CONFIGURED)
def test_the_shipped_policies_are_no_relaxation_wherever_they_are_named(
    door: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-RELAX-1."""
    shutil.copytree(ROOT / "policies/limits/default", world.folder / "same/limits/default")
    (world.folder / "engine.toml").write_text('policies = "same"\n')
    monkeypatch.chdir(world.folder)
    ask = Ask(world)
    DOORS[door](ask)

    record = world.last(ask, door)
    assert (record["relaxations"], world.versions(ask, record)) == ([], {1})


@pytest.mark.parametrize("door", DOORS)
def test_policies_that_others_can_write_to_are_named(door: str, world: World) -> None:
    """INV-RELAX-1, INV-DOOR-6: at the library's doors too."""
    ask = Ask(world, policies=world.relaxed())
    (world.folder / "own/limits/default/data.yaml").chmod(0o666)
    DOORS[door](ask)

    record = world.last(ask, door)
    named = [relaxation["name"] for relaxation in record["relaxations"]]
    assert named == ["folder_writable_by_others", "policies_overridden"]
    assert world.versions(ask, record) == {2}


@pytest.mark.parametrize("exposed", ["engine.toml", "."])
@pytest.mark.parametrize("door", CONFIGURED)
def test_a_configuration_that_others_can_write_to_is_named(
    door: str, exposed: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-RELAX-1, INV-DOOR-6: by the file's mode or its folder's, such as under umask 0."""
    monkeypatch.chdir(world.folder)
    ask = Ask(world)
    (world.folder / "engine.toml").write_text('stage = "candidate"\n')
    (world.folder / exposed).chmod(0o777)
    DOORS[door](ask)

    named = [relaxation["name"] for relaxation in world.last(ask, door)["relaxations"]]
    assert named == ["folder_writable_by_others"]


@pytest.mark.parametrize("door", DOORS)
def test_policies_that_nobody_chose_are_not_named(door: str, world: World) -> None:
    ask = Ask(world)
    DOORS[door](ask)

    assert world.last(ask, door)["relaxations"] == []


@pytest.mark.parametrize("door", DOORS)
def test_what_the_profile_does_not_tolerate_never_passes(door: str, world: World) -> None:
    """INV-RELAX-1: ``strict`` puts up with no policies of the caller's own."""
    ask = Ask(world, policies=world.relaxed(), profile="strict")
    DOORS[door](ask)

    record = world.last(ask, door)
    assert record["verdict"] not in PASSED
    assert {"name": "policies_overridden", "tolerated": False} in record["relaxations"]


@pytest.mark.parametrize("door", RECORDERS)
def test_a_ledger_of_this_run_is_refused_where_no_proof_stays(
    door: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(world.folder))
    monkeypatch.setattr("tempfile.tempdir", str(world.folder))
    with pytest.raises(UsageError, match="run:"):
        RECORDERS[door](Ask(world, ledger="run:"))
    assert not list(world.folder.rglob("*.db"))


@pytest.mark.parametrize("door", READERS)
def test_a_ledger_of_this_run_that_stays_in_its_proof_is_named(door: str, world: World) -> None:
    ask = Ask(world, ledger="run:", exports=True)
    DOORS[door](ask)

    entry = json.loads((world.folder / "proof.json").read_text())["entry"]
    statement = json.loads(open_envelope(base64.b64decode(entry)).payload)
    assert {"name": "ephemeral_ledger", "tolerated": True} in statement["predicate"]["relaxations"]


@pytest.mark.parametrize("door", READERS)
def test_a_proof_that_cannot_be_written_is_refused_before_anything_is_decided(
    door: str, world: World
) -> None:
    ask = Ask(world, exports=True, export_name="no/where.json")
    with pytest.raises(UsageError, match="its folder does not exist"):
        DOORS[door](ask)
    assert world.records(ask) == []


@pytest.mark.parametrize("door", READERS)
def test_an_attempt_that_failed_leaves_a_record(door: str, world: World) -> None:
    """INV-INPUT-5."""
    ask = Ask(world)
    ask.document["metrics"]["ethics.nope"] = 1
    with pytest.raises(GovernanceError, match=r"ethics\.nope"):
        DOORS[door](ask)

    (record,) = world.records(ask)
    assert record["error"]["type"] == "DocumentError"
    # A code and a place: a key of the document may be personal, and the record is for ever.
    assert record["error"]["message"].startswith("document_refused")
    assert "ethics.nope" not in record["error"]["message"]


@pytest.mark.parametrize("door", PROMOTERS)
def test_a_failed_dry_run_leaves_no_record(door: str, world: World) -> None:
    ask = Ask(world, as_of=LONG_AGO)
    ask.document["metrics"]["ethics.nope"] = 1
    with pytest.raises(GovernanceError, match=r"ethics\.nope"):
        DOORS[door](ask)
    assert world.records(ask) == []


def test_the_second_proof_of_a_ledger_of_this_run_does_not_replace_the_first(
    world: World,
) -> None:
    """Nothing else would be left of the first; a file or a folder for each keeps both."""
    file = world.folder / "proof.json"
    with Gate(ledger="run:", key=PEM) as gate:
        first = gate.decide(world.document(), export=file)
        kept = file.read_bytes()
        with pytest.raises(UsageError, match="the proof of an earlier decision"):
            gate.decide(world.document(), export=str(file))
        assert file.read_bytes() == kept
        second = gate.decide(world.document(), export=world.folder)
    assert (world.folder / f"{second.decision_id}.proof.json").exists()
    assert first.recorded
    assert second.recorded


@pytest.mark.parametrize("door", DOORS)
def test_an_instant_of_the_callers_choosing_is_never_recorded(door: str, world: World) -> None:
    """A door decides as of an instant without recording it, or knows of no such thing."""
    document = world.document()
    document["observed_at"] = "2020-01-01T00:00:00Z"
    for metric in document["metrics"].values():
        if isinstance(metric, dict):
            metric.pop("observed_at", None)
    ask = Ask(world, document=document, as_of=LONG_AGO)
    try:
        DOORS[door](ask)
    except (UsageError, TypeError):
        assert door not in PROMOTERS
    assert not any("2020-01-01" in json.dumps(record) for record in world.records(ask))


@pytest.mark.parametrize("environ", [{}, {"HOME": "", "ENGINE_KEY": PEM.decode()}])
@pytest.mark.parametrize("door", RECORDERS)
def test_a_ledger_that_went_missing_is_noticed_from_any_folder(
    door: str, environ: dict[str, str], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-LEDGER-4, INV-DOOR-4: the heads lie where no working folder matters, home or not."""
    if environ:
        monkeypatch.delenv("HOME")
    url = f"sqlite:///{world.folder}/data/ledger.db"
    (world.folder / "data").mkdir()
    for name in ("one", "other"):
        (world.folder / name).mkdir()
    monkeypatch.chdir(world.folder / "one")
    RECORDERS[door](Ask(world, ledger=url, environ=environ))
    assert list((world.folder / "one").iterdir()) == []
    for file in (world.folder / "data").glob("ledger.db*"):
        file.unlink()

    monkeypatch.chdir(world.folder / "other")
    with pytest.raises(RollbackError, match="signed for"):
        RECORDERS[door](Ask(world, ledger=url, environ=environ))


@pytest.mark.parametrize("door", RECORDERS)
def test_a_ledger_that_another_door_has_written_is_missed_even_without_its_folder(
    door: str, world: World
) -> None:
    """INV-DOOR-4: every door keeps heads where every other looks."""
    doors = list(RECORDERS)
    (world.folder / "data").mkdir()
    ask = Ask(world, ledger=str(world.folder / "data/ledger.db"))
    RECORDERS[door](ask)
    shutil.rmtree(world.folder / "data")
    (world.folder / "data").mkdir()

    with pytest.raises(RollbackError, match="signed for"):
        RECORDERS[doors[doors.index(door) - 1]](ask)


@pytest.mark.parametrize("door", RECORDERS)
def test_a_ledger_that_went_backwards_is_noticed_by_any_name(door: str, world: World) -> None:
    """INV-DOOR-4: a link leads to the heads of the file that it names."""
    for name in ("data", "links"):
        (world.folder / name).mkdir()
    (world.folder / "links/ledger.db").symlink_to(world.folder / "data/ledger.db")
    RECORDERS[door](Ask(world, ledger=str(world.folder / "data/ledger.db")))
    for file in (world.folder / "data").glob("ledger.db*"):
        file.unlink()
    shutil.rmtree(world.folder.parent / "home/.local/state")

    with pytest.raises(RollbackError, match="signed for"):
        RECORDERS[door](Ask(world, ledger=str(world.folder / "links/ledger.db")))


@pytest.mark.parametrize("door", RECORDERS)
def test_a_kind_of_ledger_is_not_taken_for_a_path(
    door: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-DOOR-3: written in capitals, it would be a folder of that name below the working one."""
    monkeypatch.chdir(world.folder)
    with pytest.raises(UsageError, match="no ledger is kept in SQLITE:"):
        RECORDERS[door](Ask(world, ledger="SQLITE:///x.db"))
    assert not list(world.folder.rglob("*.db"))


@pytest.mark.parametrize("door", [name for name in RECORDERS if name.startswith("engine ")])
def test_the_key_that_a_flag_names_signs(door: str, world: World) -> None:
    """INV-DOOR-4: flag, environment, engine.toml, default; the library is given the key itself."""
    other = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    ask = Ask(world, environ={"ENGINE_KEY": other.decode()})
    RECORDERS[door](ask)

    with closing(open_ledger(ask.ledger, signer=None, heads=None)) as ledger:
        assert read_created(ledger.entry(0)).public_key == PUBLIC


@pytest.mark.parametrize("url", ["data/ledger.db", "sqlite:data/ledger.db",
                                 "sqlite:///data/ledger.db"])  # fmt: skip
def test_a_relative_ledger_in_the_configuration_counts_from_its_file(
    url: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("data", "below", "below/data"):
        (world.folder / name).mkdir()
    (world.folder / "engine.toml").write_text(f'ledger = "{url}"\n')
    evidence = world.evidence(world.document())
    for name in (".", "below"):
        monkeypatch.chdir(world.folder / name)
        assert world.engine("decide", evidence, "--key-file", str(world.key_file)).code == 0

    assert len(world.records(Ask(world, ledger=str(world.folder / "data/ledger.db")))) == 2
    assert list((world.folder / "below/data").iterdir()) == []


HOLDERS: dict[str, Callable[[Ask], Any]] = {
    "engine.Gate": lambda ask: Gate(**_named(ask)),
    "engine.Budget": lambda ask: Budget(**_named(ask), daily_usd="1"),
    "engine.CircuitBreaker": lambda ask: CircuitBreaker("a", "b", ledger=ask.ledger, key=PEM),
}
"""What a program keeps open."""


def use(held: Any, document: Json) -> None:
    if isinstance(held, Gate):
        held.decide(document)
    elif isinstance(held, Budget):
        held.ask(Request("acme", "large", None, tokens=None))
    else:
        with pytest.raises(ConnectionError):
            held.call(_refuse)


@pytest.mark.parametrize("ledger", ["ledger.db", "sqlite:///ledger.db", "sqlite:ledger.db"])
@pytest.mark.parametrize("door", HOLDERS)
def test_a_relative_ledger_stays_the_one_that_was_named(
    door: str, ledger: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-DOOR-3: the working folder is looked at once, when the door is made."""
    (world.folder / "other").mkdir()
    monkeypatch.chdir(world.folder)
    held = HOLDERS[door](Ask(world, ledger=ledger))
    use(held, world.document())
    monkeypatch.chdir(world.folder / "other")
    use(held, world.document())
    held.close()
    if door == "engine.Gate":  # the others are closed for good
        use(held, world.document())
        held.close()

    assert [file.name for file in world.folder.rglob("*.db")] == ["ledger.db"]
    assert list((world.folder / "other").iterdir()) == []


def test_an_attestation_that_was_taken_back_is_taken_back_in_any_folder(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-DOOR-3: a decision looks for attestations where it is recorded."""
    policies = trusting(world.folder / "policies")
    options: Any = {"ledger": "ledger.db", "key": PEM, "policies": policies}
    (world.folder / "other").mkdir()
    monkeypatch.chdir(world.folder)
    proof = world.folder / "attestation.json"
    bad = world.document()
    bad["metrics"]["ethics.ece"] = {"value": 0.5, "n": 24_000}
    monkeypatch.setattr(SystemRuntime, "now", lambda _: NOON)
    with Gate("ethics", "own", **options) as gate:
        gate.attest(at_noon(world.document()), export=proof)
        monkeypatch.setattr(SystemRuntime, "now", lambda _: NOON + timedelta(minutes=1))
        gate.attest(at_noon(bad))

    with Gate("promotion", "own", **options) as gate:
        monkeypatch.chdir(world.folder / "other")
        decision = gate.decide(at_noon(world.document()), attestations=[proof.read_bytes()])
    assert decision.verdict == "HOLD"


LEDGER_FILES = ("ledger.db", "ledger.db-wal", "ledger.db.lock", "link.db", "heads/00.json")
NAMED_FILES = ("key.pem", "metrics.json")
"""What the command line reads; the library is given the key and the evidence themselves."""


@pytest.mark.parametrize(
    ("door", "target"),
    [(door, target) for door in READERS for target in LEDGER_FILES]
    + [(door, target) for door in READERS if door.startswith("engine ") for target in NAMED_FILES],
)
def test_a_proof_is_not_written_over_the_ledger_the_key_or_the_evidence(
    door: str, target: str, world: World
) -> None:
    """INV-DOOR-5: nor over what will be one of them; refused before anything is decided."""
    (world.folder / "link.db").symlink_to(world.folder / "ledger.db")
    ask = Ask(world, exports=True, export_name=target)
    with pytest.raises(UsageError, match="written"):
        DOORS[door](ask)
    assert not any("decision_id" in record for record in world.records(ask))


def test_a_promotion_rests_on_the_policies_in_force_and_not_on_their_names(world: World) -> None:
    """INV-PROMO-1: a PROMOTE by a profile of the same name and other limits is not one."""
    own = world.folder / "lenient/limits/strict"
    own.mkdir(parents=True)
    (own / "data.yaml").write_text(
        "extends: default\nrelaxations_allowed: [policies_overridden]\n"
        "checks:\n  security.critical_findings: {limit: 7}\n"
    )
    ask = Ask(world, policies=own.parent.parent, profile="strict", gate="security")
    ask.document = {
        "subject": {"name": "scoring-model"},
        "observed_at": ask.document["observed_at"],
        "metrics": {"security.critical_findings": 7},
    }
    artifact = str(world.folder / "model.bin")
    ask.run("decide", world.evidence(ask.document), "--gate", "security", "--artifact", artifact)
    assert world.last(ask, "engine decide")["verdict"] == "PROMOTE"

    watching = Ask(world, profile="strict")
    flags = ("--ledger", ask.ledger, "--key-file", str(world.key_file), "--once")
    answer = world.engine("watch", world.watched(watching), *flags)
    assert "was made by another profile than is in force here" in answer.out + answer.err
    assert not any("attested_until" in record for record in world.records(ask))


NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def at_noon(document: Json, instant: datetime = NOON) -> Json:
    document["observed_at"] = write_time(instant)
    for metric in document["metrics"].values():
        if isinstance(metric, dict):
            metric.pop("observed_at", None)
    return document


def trusting(folder: Path) -> Path:
    """Policies whose profile ``own`` asks for an attestation by the world's own key."""
    key = load_pem_private_key(PEM, None).public_key()
    (folder / "trust").mkdir(parents=True)
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (folder / "trust/own.pub.pem").write_bytes(pem)
    (folder / "trust/data.yaml").write_text(
        "keys:\n  - {name: own, public_key_file: own.pub.pem, roles: [attestor], "
        'not_after: "2030-01-01T00:00:00Z"}\n'
    )
    (folder / "limits/own").mkdir(parents=True)
    (folder / "limits/own/data.yaml").write_text(
        "extends: default\nchecks:\n"
        "  ethics.attestation: {severity: block, max_age_s: 604800}\n"
        "relaxations_allowed: [policies_overridden, self_attested]\n"
    )
    return folder


@pytest.mark.parametrize("door", READERS)
def test_evidence_past_the_limit_is_refused(door: str, world: World) -> None:
    document = world.document()
    document["metrics"]["x.padding"] = {"value": 1, "source": "s" * 2**20}
    with pytest.raises(GovernanceError, match="larger than 1,048,576 bytes"):
        DOORS[door](Ask(world, document=document))


@pytest.mark.parametrize("door", [name for name in DOORS if name.startswith("engine ")])
def test_a_limit_that_was_raised_is_named(door: str, world: World) -> None:
    """INV-RELAX-1: the library's doors have no such option."""
    ask = Ask(world, environ={"ENGINE_MAX_BYTES": "2000000"})
    DOORS[door](ask)

    named = [relaxation["name"] for relaxation in world.last(ask, door)["relaxations"]]
    assert named == ["input_limit_raised"]


def spent(ask: Ask, usd: str) -> None:
    """Spend of a dollar a day in the ledger."""
    with Budget(ask.ledger, key=PEM, policies=PRICED, daily_usd="1") as budget:
        granted = budget.ask(Request("acme", "large", 1_000_000, tokens=100))
        budget.settle(granted.lease, Usage(int(float(usd) * 1e6)))


PRICED = ROOT / "tests/calls/budget/policies"


@pytest.mark.parametrize("door", PROMOTERS)
def test_a_lower_claim_than_the_ledgers_own_figure_is_refused(door: str, world: World) -> None:
    """INV-DOOR-2."""
    ask = Ask(world)
    spent(ask, "1.00")
    ask.document["metrics"]["budget.usd_ratio"] = {"value": 0.01}
    before = len(world.records(ask))

    with pytest.raises(GovernanceError, match=r"budget.usd_ratio is 1 by ledger .* claims 0.01"):
        DOORS[door](ask)
    assert not any("verdict" in record for record in world.records(ask)[before:])


@pytest.mark.parametrize("door", PROMOTERS)
def test_the_ledgers_own_figure_of_a_budget_counts(door: str, world: World) -> None:
    """INV-DOOR-2: left out of the evidence, or claimed higher, it is the ledger's."""
    ask = Ask(world)
    spent(ask, "1.00")
    del ask.document["metrics"]["budget.usd_ratio"]
    DOORS[door](ask)

    record = world.last(ask, door)
    assert record["verdict"] == "BLOCK"
    (hard,) = [check for check in record["checks"] if check["id"] == "budget.usd_hard"]
    assert (hard["observed"], hard["status"]) == (1, "fail")


@pytest.mark.parametrize("daily", ["none", "1000000"])
def test_a_looser_limit_of_the_caller_does_not_count(daily: str, world: World) -> None:
    """INV-DOOR-2: the ledger's newest grant of the day names the limit; the stricter counts."""
    ask = Ask(world, environ={"ENGINE_BUDGET_DAILY_USD": daily})
    spent(ask, "1.00")
    del ask.document["metrics"]["budget.usd_ratio"]
    decide_verb(ask)

    assert world.last(ask, "engine decide")["verdict"] == "BLOCK"


@pytest.mark.parametrize("raised", ["settings", "policies"])
def test_a_grant_at_a_raised_limit_frees_no_promotion(raised: str, world: World) -> None:
    """INV-BUDGET-14, INV-DOOR-2: nor is it given."""
    ask = Ask(world, environ={"ENGINE_BUDGET_DAILY_USD": "1000000"})
    spent(ask, "1.00")
    options: Any = {"daily_usd": "1000000", "policies": PRICED}
    if raised == "policies":
        shutil.copytree(PRICED, world.folder / "raised")
        (world.folder / "raised/budgets").mkdir(exist_ok=True)
        (world.folder / "raised/budgets/data.yaml").write_text(
            "budgets: [{id: daily, match: {}, usd: 1000000, tokens: none, requests: none}]\n"
        )
        options = {"policies": world.folder / "raised"}
    with Budget(ask.ledger, key=PEM, **options) as budget:
        assert budget.ask(Request("acme", "large", 1, tokens=1)).verdict == "DENY"
    del ask.document["metrics"]["budget.usd_ratio"]
    decide_verb(ask)

    assert world.last(ask, "engine decide")["verdict"] == "BLOCK"


@pytest.mark.parametrize("zone", ["Pacific/Honolulu", ""])
@pytest.mark.parametrize("door", PROMOTERS)
def test_what_was_spent_on_another_zones_day_counts_until_that_day_is_over_there(
    door: str, zone: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-DOOR-2: at a door that knows no zone; where the ledger does not say one, anywhere."""
    ask = Ask(world)
    monkeypatch.setattr(SystemRuntime, "now", lambda _: NOON - timedelta(hours=4))
    options: Any = {"daily_usd": "1", "time_zone": "Pacific/Honolulu"}
    with Budget(ask.ledger, key=PEM, policies=PRICED, **options) as budget:
        granted = budget.ask(Request("acme", "large", 1_000_000, tokens=100))
        budget.settle(granted.lease, Usage(1_000_000))
    if not zone:  # as before zones were kept
        with closing(sqlite3.connect(ask.ledger)) as connection, connection:
            connection.execute("DELETE FROM state WHERE kind = 'budget-zones'")
    ask.document = at_noon(ask.document, NOON - timedelta(hours=4))
    ask.document["metrics"]["budget.usd_ratio"] = {"value": 0.01}

    with pytest.raises(GovernanceError, match=r"budget.usd_ratio is 1 by ledger .* claims 0.01"):
        DOORS[door](ask)

    monkeypatch.setattr(SystemRuntime, "now", lambda _: NOON)  # midnight where a day ends last
    ask.document = at_noon(ask.document)
    DOORS[door](ask)
    assert world.last(ask, door)["verdict"] == "PROMOTE"


@pytest.mark.parametrize("door", PROMOTERS)
def test_a_higher_claim_is_noted_and_not_used(door: str, world: World) -> None:
    ask = Ask(world)
    spent(ask, "0.25")
    ask.document["metrics"]["budget.usd_ratio"] = {"value": 2}
    DOORS[door](ask)

    record = world.last(ask, door)
    (hard,) = [check for check in record["checks"] if check["id"] == "budget.usd_hard"]
    assert (record["verdict"], hard["observed"]) == ("PROMOTE", 0.25)


@pytest.mark.parametrize("door", PROMOTERS)
def test_with_a_ledger_of_this_run_the_record_says_whose_figure_it_is(
    door: str, world: World
) -> None:
    ask = Ask(world, ledger="run:", exports=True)
    DOORS[door](ask)

    proof = json.loads((world.folder / "proof.json").read_text())
    (kept,) = [
        attachment["base64"] for attachment in proof["attachments"] if attachment["name"] == "input"
    ]
    metrics = json.loads(base64.b64decode(kept))["metrics"]
    assert metrics["budget.usd_ratio"]["source"].startswith("caller")


@pytest.mark.parametrize("profile", ["strict", "default"])
@pytest.mark.parametrize("door", DOORS)
def test_a_request_is_durable_before_the_gate_is_asked(
    door: str, profile: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-LEDGER-7: whoever kills the run at its answer leaves the request behind."""
    ask, judged, before = Ask(world, profile=profile), list[str](), list[str]()

    def observed(*args: Any, **named: Any) -> Any:
        ids = [record.get("decision_id") for record in world.records(ask)]
        judged.append(named["decision_id"])
        before.extend(name for name in judged[-1:] if name in ids)
        return judging(*args, **named)

    judging = judge_module.judge
    monkeypatch.setattr(judge_module, "judge", observed)
    DOORS[door](ask)

    assert judged
    assert before == (judged if profile == "strict" else [])
    with closing(open_ledger(ask.ledger, signer=None, heads=None)) as ledger:
        report = ledger.verify()
        statements = [json.loads(open_envelope(body).payload) for _, body in ledger.entries()]
        claims, conformance = Claims(ledger), Conformance()
        specs = conform(claims.read(), conformance)
    assert (report.requests, report.unanswered) == (len(set(before)), ())
    assert claims.contradicted is None
    assert [name for name, spec in specs.items() if spec.refused] == []
    assert specs["ledger"].conforms
    assert (len(specs["ledger"].taken) > 13) == bool(before)
    assert not {*conformance.without_spec, *conformance.unknown} - {EFFECT_TYPE}
    schema = jsonschema.Draft202012Validator(
        json.loads((ROOT / "schemas/decision-requested.schema.json").read_text())
    )
    requests = [s for s in statements if s["predicateType"] == DECISION_REQUESTED_TYPE]
    assert [list(schema.iter_errors(request)) for request in requests] == [[]] * report.requests


def test_a_dry_run_and_a_ledger_of_this_run_record_no_request(world: World) -> None:
    """Nothing of them stays that a request could be missed in."""
    evidence = world.evidence(world.document())
    world.engine("decide", evidence, "--profile", "strict", "--ledger", str(world.folder / "l.db"),
                 "--key-file", str(world.key_file), "--dry-run")  # fmt: skip
    assert not (world.folder / "l.db").exists()
    gate_decides(Ask(world, ledger="run:", profile="strict", exports=True))
    entries = json.loads((world.folder / "proof.json").read_text())["ledger"]["entries"]
    assert len(entries) == 2


def test_nobody_but_the_session_makes_a_question_or_says_that_one_was_recorded() -> None:
    """Replay takes the recorded question anew; whoever else made one could leave something out."""
    makers, judges, requesters = set(), set(), set()
    for module in sorted((ROOT / "engine").rglob("*.py")):
        name = module.relative_to(ROOT / "engine").as_posix()
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Question":
                makers.add(name)
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Requested":
                requesters.add(name)
            if isinstance(node, ast.ImportFrom) and node.module == "engine.decision.judge":
                judges |= {name for alias in node.names if alias.name == "judge"}
    assert makers == {"decision/session.py", "decision/replay.py"}
    assert requesters == {"decision/session.py"}
    assert judges == {"decision/session.py", "decision/replay.py", "selftest/run.py"}


def test_no_evaluator_is_asked_past_the_judge() -> None:
    """It is not safe among threads, and only the judge holds its answer against the Input.

    What builds, explains or examines the policies asks about an empty Input, and decides nothing.
    """
    askers = set()
    for module in sorted((ROOT / "engine").rglob("*.py")):
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in ("answer", "evaluate"):
                owner = node.value
                if "evaluator" in (getattr(owner, "id", ""), getattr(owner, "attr", "")):
                    askers.add(module.relative_to(ROOT / "engine").as_posix())
    no_evidence = {"policy/build.py", "cli/check_texts.py", "cli/doctor/installation.py"}
    assert askers == {"decision/judge.py"} | no_evidence


def test_a_note_takes_nothing_from_the_checkpoint(world: World) -> None:
    """The line about a claim was once told as the checkpoint of its decision."""
    ask = Ask(world)
    spent(ask, "0.25")
    ask.document["metrics"]["budget.usd_ratio"] = {"value": 2}
    flags = ("--ledger", ask.ledger, "--key-file", str(world.key_file), "--format", "json")
    answer = world.engine("decide", world.evidence(ask.document), *flags)

    assert "the claim of 2 is not used" in answer.err
    with closing(open_ledger(ask.ledger, signer=None, heads=None)) as ledger:
        assert answer.json["checkpoint"] == ledger.last_checkpoint()
