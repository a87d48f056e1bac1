"""Stage the pages of the site, and write its reference from what the engine itself says.

    tools/site.py [--out build/site-source]

The pages lie as they do in the repository, so that their links hold. The reference has a page for
each verb, the checks with every profile's limits, exit codes, error texts by kind, and schemas;
each is made of what the command line prints or of what it reads. `mkdocs build` does the rest.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from engine.cli import run
from engine.cli.explain.error_texts import ErrorText, error_texts, meaning
from engine.cli.verbs import VERBS
from engine.exit_codes import MEANINGS

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "docs", "spec")
SECTIONS = {
    "Start": ("README.md", "docs/first-steps.md", "docs/vocabulary.md"),
    "How to": ("docs/*.md",),
    "Reference": ("reference/*.md",),
    "Errors": ("reference/errors/*.md",),
    "Contract": ("spec/*.md",),
    "Decisions of design": ("spec/adr/*.md",),
    "Project": ("*.md",),
}
"""Which pages a section has; each page is in the first that names it."""
_SOURCES = """# Files of the repository

This page stands for files that the pages name and that are no pages themselves: examples, policies,
schemas and code lie in the repository.
"""
_LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#]+)(#[^)]*)?\)")


def main() -> int:
    parser = argparse.ArgumentParser(description="Stage the pages of the site.")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "site-source")
    out = parser.parse_args().out
    shutil.rmtree(out, ignore_errors=True)
    stage(out)
    config = out.parent / "mkdocs.yml"
    inherited = {"INHERIT": str(ROOT / "mkdocs.yml"), "docs_dir": out.name, "site_dir": "site"}
    config.write_text(json.dumps({**inherited, "nav": navigation(out)}, indent=2), "utf-8")
    print(config)
    return 0


def navigation(out: Path) -> list[dict[str, list[str]]]:
    """Return the sections of the site with their pages."""
    sections: list[dict[str, list[str]]] = []
    placed: set[str] = set()
    for title, patterns in SECTIONS.items():
        pages = [
            name
            for pattern in patterns
            for name in sorted(str(page.relative_to(out)) for page in out.glob(pattern))
            if name not in placed
        ]
        placed.update(pages)
        sections.append({title: pages})
    return sections


def stage(out: Path) -> None:
    """Write every page of the site below ``out``."""
    for name in PAGES:
        place = ROOT / name
        for page in sorted(place.rglob("*.md")) if place.is_dir() else (place,):
            target = out / page.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(within(page), "utf-8")
    for picture in sorted((ROOT / "docs").glob("*.svg")):
        shutil.copyfile(picture, out / "docs" / picture.name)
    for name, text in reference().items():
        target = out / "reference" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")


def within(page: Path) -> str:
    """Return a page; what it links to and is no page of the site is in the repository."""

    def kept(found: re.Match[str]) -> str:
        target = (page.parent / found[1]).resolve()
        name = str(target.relative_to(ROOT))
        is_staged = name.endswith((".md", ".svg")) and name.split("/", maxsplit=1)[0] in PAGES
        return found[0] if is_staged else f"]({'../' * depth}reference/sources.md)"

    depth = len(page.relative_to(ROOT).parts) - 1
    return _LINK.sub(kept, page.read_text("utf-8"))


def reference() -> dict[str, str]:
    """Return the pages of the reference by name."""
    pages = {
        "verbs.md": verbs(),
        "checks.md": printed("explain", "--all", "--format", "markdown"),
        "exit-codes.md": exit_codes(),
        "schemas.md": schemas(),
        "sources.md": _SOURCES,
    }
    by_kind: dict[str, list[ErrorText]] = {}
    for error in error_texts():
        by_kind.setdefault(error.kind, []).append(error)
    pages |= {f"errors/{kind}.md": errors(kind, found) for kind, found in sorted(by_kind.items())}
    return pages


def printed(*argv: str) -> str:
    """Return what a call of the command line prints, 100 columns wide."""
    out = io.StringIO()
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "100"
    try:
        with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
            run(list(argv))
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before
    return out.getvalue()


def verbs() -> str:
    """Return the page of all verbs: each one's help."""
    parts = ["# Verbs\n\nWhat `engine VERB --help` prints.\n"]
    for name in sorted(VERBS):
        parts.append(f"## engine {name}\n\n```text\n{printed(name, '--help').rstrip()}\n```\n")
    return "\n".join(parts)


def exit_codes() -> str:
    """Return the page of exit codes, and which kinds of error end in each."""
    kinds: dict[int, set[str]] = {}
    for error in error_texts():
        kinds.setdefault(error.exit_code, set()).add(error.kind)
    rows = [
        f"| {code} | {text} | {', '.join(linked(kinds.get(code, ())))} |"
        for code, text in MEANINGS.items()
    ]
    head = "# Exit codes\n\n| code | meaning | kinds of error |\n|---|---|---|\n"
    return head + "\n".join(rows) + "\n"


def linked(kinds: set[str] | tuple[()]) -> Iterator[str]:
    return (f"[{kind}](errors/{kind}.md)" for kind in sorted(kinds))


def errors(kind: str, found: list[ErrorText]) -> str:
    """Return the page of one kind of error: its texts, and what to do about each."""
    rows = [
        f"| {cell(error.text)} | {cell(error.fix)} | `{error.module}` |"
        for error in sorted(found, key=lambda error: error.text)
    ]
    return (
        f"# {kind}\n\n{meaning(kind)}. Exit code {found[0].exit_code}. What varies is in braces; "
        '`engine explain "TEXT"` finds a text that was printed.\n\n'
        "| it says | what to do | raised in |\n|---|---|---|\n" + "\n".join(rows) + "\n"
    )


def cell(text: str) -> str:
    """Return a text as a cell of a Markdown table."""
    shown = " ".join(text.split()).replace("|", "\\|")
    return re.sub(r"([<>\[\]*_`])", r"\\\1", shown)


def schemas() -> str:
    """Return the page of schemas: what each is of, and its members."""
    parts = ["# Schemas\n"]
    for file in sorted((ROOT / "schemas").glob("*.json")):
        schema = json.loads(file.read_text("utf-8"))
        parts.append(f"## {schema.get('title', file.stem)}\n\n`schemas/{file.name}`\n")
        parts.append(f"{cell(schema.get('description', ''))}\n")
        if schema.get("properties"):
            rows = [
                f"| `{name}` | {cell(kind_of(member))} | {cell(member.get('description', ''))} |"
                for name, member in schema["properties"].items()
                if isinstance(member, Mapping)
            ]
            parts.append("| member | type | meaning |\n|---|---|---|\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)


def kind_of(member: Mapping[str, Any]) -> str:
    """Return a member's type in a word or a few."""
    if "enum" in member:
        return ", ".join(str(value) for value in member["enum"] if value is not None)
    if "const" in member:
        return str(member["const"])
    kinds = member.get("type", "")
    return kinds if isinstance(kinds, str) else " or ".join(kinds)


if __name__ == "__main__":
    sys.exit(main())
