"""The page of ``--format html`` in a real browser: narrow and wide, light and dark, silent."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.report.cases import BLOCK, HOLD, PROMOTE, REFUSED, UNREAD, Result, report, written
from tests.system.browser import Seen, judge, look

pytestmark = pytest.mark.system

LONG = "x" * 400
HOSTILE = "<script>document.title='ran'</script><img src=http://127.0.0.1:9/x onerror=alert(1)>"
BARS = '[...page.document.querySelectorAll("svg.bar")].every(each => each.ariaLabel)'


def seen(results: Sequence[Result], folder: Path, *, width: int, dark: bool = False) -> Seen:
    page = written("html", results)
    return look(page, folder, width=width, styled=".verdict", drawn=BARS, dark=dark)


def hostile() -> Result:
    check = {**BLOCK.decision.checks[0], "id": f"a.{LONG}", "observed": HOSTILE, "limit": LONG}
    return report("BLOCK", HOSTILE + LONG, [check, *BLOCK.decision.checks[1:]],
                  file=HOSTILE + LONG, gate=HOSTILE, relaxations=(LONG, HOSTILE))  # fmt: skip


@pytest.mark.parametrize("width", [390, 800, 1280])
@pytest.mark.parametrize(
    "results",
    [[HOLD], [PROMOTE, BLOCK, REFUSED, HOLD], [hostile()], [hostile(), hostile()]],
    ids=["hold", "several", "hostile", "several hostile"],
)
def test_a_page_fits_its_window_loads_nothing_and_has_nothing_to_complain_about(
    results: Sequence[Result], width: int, tmp_path: Path
) -> None:
    """INV-REPORT-1: nothing in it runs, and nothing is fetched."""
    found = seen(results, tmp_path, width=width)
    assert found.console == []
    assert found.facts["overflow"] <= 0
    assert (found.facts["requests"], found.facts["scripts"]) == (0, 0)
    assert found.facts["title"] != "ran"
    assert found.facts["styled"]
    assert found.facts["drawn"]
    assert found.facts["height"] > 1000


def test_a_page_is_light_or_dark_as_its_reader_prefers(tmp_path: Path) -> None:
    grounds = [
        seen([HOLD], tmp_path, width=800, dark=dark).facts["ground"] for dark in (False, True)
    ]
    assert grounds == ["rgb(255, 255, 255)", "rgb(20, 23, 28)"]


@pytest.mark.parametrize("rtl", [False, True], ids=["left to right", "right to left"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [320, 768, 1600])
def test_axe_finds_nothing_wrong_with_a_page_at_any_width_colour_or_direction(
    width: int, dark: bool, rtl: bool, tmp_path: Path
) -> None:
    """WCAG 2.2 as far as axe-core knows it: contrast, names, order, structure."""
    calls: dict[str, list[Result]] = {"one": [HOLD], "many": [PROMOTE, BLOCK, REFUSED, UNREAD]}
    for name, results in calls.items():
        (folder := tmp_path / name).mkdir()
        found = judge(written("html", results), folder, width=width, dark=dark, rtl=rtl)
        assert found.facts["wrong"] == []
        assert found.facts["overflow"] <= 0
        assert found.facts["rules"] > 10
