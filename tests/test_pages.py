"""What the pages of the repository say is there is there, and what they show is printed."""

from __future__ import annotations

import ast
import asyncio
import json
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from engine.model import Decision, Json
from engine.report.relaxations import RELAXATIONS
from engine.settings.config import SETTINGS
from tests.ci.steps import bash
from tests.cli.written.extract import blocks, commands_of
from tests.repository import ROOT

FOLDERS = ("*.md", "docs/*.md", "spec/**/*.md", ".github/**/*.md", "tla/*.md", "bench/*.md")
PAGES = sorted(page for pattern in FOLDERS for page in ROOT.glob(pattern))
HISTORY = {"CHANGELOG.md", "adr"}
"""These speak of the past: what a page of them names may have moved since."""

TOPS = sorted(
    path.name for path in ROOT.iterdir() if path.is_dir() and path.name not in (".engine", "dist")
)
MADE = ("build/", ".tools/", ".venv/", ".engine/", "bench/out/", "engine/_data/policies/")
"""Folders that a command makes."""
READERS_OWN = (
    "policies/trust/board.pub.pem",
    "policies/limits/own/data.yaml",
    "vendor/governance-engine-requirements.txt",
)
"""Files that a page tells its reader to make."""

PATH = re.compile(r"`([\w.<>*{},-]+(?:/[\w.<>*{},-]+)*/?)`|\]\(([\w./-]+)\)")


def named_paths(text: str) -> Iterator[str]:
    """Paths of the repository that running text names, in backticks or as links."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    for in_ticks, linked in PATH.findall(prose):
        if linked:
            yield linked
        elif "/" in in_ticks and in_ticks.split("/")[0] in TOPS:
            yield in_ticks


def is_there(path: str, page: Path) -> bool:
    """Whether a path exists, read from the page's folder or from the root; ``<name>`` is any."""
    if path.startswith(MADE) or path in READERS_OWN:
        return True
    pattern = re.sub(r"<[^>]*>", "*", path).rstrip("/")
    choices = re.split(r"\{([^}]*)\}", pattern)
    listed = [part.split(",") if n % 2 else [part] for n, part in enumerate(choices)]
    folders = (ROOT, page.parent)
    return all(
        any(next(folder.glob("".join(chosen)), None) for folder in folders)
        for chosen in product(*listed)
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_path_that_a_page_names_exists(page: Path) -> None:
    if HISTORY & {page.name, page.parent.name}:
        return
    lost = [path for path in named_paths(page.read_text()) if not is_there(path, page)]
    assert lost == []


def test_a_path_that_is_not_there_would_be_noticed() -> None:
    text = "`engine/nowhere.py`, `policies/<domain>/<domain>.rego`, [a link](docs/gone.md)"
    lost = [path for path in named_paths(text) if not is_there(path, ROOT / "README.md")]
    assert lost == ["engine/nowhere.py", "docs/gone.md"]


def test_the_first_sixty_lines_hold_five_commands() -> None:
    first = "\n".join((ROOT / "README.md").read_text().splitlines()[:60])
    typed = [command for command in commands_of(first) if command.block == 1]
    assert len(typed) == 5


def answered(**request: object) -> object:
    """What a client of a provider returns; a stream where one is requested."""
    if request.get("stream"):
        return iter(["piece"])
    usage = {"prompt_tokens": 1_000, "completion_tokens": 200, "total_tokens": 1_200}
    return SimpleNamespace(usage=SimpleNamespace(model_dump=lambda **_: usage))


async def answered_later(**asked: object) -> object:
    return answered(**asked)


def client(create: object) -> SimpleNamespace:
    completions = SimpleNamespace(create=create)
    return SimpleNamespace(chat=SimpleNamespace(completions=completions))


PRICES = (
    'prices: [{provider: openai, model: gpt-4o, from: "2026-01-01", input: "2.50", output: "10"}]'
)


@pytest.mark.parametrize("page", ["README.md", "docs/circuit-breaker.md"])
def test_the_python_of_a_page_runs(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the order of its blocks, with the names that whoever reads it has."""
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    document = json.loads(bash("engine example promote", tmp_path, {}).stdout)
    names: dict[str, object] = {
        "Path": Path,
        "document": document,
        "documents": [document],
        "private_pem": pem,
        "pem": pem,
        "public_pem": key.public_key().public_bytes(
            Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
        ),
        "client": client(answered),
        "async_client": client(answered_later),
        "messages": ["a piece"],
    }
    monkeypatch.chdir(tmp_path)
    Path("policies/prices").mkdir(parents=True)
    Path("policies/prices/data.yaml").write_text(PRICES)
    Path(".engine").mkdir()
    code = blocks((ROOT / page).read_text(), "python")
    assert code
    for block in code:
        run = compile(block, page, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        pending = eval(run, names)  # noqa: S307 - our own page
        if pending is not None:
            asyncio.run(pending)
    decision = names.get("decision")
    assert page != "README.md" or (isinstance(decision, Decision) and decision.recorded)


def test_no_other_page_shows_python() -> None:
    shown = [page.name for page in PAGES if blocks(page.read_text(), "python")]
    assert sorted(shown) == ["README.md", "circuit-breaker.md", "predicate-v1.md"]


def ci_recipe() -> str:
    """The command of the README's CI section, as it stands there."""
    block = re.search(
        r"^```yaml\n(- run:.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )
    assert block is not None
    (step,) = yaml.safe_load(block[1])
    assert step["env"] == {"ENGINE_KEY": "${{ secrets.ENGINE_KEY }}"}
    return str(step["run"])


@pytest.fixture
def runner(tmp_path: Path) -> Path:
    """A fresh disk with evidence, a key, and the file that is released."""
    made = "mkdir dist; echo weights > dist/model.tar.gz; engine keys init"
    assert bash(f"{made}; engine example promote > m.json", tmp_path, {}).returncode == 0
    document = json.loads((tmp_path / "m.json").read_text())
    del document["subject"]["digest"]
    (tmp_path / "metrics.json").write_text(json.dumps(document))
    return tmp_path


@pytest.mark.parametrize(("profile", "code"), [("default", 0), ("strict", 5)])
def test_the_readme_s_ci_recipe_promotes_good_evidence_and_strict_holds_as_it_says(
    runner: Path, profile: str, code: int
) -> None:
    (pem,) = (path for path in runner.rglob("*.pem") if not path.name.endswith(".pub.pem"))
    recipe = ci_recipe()
    assert "--profile default" in recipe
    recipe = recipe.replace("--profile default", f"--profile {profile}")

    done = bash(recipe, runner, {"ENGINE_KEY": pem.read_text()})

    assert done.returncode == code, done.stdout + done.stderr
    assert (runner / "proof.json").is_file()
    assert (runner / "gate.sarif").is_file()
    if profile == "strict":
        assert "the profile does not tolerate: ephemeral_ledger. Fix: " in done.stdout
        assert "--ledger FILE" in done.stdout


def test_the_page_of_relaxations_has_what_explain_and_the_record_know() -> None:
    page = (ROOT / "docs" / "relaxations.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \| (.*?) \|$", page, re.MULTILINE)
    assert [(name, *about) for name, about in RELAXATIONS.items()] == rows
    schema = json.loads((ROOT / "schemas" / "decision-v2.schema.json").read_text())
    assert sorted(RELAXATIONS) == named_relaxations(schema)


def test_the_page_of_relaxations_says_what_follows_from_every_setting() -> None:
    page = (ROOT / "docs" / "relaxations.md").read_text()
    cells = re.findall(r"^\| (`[^|]*`) \| [^|]* \|$", page, re.MULTILINE)
    named = [name for cell in cells for name in re.findall(r"`(.*?)`", cell)]
    whole = [name.replace("…", "budget_daily") for name in named]
    assert sorted(whole) == sorted(setting.name for setting in SETTINGS)


def named_relaxations(schema: Json) -> list[str]:
    """The names that a record may have."""
    if isinstance(schema, dict):
        names = schema.get("relaxations", {}).get("items", {}).get("properties", {}).get("name")
        if names:
            return sorted(names["enum"])
    inner = schema.values() if isinstance(schema, dict) else schema
    found = (named_relaxations(part) for part in inner if isinstance(part, dict | list))
    return next(filter(None, found), [])


def test_nothing_that_we_write_installs_a_name_from_a_registry() -> None:
    pages = [*(ROOT / "engine" / "_data" / "starter" / "ci").glob("*"), ROOT / "action.yml"]
    pages += [*(ROOT / "templates").glob("*"), *(ROOT / "examples" / "ci").glob("*")]
    pages += [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "engine").rglob("*.py")]
    named = re.compile(r"pip install[^\n`]*['\" ]governance[-_]engine(?! @ URL)[=<>~\['\"\s]")
    foreign = re.compile(r"uses: governance-engine/|/governance/governance-engine/")
    assert named.search("pip install 'governance-engine[data]'")
    assert [page for page in pages if named.search(text := page.read_text()) or foreign.search(text)
            ] == []  # fmt: skip


def test_the_readme_is_read_in_ten_minutes() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 200
