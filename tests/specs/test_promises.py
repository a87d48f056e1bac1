"""The map of promises: property, what it says, what it kills, which code it binds."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import ConfigError
from engine.specs import manifest, promises
from engine.specs.promises import PromiseProperty

PROMISED = {
    "INV-TOY-1": "A broken lamp stays dark.",
    "INV-TOY-2": "A broken lamp is replaced.",
    "INV-TOY-3": "No lamp is lit before it is switched.",
    "INV-TOY-4": "Lamps are yellow.",
}


def test_a_property_names_its_promise_its_mutants_and_the_code_they_break(folder: Path) -> None:
    assert promises.properties_of(folder, manifest.read(folder)) == [
        PromiseProperty(
            "INV-TOY-1",
            "Lamp",
            "BrokenProp",
            "a broken lamp is lit only by another lamp.",
            ("MaySwitch <- MutAnySwitch",),
            ("specs.conform.graph.build", "specs.conform.graph.Graph.actions"),
        ),
        PromiseProperty(
            "INV-TOY-2",
            "Lamp",
            "LitProp",
            "as long as there are lamps, a broken one is replaced.",
            ("ReplaceFair <- MutUnfair",),
            ("specs.conform.graph.read",),
        ),
    ]


def test_the_page_lists_what_is_held_and_what_about_order_is_not(folder: Path) -> None:
    page = promises.page(folder, manifest.read(folder), PROMISED)

    assert "| Lamp | 9 | 6 | 3 | `lamp` | `specs.conform.graph` |" in page
    assert (
        "### INV-TOY-2\nA broken lamp is replaced.\n\n"
        "| property | says | killed by it | binds |\n|---|---|---|---|\n"
        "| Lamp.LitProp | as long as there are lamps, a broken one is replaced. "
        "| `ReplaceFair <- MutUnfair` | `specs.conform.graph.read` |\n"
    ) in page
    assert page.endswith("alone do.\n\n- INV-TOY-3: No lamp is lit before it is switched.\n")


def test_a_promise_that_nobody_made_is_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"Lamp\.LitProp: INV-TOY-2 is not promised"):
        promises.page(folder, manifest.read(folder), {"INV-TOY-1": "A lamp."})
