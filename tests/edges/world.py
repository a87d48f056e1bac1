"""The folder that every call is made in: evidence, key, ledger, proof, and a file of each kind."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.edges.case import Case
from tests.repository import ROOT

PUBLIC_KEY = ".engine/keys/engine.pub.pem"
SETTINGS = 'profile = "default"\nbudget_daily_usd = 1.00\n'
GATHER = """\
subject = {name = "scoring-model", version = "2.4.1"}
[[source]]
kind = "predictions"
path = "predictions.csv"
columns = {label = "y", score = "p", prediction = "yhat", group = "g"}
ece = {bins = 15, strategy = "equal_width", min_n = 10}
groups = {min_n = 3}
"""
WATCH = """\
[watch]
period = "60s"
[[subject]]
name = "scoring-model"
version = "2.4.1"
artifact = "model.bin"
gate = "security"
promote = true
[[subject.source]]
kind = "prometheus"
url = "http://127.0.0.1:1"
[subject.source.metrics]
"slo.dec_p95_ms" = {query = "p95"}
[[hook]]
on = ["promote", "page", "degrade", "rollback", "recover", "escalate"]
kind = "command"
argv = ["./hook.sh"]
"""
VERIFY = f'require = "PROMOTE"\n[[key]]\nfile = "{PUBLIC_KEY}"\n'
PRICES = """\
prices:
  - {provider: acme, model: large, from: "2020-01-01", input: "2.50", output: "10.00"}
"""
PRICE_MAP = json.dumps(
    {
        "acme/large": {
            "litellm_provider": "acme",
            "mode": "chat",
            "input_cost_per_token": 2.5e-06,
            "output_cost_per_token": 1e-05,
        }
    }
)
LIMITS = "extends: default\ndescription: limits of our own\nchecks: {}\n"
SCHEMA = json.dumps({"type": "object", "properties": {"a": {"type": "integer"}}})
LOG = "2026-01-01 GET /shop 200\n2026-01-01 GET /cart 200\n"
ROWS = "y,p,yhat,g\n" + "".join(
    f"{i % 2},0.{i % 10},{i % 2},{'ab'[i % 3 > 0]}\n" for i in range(90)
)
FILES: Mapping[str, str | bytes] = {
    "engine.toml": SETTINGS,
    "gather.toml": GATHER,
    "predictions.csv": ROWS,
    "watch.toml": WATCH,
    "hook.sh": "#!/bin/sh\nread -r order\n",
    "model.bin": "weights\n",
    "verify.toml": VERIFY,
    "own/limits/own/data.yaml": LIMITS,
    "priced/prices/data.yaml": PRICES,
    "prices.json": PRICE_MAP,
    "invoice.csv": "day,model,amount\n2026-01-01,large,1.00\n",
    "usage.json": '{"prompt_tokens": 1, "completion_tokens": 1}',
    "schema.json": SCHEMA,
    "app.log": LOG,
    "app.log.gz": gzip.compress(LOG.encode(), mtime=0),
    "runs.txt": "77 1\n",
    "empty": "",
}


@dataclass(frozen=True)
class World:
    """Where calls are made; made once, and copied for each.

    Attributes:
        top: Folder of everything.
        facts: What a placeholder of an argument stands for: ``id`` and ``lease``.
    """

    top: Path
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        """The variables of every call."""
        return {
            "HOME": str(self.top / "now" / "home"),
            "XDG_CACHE_HOME": str(self.top / "cache"),
            "PATH": "/usr/bin:/bin",
        }

    def filled(self, argument: str) -> str:
        """``argument`` with facts in place of what stands for them."""
        for name, fact in self.facts.items():
            argument = argument.replace(f"{{{name}}}", fact)
        return argument

    def renew(self) -> None:
        """Make the working folder as it was first, and go there."""
        os.chdir(self.top)
        shutil.rmtree("now", ignore_errors=True)
        shutil.copytree("first", "now", symlinks=True)
        os.chdir("now/work")


def build(top: Path) -> World:
    """Make the world below ``top`` by the verbs themselves."""
    from tests.edges.running import preload, run

    preload()
    (top / "first/home").mkdir(parents=True)
    (top / "first/work").mkdir()
    (top / "cache").mkdir()
    world = World(top)

    def call(*argv: str, stdin: bytes = b"", to: str = "", **environ: str) -> bytes:
        nothing = Case("a call", argv, 0, stdin=stdin, environ=environ)
        ending = run(nothing, world)
        assert ending.complaints(nothing) == [], (argv, ending)
        if to:
            Path(to).write_bytes(ending.out)
        shutil.rmtree(top / "first")
        shutil.copytree(top / "now", top / "first", symlinks=True)
        return ending.out

    world.renew()
    shutil.rmtree(top / "first")
    Case("files", (), 0, files=FILES).prepare()
    Path("hook.sh").chmod(0o755)
    (top / "now").rename(top / "first")
    call("keys", "init")
    call("example", "promote", to="m.json")
    made = call(
        "decide", "m.json", "--export", "proof.json", "--format", "json", to="decision.json"
    )
    call("attest", "ethics", "m.json", "--export", "attestation.json")
    call("decide", "m.json", "--ledger", "run:", "--export", "run.json", "--ci-run", "77/1")
    reserve = ("budget", "reserve", "--provider", "acme", "--model", "large", "--usd", "0.01")
    granted = call(*reserve, "--format", "json", ENGINE_POLICIES="priced")
    call("ledger", "checkpoint", to="checkpoint.txt")
    facts = {"id": json.loads(made)["decision_id"], "lease": json.loads(granted)["lease"]}
    (head,) = (top / "first/work/.engine/heads").glob("*.json")
    return replace(world, facts=facts | {"head": head.name, "root": str(ROOT)})
