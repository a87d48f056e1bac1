"""No module of the engine imports another one that, however far around, imports it."""

from __future__ import annotations

import pytest

from tests.import_graph import circle_in, sources_below
from tests.repository import ROOT

ENGINE = sources_below(ROOT / "engine")
AT_THE_TOP = "from engine.policy.evaluators import EVALUATORS\n"
FOR_TYPES = f"from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    {AT_THE_TOP}"
IN_A_FUNCTION = f"def evaluators() -> object:\n    {AT_THE_TOP}    return EVALUATORS\n"


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Imports inside functions count, and those for type checking."""
    assert circle_in(ENGINE) == []


@pytest.mark.parametrize("arrow", [AT_THE_TOP, FOR_TYPES, IN_A_FUNCTION])
def test_an_arrow_back_is_found_wherever_it_stands(arrow: str) -> None:
    server = "engine.policy.evaluators.server"
    circle = circle_in({**ENGINE, server: ENGINE[server] + arrow})
    assert set(circle) == {"engine.policy.evaluators", server}
