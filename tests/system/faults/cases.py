"""The verbs that write, each with what has to be there before."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.system.faults.injection import Ended

Call = Callable[..., Ended]
Prepare = Callable[[Call], Sequence[str]]

PRICES = """\
prices:
  - {provider: acme, model: large, from: "2020-01-01", input: "2.50", output: "10.00"}
"""
MAP = {"acme/large": {"input_cost_per_token": 2.5e-06, "output_cost_per_token": 1e-05,
                      "litellm_provider": "acme", "mode": "chat"}}  # fmt: skip
GATHER = """\
subject = {name = "scoring-model", version = "2.4.1"}
[[source]]
kind = "predictions"
path = "predictions.csv"
columns = {label = "y", score = "p"}
ece = {bins = 15, strategy = "equal_width", min_n = 10}
"""
WATCH = """\
[watch]
record_only = ["promote", "page", "degrade", "rollback", "recover", "escalate"]
[[subject]]
name = "scoring-model"
version = "2.4.1"
artifact = "model.bin"
gate = "security"
promote = true
[[subject.source]]
kind = "predictions"
path = "predictions.csv"
columns = {label = "y", score = "p"}
ece = {bins = 15, strategy = "equal_width", min_n = 10}
"""
EVIDENCE = {
    "subject": {"name": "scoring-model", "version": "2.4.1"},
    "observed_at": "2026-06-01T12:00:00Z",
    "metrics": {"security.critical_findings": 0},
}
FORMATS = ("json", "jsonl", "markdown", "sarif", "junit", "gitlab", "html", "text")


@dataclass(frozen=True, slots=True)
class Case:
    """A verb that writes.

    Attributes:
        name: What the case is called.
        prepare: Makes what is there before, and returns the call.
        outputs: Files and folders that the call makes, seen from the working folder.
        records: Whether it appends to the ledger.
        code: Exit code when nothing fails.
        again: Exit codes that the same call may have once more, besides that of the first.
    """

    name: str
    prepare: Prepare
    outputs: tuple[str, ...] = ()
    records: bool = False
    again: tuple[int, ...] = ()
    code: int = 0
    environ: dict[str, str] = field(default_factory=dict)


def _evidence(call: Call) -> None:
    Path("good.json").write_text(call("example", "promote").out)


def _decided(call: Call, *flags: str) -> str:
    """A ledger with one decision in it; return its id."""
    _evidence(call)
    done = call("decide", "good.json", "--format", "json", *flags)
    assert done.code == 0, done.err
    identity: str = json.loads(done.out)["decision_id"]
    return identity


def _decide_first(call: Call) -> Sequence[str]:
    _evidence(call)
    return ("decide", "good.json")


def _decide(call: Call) -> Sequence[str]:
    _decided(call)
    Path("old.json").write_text("{}")
    return ("decide", "good.json", "--export", "proof.json", "--output", "json=old.json",
            "--output", "junit=out.xml", "--output", "html=out.html")  # fmt: skip


def _decide_folder(call: Call) -> Sequence[str]:
    _decided(call)
    Path("many").mkdir()
    Path("proofs").mkdir()
    for name in ("a", "b"):
        Path(f"many/{name}.json").write_text(Path("good.json").read_text())
    return (
        "decide",
        "many",
        "--export",
        "proofs",
        "--format",
        "jsonl",
        "--output",
        "sarif=o.sarif",
    )


def _decide_run(call: Call) -> Sequence[str]:
    _evidence(call)
    assert call("keys", "init").code == 0
    return ("decide", "good.json", "--ledger", "run:", "--ci-run", "7/1", "--export", "proof.json")


def _decide_github(call: Call) -> Sequence[str]:
    _decided(call)
    for name in ("summary", "output"):
        Path(name).write_text("before\n")
    return ("decide", "good.json", "--format", "github", "--emit-input", "inputs")


def _decide_refused(call: Call) -> Sequence[str]:
    _decided(call)
    Path("bad.json").write_text("{}")
    return ("decide", "bad.json", "--output", "json=out.json")


def _decide_complete(call: Call) -> Sequence[str]:
    _evidence(call)
    Path("policies/limits/own").mkdir(parents=True)
    limits = "extends: default\ndescription: Ours.\nrecord_requests: true\nchecks: {}\n"
    Path("policies/limits/own/data.yaml").write_text(limits)
    Path("engine.toml").write_text('policies = "policies"\nprofile = "own"\n')
    first = call("decide", "good.json")
    assert first.code in (0, 5), first.err
    return ("decide", "good.json", "--export", "proof.json")


def _attest(call: Call) -> Sequence[str]:
    _decided(call)
    Path("model.bin").write_text("weights\n")
    return ("attest", "ethics", "good.json", "--export", "attestation.json")


def _import(call: Call) -> Sequence[str]:
    _decided(call)
    done = call("decide", "good.json", "--ledger", "run:", "--ci-run", "7/1", "--export", "p.json")
    assert done.code == 0, done.err
    return ("ledger", "import", "p.json")


def _budget(call: Call, *flags: str) -> str:
    Path("policies/prices").mkdir(parents=True)
    Path("policies/prices/data.yaml").write_text(PRICES)
    Path("engine.toml").write_text('policies = "policies"\nbudget_daily_usd = 1.00\n')
    done = call("budget", "reserve", "--provider", "acme", "--model", "large", "--usd", "0.05",
                "--format", "json", *flags)  # fmt: skip
    assert done.code == 0, done.err
    lease: str = json.loads(done.out)["lease"]
    return lease


def _reserve(call: Call) -> Sequence[str]:
    _budget(call)
    return ("budget", "reserve", "--provider", "acme", "--model", "large", "--usd", "0.05")


def _settle(call: Call) -> Sequence[str]:
    return ("budget", "settle", _budget(call), "--usd", "0.04")


def _release(call: Call) -> Sequence[str]:
    return ("budget", "release", _budget(call))


def _reopen(call: Call) -> Sequence[str]:
    from datetime import timedelta

    from engine.decision.runtime import SystemRuntime

    _decided(call)  # a reopening leads to no day before the begin of the ledger
    now, ms = SystemRuntime.now, SystemRuntime.milliseconds
    ahead = timedelta(days=1800)
    SystemRuntime.now = lambda self: now(self) + ahead  # type: ignore[method-assign]
    SystemRuntime.milliseconds = lambda self: ms(self) + int(ahead.total_seconds() * 1000)  # type: ignore[method-assign]
    try:
        _budget(call)
    finally:
        SystemRuntime.now, SystemRuntime.milliseconds = now, ms  # type: ignore[method-assign]
    return ("budget", "reopen", "--reason", "the clock of a machine that woke up")


def _import_prices(call: Call) -> Sequence[str]:
    _budget(call)
    Path("map.json").write_text(json.dumps(MAP))
    return ("budget", "import-prices", "map.json", "-o", "policies")


def _init(call: Call) -> Sequence[str]:
    _evidence(call)
    return ("init", "good.json", "--yes", "--ci", "github")


def _init_force(call: Call) -> Sequence[str]:
    _evidence(call)
    argv = ("init", "good.json", "--yes", "--ci", "github")
    assert call(*argv).code == 0
    return (*argv, "--force")


def _export(call: Call) -> Sequence[str]:
    Path("proof.json").write_text("{}")
    return ("export", _decided(call), "-o", "proof.json")


def _convert(call: Call) -> Sequence[str]:
    _decided(call, "--output", "json=decision.json")
    Path("o.html").write_text("before")
    outputs = [part for form in FORMATS for part in ("--output", f"{form}=o.{form}")]
    return ("convert", "decision.json", *outputs)


def _tables(call: Call) -> Sequence[str]:
    _decided(call)
    return ("ledger", "tables", "tables.db")


def _verify_state(call: Call) -> Sequence[str]:
    _decided(call, "--export", "proof.json")
    argv = ("verify", "proof.json", "--key", ".engine/keys/engine.pub.pem", "--state", "state.json")
    assert call(*argv).code == 0
    assert call("decide", "good.json", "--export", "second.json").code == 0
    return ("verify", "second.json", *argv[2:])


def _ledger_verify_state(call: Call) -> Sequence[str]:
    _decided(call)
    return ("ledger", "verify", "--state", "state.json")


def _compare(call: Call) -> Sequence[str]:
    _decided(call, "--export", "proof.json")
    assert call("decide", "good.json").code == 0
    Path("pair.json").write_text("before")
    return ("ledger", "compare", "proof.json", ".engine/ledger.db", "-o", "pair.json")


def _redact(call: Call) -> Sequence[str]:
    Path("app.log").write_text("mail to ann.lee@example.org\n" * 50)
    Path("out.log").write_text("before\n")
    return ("redact", "app.log", "-o", "out.log")


def _redact_packed(call: Call) -> Sequence[str]:
    _redact(call)
    return ("redact", "app.log", "-o", "out.log.gz")


def _scan(call: Call) -> Sequence[str]:
    Path("app.log").write_text("all is well\n" * 50)
    return ("scan", "app.log", "--metrics", "m.json", "--subject", "shop@1")


def _compat(call: Call) -> Sequence[str]:
    for name in ("old", "new"):
        Path(f"{name}.json").write_text('{"type": "object"}')
    return ("compat", "old.json", "new.json", "--metrics", "m.json", "--subject", "shop@1")


def _predictions() -> None:
    lines = ["y,p", *(f"{number % 2},{(number % 10) / 10}" for number in range(200))]
    Path("predictions.csv").write_text("\n".join(lines) + "\n")


def _watch(call: Call) -> Sequence[str]:
    """What goes into production, is measured there, and cannot be told to be within its limits."""
    _predictions()
    Path("model.bin").write_text("weights\n")
    Path("security.json").write_text(json.dumps(EVIDENCE))
    Path("watch.toml").write_text(WATCH)
    done = call("decide", "security.json", "--gate", "security", "--artifact", "model.bin")
    assert done.code == 0, done.err
    return ("watch", "watch.toml", "--once", "--format", "json")


def _gather(call: Call) -> Sequence[str]:
    _predictions()
    Path("gather.toml").write_text(GATHER)
    Path("m.json").write_text("{}")
    return ("gather", "gather.toml", "-o", "m.json", "--report", "m.html")


def _policy_new(call: Call) -> Sequence[str]:
    return ("policy", "new", "checkout")


def _policy_new_beside(call: Call) -> Sequence[str]:
    assert call("policy", "new", "payments").code == 0
    return ("policy", "new", "checkout")


def _ledger_init(call: Call) -> Sequence[str]:
    assert call("keys", "init").code == 0
    return ("ledger", "init")


def _keys(call: Call) -> Sequence[str]:
    return ("keys", "init")


def _keys_beside(call: Call) -> Sequence[str]:
    return ("keys", "init", "--key-file", "release.pem")


CASES = (
    Case("decide, the first of all", _decide_first, records=True),
    Case("decide", _decide, ("proof.json", "old.json", "out.xml", "out.html"), records=True),
    Case("decide a folder", _decide_folder, ("proofs", "o.sarif"), records=True),
    Case("decide in a run", _decide_run, ("proof.json",), records=True),
    Case("decide for github", _decide_github, ("summary", "output", "inputs"), records=True,
         environ={"GITHUB_STEP_SUMMARY": "summary", "GITHUB_OUTPUT": "output"}),
    Case("decide on what is refused", _decide_refused, ("out.json",), code=2),
    Case("decide, complete records", _decide_complete, ("proof.json",), records=True),
    Case("attest", _attest, ("attestation.json",), records=True),
    Case("ledger import", _import, records=True),
    Case("watch", _watch, records=True, code=5),
    Case("ledger init", _ledger_init, again=(2,)),
    Case("budget reserve", _reserve, records=True),
    Case("budget settle", _settle, records=True),
    Case("budget release", _release, records=True),
    Case("budget reopen", _reopen, records=True, again=(2,)),
    Case("budget import-prices", _import_prices, ("policies/prices/data.yaml",)),
    Case("init", _init, again=(2,)),
    Case("init, over what is there", _init_force),
    Case("export", _export, ("proof.json",)),
    Case("convert", _convert, tuple(f"o.{form}" for form in FORMATS)),
    Case("ledger tables", _tables, ("tables.db",), again=(2,)),
    Case("verify --state", _verify_state, ("state.json",)),
    Case("ledger verify --state", _ledger_verify_state, ("state.json",)),
    Case("ledger compare", _compare, ("pair.json",)),
    Case("redact", _redact, ("out.log",)),
    Case("redact, packed", _redact_packed, ("out.log.gz",)),
    Case("scan", _scan, ("m.json",)),
    Case("compat", _compat, ("m.json",)),
    Case("gather", _gather, ("m.json", "m.html")),
    Case("policy new", _policy_new, ("policies", "engine.toml"), again=(2,)),
    Case("policy new, beside another", _policy_new_beside, ("policies",), again=(2,)),
    Case("keys init", _keys, (".engine/keys/engine.pem",), again=(2,)),
    Case("keys init, elsewhere", _keys_beside, ("release.pem",), again=(2,)),
)  # fmt: skip
