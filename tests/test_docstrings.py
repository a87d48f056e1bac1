"""The examples in docstrings run: keys, a client, a proof and a price are at hand."""

from __future__ import annotations

import ast
import doctest
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.repository import DATA, MODULES, ROOT
from tests.signers.pem import pem

PRICES = """
prices:
  - {provider: openai, model: gpt-4o, from: "2026-01-01", input: "2.50", output: "10"}
"""
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def examples() -> Iterator[tuple[str, str]]:
    """Yield each docstring that has an example, with the place where it stands."""
    for file in MODULES:
        if ">>>" not in (text := file.read_text()):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, DOCUMENTED) and ">>>" in (
                docstring := ast.get_docstring(node) or ""
            ):
                yield f"{file.relative_to(ROOT)}:{getattr(node, 'name', '')}", docstring


def complete(*, model: str, messages: list[dict[str, str]]) -> SimpleNamespace:
    """What a provider's client answers."""
    assert model
    assert messages
    usage = {"prompt_tokens": 1_000, "completion_tokens": 200, "total_tokens": 1_200}
    return SimpleNamespace(usage=SimpleNamespace(model_dump=lambda **_: usage))


CASES = dict(examples())


def test_there_are_examples_of_what_a_program_imports() -> None:
    """So that a parser that finds nothing is noticed."""
    names = {"engine/__init__.py:", "engine/calls/budget/client.py:", "engine/breaker.py:"}
    assert names <= CASES.keys()


@pytest.mark.parametrize("place", CASES)
def test_the_example_runs(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    client = SimpleNamespace(chat=SimpleNamespace(completions=SimpleNamespace(create=complete)))
    (tmp_path / "policies" / "prices").mkdir(parents=True)
    (tmp_path / "policies" / "prices" / "data.yaml").write_text(PRICES)
    names = {
        "pem": pem(),
        "policies": Path("policies"),
        "proof": (DATA / "proof-v1.json").read_bytes(),
        "public_pem": (DATA / "proof-v1.pub.pem").read_bytes(),
        "client": client,
        "messages": [{"role": "user", "content": "?"}],
    }
    example = doctest.DocTestParser().get_doctest(CASES[place], names, place, place, 0)
    report: list[str] = []

    results = doctest.DocTestRunner(verbose=False).run(example, out=report.append)

    assert results.failed == 0, "".join(report)
    assert results.attempted > 0
