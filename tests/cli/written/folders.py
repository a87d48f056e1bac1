"""The folders that pages speak of, and what is somebody's own in a command."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from base64 import b64decode
from collections.abc import Callable
from contextlib import closing
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest

from engine.decision import judge as judge_module
from engine.decision.runtime import SystemRuntime
from engine.formats.times import write_time
from engine.ledger import EntryDraft, LedgerPosition
from engine.ledger.commit import batch
from engine.model import Json
from engine.proof.envelope import open_envelope, seal
from engine.proof.statement import statement
from engine.signers.file import open_file
from tests.cli.conftest import Answer
from tests.cli.written.extract import blocks
from tests.ledger.scribe import open_at
from tests.repository import DATA, ROOT
from tests.specs.conform.test_claims import ACCEPTED, EFFECT, PROMOTE_AT, PROMOTED_AT


class Folder(Protocol):
    """A folder with a shell in it."""

    folder: Path
    home: Path

    def __call__(self, line: str, **environ: str) -> Answer: ...


RELEASED = b"what is released"
PRICES = '{provider: openai, model: gpt-4o, from: "2026-01-01", input: "2.50", output: "10"}'
BUDGET = r'policies = "policies"\nbudget_daily_usd = "50"\n'


def furnish(here: Folder) -> None:
    """Write all that somebody has who uses the engine: evidence, a key, proofs, own policies."""
    document = json.loads(here("engine example promote").out)
    digest = hashlib.sha256(RELEASED).hexdigest()
    document["subject"]["digest"] = {"sha256": digest}
    evidence = json.dumps(document, indent=2)
    today = datetime.now(UTC).date()
    texts = {
        "metrics.json": evidence,
        "evidence/metrics.json": evidence,
        "watch.toml": re.sub("[0-9a-f]{64}", digest, page("docs/watch.md", "toml", 0)),
        "Makefile": ".PHONY: evidence\nevidence:\n\t@cat metrics.json\n",
        "policies/limits/own/data.yaml": "extends: default\nchecks: {}\n",
        "policies/prices/data.yaml": f"prices:\n  - {PRICES}\n",
        "logs/app.log": f"{today} nothing personal\n",
        "schemas/order.schema.json": '{"type": "object"}\n',
        "invoice.csv": f"day,model,amount\n{today},gpt-4o,0.04\n",
        "verify-any.toml": '[[key]]\nfile = "engine.pub.pem"\n',
    }
    for path, text in texts.items():
        write(here, path, text)
    for path in ("dist/shop.tar.gz", "dist/model.tar.gz", "model.tar.gz"):
        write(here, path, RELEASED.decode())
    shutil.copytree(ROOT / "examples", here.folder / "examples")
    (here.folder / "reports").mkdir()
    shutil.copy(DATA / "reports" / "surefire.xml", here.folder / "reports")
    for file in (ROOT / "examples" / "gather").glob("*"):
        shutil.copy(file, here.folder)
    prices = (ROOT / "examples" / "budget" / "prices.json").read_text()
    write(here, "prices.json", prices)
    write(here, "model_prices_and_context_window.json", prices)
    reserve = "engine budget reserve --provider openai --model gpt-4o --team search --usd 0.05"
    lines = [
        "engine init --yes --ci none",
        "cp engine.pub.pem release.pub.pem; cp engine.pub.pem board.pub.pem",
        "cp .engine/keys/engine.pem engine.pem; gzip -k logs/app.log; mv logs/app.log.gz .",
        f"printf '{BUDGET}' >> engine.toml",
        "engine decide metrics.json --export proof.json --format json > decision.json",
        "engine ledger checkpoint > last-week.checkpoint",
        "engine attest ethics metrics.json --artifact dist/model.tar.gz --export attestation.json",
        "git init -q . && git add schemas && git -c user.name=a -c user.email=a@b commit -qm one "
        "&& git -c user.name=a -c user.email=a@b commit -qm two --allow-empty",
        f"{reserve} --format json > lease.json",
        "engine budget settle $(jq -r .lease lease.json) --usd 0.04",
    ]
    for line in lines:
        done = here(line)
        assert done.code == 0, (line, done)


def freshen(here: Path) -> None:
    """Let the evidence be of now: a slow machine makes none of it stale."""
    now = write_time(datetime.now(UTC).replace(microsecond=0))
    for file in (here / "metrics.json", here / "evidence" / "metrics.json"):
        file.write_text(re.sub(r'(?<="observed_at": ")[^"]*', now, file.read_text()))


def write(here: Folder, path: str, text: str) -> None:
    """Write a file below a folder."""
    (here.folder / path).parent.mkdir(parents=True, exist_ok=True)
    (here.folder / path).write_text(text)


def page(name: str, language: str, number: int) -> str:
    """A fenced block of a page, which its own commands read."""
    return blocks((ROOT / name).read_text(), language)[number]


# What a word of a command stands for.

WORDS = {
    "CHECK": "ethics.ece",
    "NAME": "own_domain",
    "MAP": "prices.json",
    "CONFIG": "gather.toml",
    "PUB": "release.pub.pem",
    "F": "sarif",
    "A": "proof.json",
    "B": ".engine/ledger.db",
    "DIR": "policies",
    "FILE": "proof.json",
    "DECISION.json": "decision.json",
    "VERB": "decide",
    "P": "openai",
    "M": "gpt-4o",
    "T": "search",
}
"""What a word in capitals could be, in a command that stands in running text."""

WORDS_OF = {
    "pip hash WHEEL": {"WHEEL": "dist/model.tar.gz"},
    "engine decide DIR": {"DIR": "evidence"},
    "engine ledger verify --since FILE": {"FILE": "last-week.checkpoint"},
    "engine export DECISION -o FILE": {"FILE": "exported.json"},
    "engine ledger tables FILE": {"FILE": "tables.sqlite"},
    "engine ledger compare A B -o FILE": {"FILE": "compared.json"},
    "engine ledger init --ledger FILE": {"FILE": "second.db"},
    "engine keys init --key-file FILE": {"FILE": "second.pem"},
    "engine verify A B --key PUB": {"B": "attestation.json"},
    "engine explain NAME": {"NAME": "ephemeral_ledger"},
    "engine watch CONFIG": {"CONFIG": "watch.toml"},
    "engine watch CONFIG --once": {"CONFIG": "watch.toml"},
    "engine verify proof.json --key PUB --require PROMOTE --artifact FILE": {
        "FILE": "dist/model.tar.gz"
    },
    "engine budget history --days 30 --budget ID --provider P --model M --team T": {"ID": "daily"},
}
"""Where it is another."""


def as_typed(command: str, here: Path) -> str:
    """A command with the folder's own names in it; ``…`` is what the shell finds there."""
    words: dict[str, str] = {}
    if (here / "decision.json").exists():
        decision = json.loads((here / "decision.json").read_text())["decision_id"]
        words |= dict.fromkeys(("ID", "DECISION", "0193f2a0"), decision)
    words |= WORDS | WORDS_OF.get(command, {})
    if "DIGEST" in command:
        proof = json.loads((here / "proof.json").read_text())
        record = json.loads(open_envelope(b64decode(proof["entry"])).payload)
        words["DIGEST"] = record["predicate"]["policy"]["digest"]["sha256"]
    typed = re.sub(r"(?<=\s)[\w.]+(?=\s|$)", lambda word: words.get(word[0], word[0]), command)
    return typed.replace("…", "*")


# What a page's own folder has besides, before one of its blocks is typed.


def _requests(here: Folder) -> None:
    """A run of profile strict that was stopped at its answer, and one that was not."""
    _anew(here)

    def stop(*_args: Any, **_named: Any) -> None:
        raise RuntimeError("killed")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judge_module, "judge", stop)
        with pytest.raises(RuntimeError):
            here("engine decide metrics.json --profile strict")
    assert here("engine decide metrics.json --profile strict").code == 0


def _runs(here: Folder) -> None:
    _anew(here)
    run = {"GITHUB_RUN_ID": "9876543210", "GITHUB_RUN_ATTEMPT": "2"}
    assert here("engine decide metrics.json --ledger run: --export run.json", **run).code == 0
    assert here("engine ledger import run.json").code == 0
    write(here, "runs.json", '[{"databaseId": 9876543210, "attempt": 2}]')


def _first_proof(here: Folder) -> None:
    _anew(here)
    (here.folder / "proof.json").unlink()
    assert here("engine decide metrics.json --export proof.json").code == 0


def _contradicted(here: Folder) -> None:
    """A ledger whose key signed what does not follow: a promotion too early, an effect twice."""
    _anew(here)
    signer = open_file(here.folder / ".engine/keys/engine.pem")
    promoted = deepcopy(ACCEPTED[PROMOTED_AT - 1])
    promoted["predicate"]["at"] = "2026-11-21T11:00:00Z"
    again: Json = deepcopy(EFFECT)
    again["predicate"]["at"] = "2026-11-22"
    for entry in (ACCEPTED[PROMOTE_AT - 1], promoted, EFFECT, again):

        def build(place: LedgerPosition, entry: Json = entry) -> bytes:
            predicate = entry["predicate"] | {"ledger": {"id": place.ledger_id}}
            payload = statement(entry["subject"], entry["predicateType"], predicate)
            return seal(payload, signer.sign, signer.key_id)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(batch, "event_name", lambda _, leaf: ("leaf", leaf.hex()))
            with closing(open_at(here.folder / ".engine", signer=signer)) as ledger:
                ledger.append([EntryDraft(None, None, None, build)])


def _anew(here: Folder) -> None:
    """The settings and the ledger that ``engine init`` makes, with another key."""
    shutil.rmtree(here.folder / ".engine")
    shutil.rmtree(here.home / ".local")
    for name in ("engine.toml", "engine.pub.pem"):
        (here.folder / name).unlink()
    assert here("engine init --yes --ci none").code == 0
    shutil.copy(here.folder / "engine.pub.pem", here.folder / "release.pub.pem")


def _no_incident(here: Folder) -> None:
    document = json.loads((here.folder / "evidence/metrics.json").read_text())
    document["metrics"]["checkout.open_incidents"] = 0
    write(here, "metrics.json", json.dumps(document))


def _clock_ahead(here: Folder) -> None:
    later = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1500)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SystemRuntime, "now", lambda _: later)
        here("engine budget reserve --provider openai --model gpt-4o --usd 0.05")


def _equivocation(here: Folder) -> None:
    trust = DATA / "trust"
    shutil.copy(trust / "import.pub.pem", here.folder / "release.pub.pem")
    files = f"{trust}/import-original.json {trust}/import-same-id-other-content.json"
    assert here(f"engine ledger import {files} --key release.pub.pem").code == 4


def _remembered(here: Folder) -> None:
    assert here("engine verify proof.json --key release.pub.pem --state checkpoints.json").code == 0


def _empty(here: Folder) -> None:
    shutil.rmtree(here.folder)
    shutil.rmtree(here.home / ".local")
    here.folder.mkdir()


def _watched(here: Folder) -> None:
    _empty(here)
    write(here, "watch.toml", page("docs/watch.md", "toml", 0))


PREPARED: dict[tuple[str, int], Callable[[Folder], Any]] = {
    ("README.md", 1): _empty,
    ("docs/complete-records.md", 0): _requests,
    ("docs/complete-records.md", 1): _runs,
    ("docs/complete-records.md", 2): _first_proof,
    ("docs/complete-records.md", 3): _contradicted,
    ("docs/gather.md", 1): lambda here: (here.folder / "gather.toml").unlink(),
    ("docs/policies.md", 3): _no_incident,
    ("docs/spending.md", 1): _clock_ahead,
    ("docs/verify.md", 2): _equivocation,
    ("docs/watch.md", 0): _watched,
}
