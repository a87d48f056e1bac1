"""The commonest mistakes of a newcomer: each is named, and the last line says what to do."""

from __future__ import annotations

import fcntl
import inspect
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from engine import errors
from engine.errors import GovernanceError
from engine.model import Json
from engine.signers.file import generate
from tests.cli.conftest import Answer, Engine
from tests.repository import ROOT

SHIPPED = ROOT / "policies"
KEY = ".engine/keys/engine.pub.pem"


@dataclass(frozen=True)
class Mistake:
    """One mistake: what is typed, and what its answer must name and advise.

    Attributes:
        argv: After ``engine``.
        names: What the message must say.
        advises: What the lines after it must say.
        code: Exit code.
        before: What goes wrong in the folder first.
        environ: Environment variables.
    """

    argv: str
    names: str
    advises: str
    code: int = 2
    before: Callable[[], object] = lambda: None
    environ: dict[str, str] = field(default_factory=dict)


def edit(change: Callable[[Json], object], to: str = "m.json") -> Callable[[], None]:
    """Write a copy of the good metrics file after ``change``."""

    def write() -> None:
        document = json.loads(Path("good.json").read_text())
        change(document)
        Path(to).write_text(json.dumps(document))

    return write


def write(path: str, text: str) -> Callable[[], None]:
    def happen() -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text)

    return happen


def metric(name: str, value: Json) -> Callable[[], None]:
    return edit(lambda document: document["metrics"].update({name: value}))


def own_rego() -> None:
    write("own/slo/slo.rego", (SHIPPED / "slo" / "slo.rego").read_text() + "# changed\n")()


def no_head() -> None:
    shutil.rmtree(".engine/heads")
    shutil.rmtree("../home/.local/state")
    Path(".engine/ledger.db").unlink()


MISTAKES = {
    # The call.
    "nothing to decide on": Mistake("decide", "arguments are required: PATH", "such as:"),
    "a verb": Mistake("decid good.json", "'decid' is not a verb", "did you mean 'decide'?"),
    "a verb of another program": Mistake("check good.json", "'check'", "did you mean 'decide'?"),
    "a test": Mistake("test policies", "'test' is not a verb", "did you mean 'policy test'?"),
    "the version": Mistake("version", "'version' is not a verb", "did you mean '--version'?"),
    "a verb that is far": Mistake("upload", "'upload' is not a verb", "lists the verbs"),
    "what to attest": Mistake("attest", "are required: {ethics", "such as:"),
    "an action": Mistake("ledger", "are required: ACTION {verify,log", "such as:"),
    "a sub-verb": Mistake("ledger verfy", "invalid choice: 'verfy'", "did you mean 'verify'?"),
    "a flag of an action": Mistake(
        "ledger verify --formt json", "ledger verify: unrecognized arguments: --formt json",
        "did you mean '--format'?",
    ),
    "a flag": Mistake("decide good.json --aritfact x", "--aritfact", "did you mean '--artifact'?"),
    "a flag's value": Mistake("decide good.json --gate", "--gate: expected one", "give it: --gate"),
    "a verdict": Mistake(
        f"verify proof.json --key {KEY} --require PRMOTE", "'PRMOTE'", "did you mean 'PROMOTE'?"
    ),
    "a gate": Mistake("decide good.json --gate promo", "no gate 'promo'", "'promotion'?"),
    "a profile": Mistake("decide good.json --profile srvice", "no profile 'srvice'", "'service'?"),
    "a stage": Mistake("decide good.json --stage prod", "stage 'prod'", "candidate, production"),
    "a format": Mistake("decide good.json --format jsn", "format 'jsn'", "did you mean 'json'?"),
    "an output": Mistake("decide good.json --output json", "not F=PATH", "such as json="),
    "a number": Mistake("decide good.json --jobs many", "'many' is not a number", "such as:"),
    "a check": Mistake("explain slo.dec_p95", "'slo.dec_p95'", "did you mean 'slo.dec_p95_ms'?"),
    "an example": Mistake("example promot", "'promot' is not known", "did you mean 'promote'?"),
    "a decision": Mistake("explain 01234567", "no decision '01234567'", "`engine ledger log`"),
    "run: without a proof": Mistake("decide good.json --ledger run:", "run:", "add --export FILE"),
    # The evidence.
    "a file that is not there": Mistake("decide nothing.json", "nothing.json: no such", "give "),
    "a file's name": Mistake("decide god.json", "god.json: no such", "did you mean 'good.json'?"),
    "the wrong folder": Mistake(
        "decide empty", "empty: no *.json", "give the folder", before=lambda: Path("empty").mkdir()
    ),
    "an empty file": Mistake("decide m.json", "is empty", "example", before=write("m.json", "")),
    "CSV": Mistake(
        "decide m.csv", "m.csv:1:1", "JSON or YAML", before=write("m.csv", "metric,value\n")
    ),
    "a comma too many": Mistake(
        "decide m.json", "m.json:1:9", "no comma follows", before=write("m.json", '{"a": 1,}')
    ),
    "single quotes": Mistake(
        "decide m.json", "m.json:1:2", "double quotes", before=write("m.json", "{'a': 1}")
    ),
    "tabs in YAML": Mistake(
        "decide m.yaml", "m.yaml:2:1", "never with tabs",
        before=write("m.yaml", "subject:\n\tname: a"),
    ),
    "a metric": Mistake(
        "decide m.json", "'slo.dec_p95'", "did you mean 'slo.dec_p95_ms'?",
        before=metric("slo.dec_p95", 1),
    ),
    "metrics as a list": Mistake(
        "decide m.json", "/metrics: array where object", "write it such as",
        before=edit(lambda document: document.update(metrics=[{"id": "slo.dec_p95_ms"}])),
    ),
    "no metrics": Mistake(
        "decide m.json", "key 'metrics' is missing", 'such as "metrics": {"slo.dec_p95_ms": 512}',
        before=edit(lambda document: document.pop("metrics")),
    ),
    "a number as text": Mistake(
        "decide m.json", "string '512' where the catalogue says number", "in ms, without quotes",
        before=metric("slo.dec_p95_ms", "512"),
    ),
    "no time": Mistake(
        "decide m.json", "key 'observed_at' is missing", "date -u +%FT%TZ",
        before=edit(lambda document: document.pop("observed_at")),
    ),
    "a time without a zone": Mistake(
        "decide m.json", "/observed_at: '2026-11-20 12:00'", 'such as "2026-01-31T12:00:00Z"',
        before=edit(lambda document: document.update(observed_at="2026-11-20 12:00")),
    ),
    "no digest": Mistake(
        "decide m.json", "/subject: gate 'promotion' promotes an artifact", "--artifact PATH",
        before=edit(lambda document: document["subject"].pop("digest")),
    ),
    "a digest with its kind": Mistake(
        "decide m.json", "/subject/digest/sha256", "Write 64 lowercase hex digits",
        before=edit(lambda doc: doc["subject"]["digest"].update(sha256="sha256:" + "ab" * 32)),
    ),
    "a claim": Mistake(
        "decide m.json", "/profile: the evidence says profile 'strict'", "remove the line",
        before=edit(lambda document: document.update(profile="strict")),
    ),
    "an artifact of nothing": Mistake(
        "decide good.json --artifact none.tgz", "--artifact none.tgz: is empty", "command",
        before=write("none.tgz", ""),
    ),
    "an artifact that is not there": Mistake(
        "decide good.json --artifact dist/a.tgz", "--artifact dist/a.tgz", "give the one file"
    ),
    # Keys and ledgers.
    "no key in CI": Mistake(
        "decide good.json", "in CI no key", "ENGINE_KEY", before=lambda: shutil.rmtree(".engine"),
        environ={"CI": "true"},
    ),
    "no ledger in CI": Mistake(
        "decide good.json", "there is no ledger at", "is its volume mounted?", before=no_head,
        environ={"CI": "true"},
    ),
    "something else as the key": Mistake(
        "decide good.json", "$ENGINE_KEY: does not hold a private key", "engine keys init",
        environ={"ENGINE_KEY": "secret"},
    ),
    "a key that others can read": Mistake(
        "decide good.json", "others can read this private key", "chmod 600",
        before=lambda: Path(".engine/keys/engine.pem").chmod(0o644),
    ),
    "a second key": Mistake("keys init", "there is a key already", "--key-file"),
    "a ledger that is gone": Mistake(
        "decide good.json", "is missing, and 2 entries were signed", "restore the newest copy",
        code=4, before=lambda: Path(".engine/ledger.db").unlink(),
    ),
    "another key for the ledger": Mistake(
        "decide good.json --key-file other.pem", "was begun with key", "use that key",
        before=lambda: generate(Path("other.pem")),
    ),
    # Proofs.
    "no public key": Mistake("verify proof.json", "no key is trusted", "give --key PUB"),
    "the private key": Mistake(
        "verify proof.json --key .engine/keys/engine.pem", "holds a private key", "pass the .pub"
    ),
    "no such key": Mistake(
        "verify proof.json --key a.pem", "--key a.pem: no such file", "give the signer's public key"
    ),
    "another key": Mistake(
        "verify proof.json --key other.pub.pem", "proof.json", "key", code=4,
        before=lambda: generate(Path("other.pem")),
    ),
    "a file that is no proof": Mistake(
        f"verify good.json --key {KEY}", "good.json: it is no proof", "engine export", code=4
    ),
    "a file to import that is no proof": Mistake(
        "ledger import good.json", "good.json: it is no proof bundle", "engine export", code=4
    ),
    "a duration": Mistake(
        f"verify proof.json --key {KEY} --max-age 12", "'12' is not a duration such as", "such as:"
    ),
    # Settings and policies.
    "a setting": Mistake(
        "decide good.json", "engine.toml:1: key 'gaet'", "did you mean 'gate'?",
        before=write("engine.toml", "gaet = 'slo'\n"),
    ),
    "YAML for TOML": Mistake(
        "decide good.json", "engine.toml", 'such as gate = "promotion"',
        before=write("engine.toml", "gate: slo\n"),
    ),
    "an instant past all calendars": Mistake(
        "decide good.json --now 9999-12-31T23:59:59Z", "argument --now", "such as:"
    ),
    "a limit past its own": Mistake(
        "decide good.json", "$ENGINE_MAX_BYTES is not from 1 to 1073741824", "max_bytes:",
        environ={"ENGINE_MAX_BYTES": "99999999999"},
    ),
    "a ledger in no folder": Mistake(
        "decide good.json --ledger no/such/l.db", "folder does not exist", "no/such"
    ),
    "a ledger that is none": Mistake(
        "decide good.json --ledger good.json", "--ledger good.json: is no ledger", "name the ledger"
    ),
    "run without its colon": Mistake(
        "decide good.json --ledger run", "--ledger 'run'", "did you mean run:?"
    ),
    "the key of a ledger that is gone": Mistake(
        "decide good.json", "was begun with key", "restore that key",
        before=lambda: shutil.rmtree(".engine/keys"),
    ),
    "no new key for an old ledger": Mistake(
        "keys init", "was begun with key", "begin another ledger with --ledger",
        before=lambda: shutil.rmtree(".engine/keys"),
    ),
    **{
        f"a name too long: {argv.partition(' ')[2] or argv}": Mistake(
            f"{argv}{'a' * 300}", "name too long", "shorter"
        )
        for argv in (
            *("decide good.json --ledger ", "decide good.json --key-file "),
            *("decide good.json --policies ", "decide good.json --export "),
            *("decide good.json --output json=", "conform "),
        )
    },
    "an output's name too long": Mistake(
        f"decide good.json --output json={'a' * 250}", "name too long", "shorter"
    ),
    "a check that is off for no reason": Mistake(
        "decide good.json --policies own", "own/limits/own/data.yaml:3:", "why the check is off",
        before=write(
            "own/limits/own/data.yaml",
            "extends: default\nchecks:\n  slo.dec_p95_ms: {severity: 'off'}\n",
        ),
    ),
    "a path as the key": Mistake(
        "decide good.json", "$ENGINE_KEY: this is a path", "ENGINE_KEY_FILE",
        environ={"ENGINE_KEY": ".engine/keys/engine.pem"},
    ),
    "a profile in a folder that nobody names": Mistake(
        "decide good.json", "engine.toml:2: no profile 'own'", "add policies =",
        before=lambda: (
            write("engine.toml", "\nprofile = 'own'\n")(),
            write("policies/limits/own/data.yaml", "extends: default\nchecks: {}\n")(),
        ),
    ),
    "a folder too deep": Mistake(
        "decide good.json --policies policies/limits", "'own'", "give the folder above",
        before=write("policies/limits/own/data.yaml", "extends: default\nchecks: {}\n"),
    ),
    "a topic": Mistake(
        "decide good.json --policies own", "'limit'", "did you mean limits/<profile>/data.yaml?",
        before=write("own/limit/data.yaml", "extends: default\nchecks: {}\n"),
    ),
    "no such policies": Mistake(
        "decide good.json --policies own", "own: no such folder", "give the folder"
    ),
    "no policy in the folder": Mistake(
        "decide good.json --policies own", "own: no policy", "a policy is made of *.rego",
        before=lambda: Path("own").mkdir(),
    ),
    "a key of a profile": Mistake(
        "decide good.json --policies own", "own/limits/own/data.yaml:3:20", "did you mean 'limit'?",
        before=write(
            "own/limits/own/data.yaml", "extends: default\nchecks:\n  slo.dec_p95_ms: {limt: 3}\n"
        ),
    ),
    "changed Rego without OPA": Mistake(
        "decide good.json --policies own", "own/slo/slo.rego differs", "make opa", before=own_rego
    ),
}  # fmt: skip


@pytest.fixture
def begun(engine: Engine) -> Engine:
    """A folder in which the first decision went well."""
    Path("good.json").write_text(engine("example", "promote").out)
    assert engine("decide", "good.json", "--export", "proof.json").code == 0
    return engine


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named_and_its_answer_ends_with_what_to_do(
    begun: Engine, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.policy.build.OWN_OPA", Path("none"))
    mistake = MISTAKES[name]
    mistake.before()
    answer = begun(*mistake.argv.split(), **mistake.environ)
    require_helpful(answer, mistake)


def require_helpful(answer: Answer, mistake: Mistake) -> None:
    first, *rest = answer.err.strip().split("\n")
    assert answer.code == mistake.code, answer.err
    assert answer.out == ""
    assert first.startswith("engine: ")
    assert mistake.names in first
    assert rest, f"nothing says what to do: {first}"
    assert mistake.advises in "\n".join(rest), rest
    assert all(line.startswith("  ") for line in rest), rest


def test_old_evidence_is_held_and_says_what_to_do(begun: Engine) -> None:
    edit(lambda document: document.update(observed_at="2025-01-01T00:00:00Z"))()
    answer = begun("decide", "m.json")
    assert answer.code == 5
    assert "passes when slo.dec_p95_ms is measured again" in answer.out


def test_two_processes_at_once_wait_or_say_who_holds_the_ledger(begun: Engine) -> None:
    with Path(".engine/ledger.db.lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        answer = begun("decide", "good.json", "--lock-timeout", "0")
    waits = Mistake("", "has held the ledger's lock", "wait for it to finish", code=3)
    assert answer.code == waits.code
    assert waits.names in answer.err
    assert waits.advises in answer.err
    assert begun("decide", "good.json").code == 0


def test_a_crash_says_what_to_do(tmp_path: Path) -> None:
    crash = (
        "import engine.cli.decide.verb as verb\n"
        "def run(*_):\n    raise RuntimeError('boom')\n"
        "verb.run = run\n"
    )
    (tmp_path / "sitecustomize.py").write_text(crash)
    done = subprocess.run(
        [sys.executable, "-m", "engine", "decide", "-"], cwd=tmp_path, capture_output=True,
        env={"PYTHONPATH": str(tmp_path)}, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 3
    assert done.stderr.splitlines()[0] == "engine: could not decide: RuntimeError: boom"
    assert "report this line with what `engine doctor` prints" in done.stderr


# Every error there is.

KINDS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, GovernanceError)
]


@pytest.mark.parametrize("kind", KINDS)
def test_no_error_leaves_a_person_without_advice(kind: type[GovernanceError]) -> None:
    arguments = ["it is wrong"]
    if kind is errors.DocumentError:
        plain: GovernanceError = errors.DocumentError(errors.Position("m.json"), *arguments)
    elif kind is errors.EquivocationError:
        plain = errors.EquivocationError(arguments[0], "", "twice", b"")
    elif kind is errors.CircuitOpenError:
        plain = errors.CircuitOpenError("openai", "gpt-4o", "open", 5_000)
    else:
        plain = kind(*arguments)
    assert str(plain).split("\n")[1:] == [kind.advice]
    assert len(kind.advice) > 20
    assert kind.advice in inspect.getsource(errors)
