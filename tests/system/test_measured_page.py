"""The page of ``engine gather --report`` in a real browser: narrow and wide, light and dark."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.report.measured import page
from tests.report.test_measured import HOSTILE, document
from tests.system.browser import look

pytestmark = pytest.mark.system


DIAGRAMS = (
    '[...page.document.querySelectorAll("svg.diagram")].map(each => '
    "[each.ariaLabel !== '', each.getBoundingClientRect().width, "
    "page.getComputedStyle(each.querySelector('.point')).fill])"
)


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_the_page_fits_its_window_and_is_drawn_in_its_readers_colours(
    width: int, dark: bool, tmp_path: Path
) -> None:
    text = page(document(HOSTILE + "x" * 60))
    axis = "svg.diagram .axis"
    facts, console = look(text, tmp_path, width=width, styled=axis, drawn=DIAGRAMS, dark=dark)
    assert console == []
    assert facts["overflow"] <= 0
    assert (facts["requests"], facts["scripts"]) == (0, 0)
    assert facts["ground"] == ("rgb(20, 23, 28)" if dark else "rgb(255, 255, 255)")
    assert len(facts["drawn"]) == 4
    for named, drawn, colour in facts["drawn"]:
        assert named
        assert 200 < drawn <= width
        assert colour == ("rgb(140, 194, 255)" if dark else "rgb(11, 87, 164)")
