"""What an ADR names is there, or beside it is what it is called now."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.repository import ROOT
from tests.test_citations import is_name
from tests.test_pages import TOPS, is_there

FOLDER = ROOT / "spec" / "adr"
ADRS = sorted(FOLDER.glob("*.md"))
ROOMS = {path.stem for path in (ROOT / "engine").iterdir()}
IN_TICKS = re.compile(r"`([\w-]+(?:[./][\w-]+)+)`")
FILE = re.compile(r"[\w-]+\.(?:json|toml|wasm|db|md)")
MOVED = re.compile(r"`[^`]+`\s+\[now\s+(`[^`]+`)\]")
"""A name as it was and as it is: only the second has to be there."""
SUPERSEDED = re.compile(
    r"^Status: accepted\. Superseded in part by (\d{4}) \(.+\)\.$", re.MULTILINE
)


def named(text: str) -> set[str]:
    """Paths and dotted names that ``text`` has in backticks, and that begin in this repository."""
    return {
        name
        for name in IN_TICKS.findall(MOVED.sub(r"\1", text))
        if re.split(r"[./]", name)[0] in {"engine", *ROOMS, *TOPS} and not FILE.fullmatch(name)
    }


def exists(name: str) -> bool:
    """Whether there is such a path, from the root or in ``engine``, or such a name of Python's."""
    paths = (name, f"engine/{name}", f"engine/{name}.py")
    dotted = name.replace("/", ".")
    return any(is_there(path, ROOT / "README.md") for path in paths) or any(
        is_name(full) for full in (dotted, f"engine.{dotted}") if full.startswith("engine.")
    )


@pytest.mark.parametrize("adr", ADRS, ids=lambda path: path.stem[:4])
def test_what_an_adr_names_is_there(adr: Path) -> None:
    assert sorted(name for name in named(adr.read_text()) if not exists(name)) == []


@pytest.mark.parametrize("adr", ADRS, ids=lambda path: path.stem[:4])
def test_what_supersedes_an_adr_is_a_later_one(adr: Path) -> None:
    text = adr.read_text()
    later = SUPERSEDED.findall(text)

    assert ("Superseded" in text) == bool(later)
    for number in later:
        assert number > adr.name[:4]
        assert any(other.name.startswith(number) for other in ADRS)


def test_a_module_that_is_gone_is_noticed() -> None:
    text = (
        "`engine/conform`, `ledger.state`, `policy/trust_list`; `engine.decision.judge`,"
        " `policy.wasm`, `formats/calendar`, `decision.runtime.SystemRuntime`, "
        " `data.json`, `tla/manifest.toml`, `ledger.gone` [now `ledger.commit.state`],"
        " `engine/gone` [now\n`engine/lost`]"
    )

    assert {name for name in named(text) if not exists(name)} == {
        "engine/conform", "ledger.state", "policy/trust_list", "engine/lost",
    }  # fmt: skip


def test_each_adr_has_a_number_of_its_own_and_is_titled_by_it() -> None:
    numbers = [path.name[:4] for path in ADRS]

    assert numbers == [f"{number:04}" for number in range(1, len(ADRS) + 1)]
    assert [path.read_text()[: len("# 0001:")] for path in ADRS] == [f"# {n}:" for n in numbers]
