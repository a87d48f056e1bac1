"""The page of ``--format html`` in a real browser: narrow and wide, light and dark, silent."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence
from html import unescape
from pathlib import Path
from typing import NamedTuple

import pytest

from engine.model import Json
from tests.report.cases import BLOCK, HOLD, PROMOTE, REFUSED, Told, report, written

pytestmark = pytest.mark.system

LONG = "x" * 400
HOSTILE = "<script>document.title='ran'</script><img src=http://127.0.0.1:9/x onerror=alert(1)>"
PROBE = """<!DOCTYPE html><meta charset="utf-8"><body style="margin:0">
<iframe src="page.html" style="border:0;width:{width}px;height:900px"></iframe><pre></pre><script>
onload = () => {{
  const page = frames[0], root = page.document.documentElement;
  if ({opened}) for (const each of page.document.querySelectorAll("details")) each.open = true;
  const style = page.getComputedStyle(page.document.body);
  document.querySelector("pre").textContent = JSON.stringify({{
    overflow: root.scrollWidth - root.clientWidth,
    requests: page.performance.getEntriesByType("resource").length,
    title: page.document.title,
    ground: style.backgroundColor,
    styled: style.fontSize !== "" && root.querySelector(".verdict") !== null
      && page.getComputedStyle(root.querySelector(".verdict")).borderRadius !== "0px",
    bars: [...page.document.querySelectorAll("svg.bar")].every(each => each.ariaLabel),
    scripts: page.document.scripts.length,
    height: root.scrollHeight,
  }});
}};
</script>"""


class Seen(NamedTuple):
    """What the browser found, and what it said on its console."""

    facts: Json
    console: list[str]


def seen(told: Sequence[Told], folder: Path, *, width: int, dark: bool = False) -> Seen:
    """Open the page in a frame ``width`` wide and return what a probe beside it measures."""
    (folder / "page.html").write_text(written("html", told), encoding="utf-8")
    probe = PROBE.format(width=width, opened="true")
    (folder / "probe.html").write_text(probe, encoding="utf-8")
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
    return Seen(json.loads(unescape(said[1])), console)


def hostile() -> Told:
    check = {**BLOCK.decision.checks[0], "id": f"a.{LONG}", "observed": HOSTILE, "limit": LONG}
    return report("BLOCK", HOSTILE + LONG, [check, *BLOCK.decision.checks[1:]],
                  file=HOSTILE + LONG, gate=HOSTILE, relaxations=(LONG, HOSTILE))  # fmt: skip


@pytest.mark.parametrize("width", [390, 800, 1280])
@pytest.mark.parametrize(
    "told",
    [[HOLD], [PROMOTE, BLOCK, REFUSED, HOLD], [hostile()], [hostile(), hostile()]],
    ids=["hold", "several", "hostile", "several hostile"],
)
def test_a_page_fits_its_window_loads_nothing_and_has_nothing_to_complain_about(
    told: Sequence[Told], width: int, tmp_path: Path
) -> None:
    """INV-REPORT-1: nothing in it runs, and nothing is fetched."""
    found = seen(told, tmp_path, width=width)
    assert found.console == []
    assert found.facts["overflow"] <= 0
    assert (found.facts["requests"], found.facts["scripts"]) == (0, 0)
    assert found.facts["title"] != "ran"
    assert found.facts["styled"]
    assert found.facts["bars"]
    assert found.facts["height"] > 1000


def test_a_page_is_light_or_dark_as_its_reader_prefers(tmp_path: Path) -> None:
    grounds = [
        seen([HOLD], tmp_path, width=800, dark=dark).facts["ground"] for dark in (False, True)
    ]
    assert grounds == ["rgb(255, 255, 255)", "rgb(20, 23, 28)"]
