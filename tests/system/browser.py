"""A page in headless Chromium, and what a probe beside it measures."""

from __future__ import annotations

import json
import re
import subprocess
from html import unescape
from pathlib import Path
from typing import NamedTuple

from engine.model import Json
from tools import fetch_axe

_PROBE = """<!DOCTYPE html><meta charset="utf-8"><body style="margin:0">
<iframe src="page.html" style="border:0;width:{width}px;height:900px"></iframe><pre></pre><script>
onload = () => {{
  const page = frames[0], root = page.document.documentElement;
  for (const each of page.document.querySelectorAll("details")) each.open = true;
  const style = page.getComputedStyle(page.document.body);
  const sample = root.querySelector("{styled}");
  document.querySelector("pre").textContent = JSON.stringify({{
    overflow: root.scrollWidth - root.clientWidth,
    requests: page.performance.getEntriesByType("resource").length,
    title: page.document.title,
    ground: style.backgroundColor,
    styled: style.fontSize !== "" && sample !== null
      && page.getComputedStyle(sample).borderRadius !== "0px",
    drawn: {drawn},
    scripts: page.document.scripts.length,
    height: root.scrollHeight,
  }});
}};
</script>"""


class Seen(NamedTuple):
    """What the browser found, and what it said on its console."""

    facts: Json
    console: list[str]


def look(
    page: str, folder: Path, *, width: int, styled: str, drawn: str, dark: bool = False
) -> Seen:
    """Open ``page``, all of it unfolded, and return what a probe measures.

    Args:
        page: HTML.
        folder: Scratch.
        width: Of the frame it is in, in pixels.
        styled: Selector of an element that only a style sheet makes round.
        drawn: JavaScript that says of ``page``, the window, what is drawn in it.
        dark: What its reader prefers.
    """
    (folder / "page.html").write_text(page, encoding="utf-8")
    probe = _PROBE.format(width=width, styled=styled, drawn=drawn)
    return _seen(probe, folder, dark=dark)


def judge(page: str, folder: Path, *, width: int, dark: bool = False, rtl: bool = False) -> Seen:
    """Return what axe-core finds wrong with ``page``, all of it unfolded, and whether it overflows.

    It is judged without its own policy, which would not let axe run.

    Args:
        page: HTML.
        folder: Scratch.
        width: Of the frame it is in, in pixels.
        dark: What its reader prefers.
        rtl: Whether it is written from right to left.
    """
    copy = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    assert copy != page
    copy = copy.replace("<html ", '<html dir="rtl" ') if rtl else copy
    axe = f'<script src="{fetch_axe.fetch().as_uri()}"></script></body>'
    (folder / "page.html").write_text(copy.replace("</body>", axe), encoding="utf-8")
    return _seen(_JUDGE.format(width=width), folder, dark=dark)


_JUDGE = """<!DOCTYPE html><meta charset="utf-8"><body style="margin:0">
<iframe src="page.html" style="border:0;width:{width}px;height:900px"></iframe><pre></pre><script>
onload = async () => {{
  const page = frames[0], root = page.document.documentElement;
  for (const each of page.document.querySelectorAll("details")) each.open = true;
  const found = await page.axe.run(page.document, {{resultTypes: ["violations"]}});
  document.querySelector("pre").textContent = JSON.stringify({{
    overflow: root.scrollWidth - root.clientWidth,
    rules: found.passes.length,
    wrong: found.violations.flatMap(rule => rule.nodes.map(
      node => rule.id + ": " + node.html.slice(0, 120) + " " + node.failureSummary)),
  }});
}};
</script>"""


def _seen(probe: str, folder: Path, *, dark: bool) -> Seen:
    (folder / "probe.html").write_text(probe, encoding="utf-8")
    answer = subprocess.run(
        [
            *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"),
            *("--disable-background-networking", "--disable-dev-shm-usage"),
            *("--allow-file-access-from-files", "--enable-logging=stderr"),
            f"--blink-settings=preferredColorScheme={0 if dark else 1}",
            f"--user-data-dir={folder / 'profile'}",
            *("--window-size=1700,1000", "--virtual-time-budget=30000"),
            (folder / "probe.html").as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    result = re.search(r"<pre>(\{.*?\})</pre>", answer.stdout, re.DOTALL)
    assert result, answer.stdout[-500:] + answer.stderr[-500:]
    console = [line for line in answer.stderr.splitlines() if "CONSOLE" in line]
    return Seen(json.loads(unescape(result[1])), console)
