"""The page of ``engine gather --report`` in a real browser: narrow and wide, light and dark."""

from __future__ import annotations

import json
import re
import subprocess
from html import unescape
from pathlib import Path

import pytest

from engine.model import Json
from engine.report.measured import page
from tests.report.test_measured import HOSTILE, document
from tests.system.test_html_page import PROBE

pytestmark = pytest.mark.system


def seen(folder: Path, *, width: int, dark: bool) -> tuple[Json, list[str]]:
    (folder / "page.html").write_text(page(document(HOSTILE + "x" * 60)), encoding="utf-8")
    script = PROBE.format(width=width, opened="true").replace(
        'bars: [...page.document.querySelectorAll("svg.bar")].every(each => each.ariaLabel)',
        'drawn: [...page.document.querySelectorAll("svg.diagram")].map(each => '
        "[each.ariaLabel !== '', each.getBoundingClientRect().width, "
        "page.getComputedStyle(each.querySelector('.point')).fill])",
    )
    script = script.replace(".verdict", "svg.diagram .axis")
    (folder / "probe.html").write_text(script, encoding="utf-8")
    answer = subprocess.run(
        [
            *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"),
            *("--disable-background-networking", "--disable-dev-shm-usage"),
            *("--allow-file-access-from-files", "--enable-logging=stderr"),
            f"--blink-settings=preferredColorScheme={0 if dark else 1}",
            f"--user-data-dir={folder / 'profile'}",
            "--window-size=1600,1000",
            (folder / "probe.html").as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    said = re.search(r"<pre>(\{.*?\})</pre>", answer.stdout, re.DOTALL)
    assert said, answer.stdout[-500:]
    console = [line for line in answer.stderr.splitlines() if "CONSOLE" in line]
    return json.loads(unescape(said[1])), console


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_the_page_fits_its_window_and_is_drawn_in_its_readers_colours(
    width: int, dark: bool, tmp_path: Path
) -> None:
    facts, console = seen(tmp_path, width=width, dark=dark)
    assert console == []
    assert facts["overflow"] <= 0
    assert (facts["requests"], facts["scripts"]) == (0, 0)
    assert facts["ground"] == ("rgb(20, 23, 28)" if dark else "rgb(255, 255, 255)")
    assert len(facts["drawn"]) == 4
    for named, drawn, colour in facts["drawn"]:
        assert named
        assert 200 < drawn <= width
        assert colour == ("rgb(140, 194, 255)" if dark else "rgb(11, 87, 164)")
