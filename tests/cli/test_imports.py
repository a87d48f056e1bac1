"""What the modules of the command line import of each other."""

from __future__ import annotations

import pytest

from engine.cli.verbs import VERBS
from tests.import_graph import imports_of, sources_below
from tests.repository import ROOT

FOLDER = ROOT / "engine" / "cli"
OWNERS = [verb.module.removesuffix(".verb") for verb in VERBS.values()]


SOURCES = sources_below(FOLDER)


def owner_of(module: str) -> str | None:
    """The verb that ``module`` is a part of; None when it is shared."""
    return next((o for o in OWNERS if module == o or module.startswith(f"{o}.")), None)


@pytest.mark.parametrize("module", sorted(name for name in SOURCES if owner_of(name)))
def test_a_verb_imports_no_other_verb(module: str) -> None:
    owners = {owner_of(name) for name in imports_of(SOURCES[module], SOURCES)}
    assert owners <= {owner_of(module), None}


def test_what_verbs_share_imports_no_verb() -> None:
    """Only the entrance does, which answers completion scripts."""
    shared = {name for name in SOURCES if owner_of(name) is None} - {"engine.cli"}
    assert {
        name for name in shared if any(map(owner_of, imports_of(SOURCES[name], SOURCES)))
    } == set()
