"""The toy policy: one gate, two checks, two profiles. Small enough to break in every way."""

from __future__ import annotations

from pathlib import Path

from engine.policy.sources import CAPABILITIES, Source
from tests.repository import ROOT

TOY = Path(__file__).parent / "toy"

LOOP = """
_value(id) := id if {
	contains(input.hay, input.needle)
} else := null
"""
"""Takes a time of size squared for :data:`HAY`, and no memory."""

HAY = {"hay": "a" * 2_000_000, "needle": "a" * 1_000_000 + "b"}

BOMB = """
_value(id) := id if {
	count([[i, j] | some i in numbers.range(1, 5000); some j in numbers.range(1, 5000)]) == 0
} else := null
"""
"""Keeps all that it enumerates."""


def toy(changes: dict[str, str | None] | None = None) -> dict[str, Source]:
    """The toy's files by path; ``changes`` replaces or adds texts, None takes a file away."""
    texts = {
        path.relative_to(TOY).as_posix(): path.read_text()
        for path in sorted(TOY.rglob("*"))
        if path.is_file()
    }
    texts[CAPABILITIES] = (ROOT / "policies" / CAPABILITIES).read_text()
    for path, text in (changes or {}).items():
        if text is None:
            del texts[path]
        else:
            texts[path] = text
    return {path: Source(path, text.encode()) for path, text in sorted(texts.items())}


def toy_rego(old: str, new: str) -> dict[str, Source]:
    """The toy with ``old`` in its Rego, which must be there, replaced by ``new``."""
    text = (TOY / "promotion" / "promotion.rego").read_text()
    assert old in text
    return toy({"promotion/promotion.rego": text.replace(old, new)})


def toy_that(runs_away: str) -> dict[str, Source]:
    """The toy that does ``runs_away`` when a metric is 13, and answers as ever otherwise."""
    trigger = "_value(id) := object.get"
    safe = toy_rego(trigger, f"_plain{trigger.removeprefix('_value')}")
    text = safe["promotion/promotion.rego"].content.decode()
    assert text.count("} else := null") == 1
    text += runs_away.replace("_value(id)", "_run_away(id)") + (
        "\n_value(id) := _run_away(id) if {\n\t_plain(id) == 13\n} else := _plain(id)\n"
    )
    return toy({"promotion/promotion.rego": text})


def written(files: dict[str, Source], folder: Path) -> Path:
    """``folder``, holding ``files``."""
    for path, source in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(source.content)
    return folder
