"""An error text that was printed is found again, with what to do; another text is not."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.cli.explain import error_texts as reader
from engine.cli.explain.error_texts import error_texts, meaning, nearest
from tests.cli.conftest import Engine
from tests.repository import ROOT


def test_the_texts_are_those_that_the_source_raises() -> None:
    found = error_texts()
    assert len(found) > 900
    assert {error.exit_code for error in found} == {1, 2, 3, 4}
    assert all(error.text and error.fix and meaning(error.kind) for error in found)
    assert ("ConfigError", "${name} is set and empty", "unset it, or give it a value") in {
        (error.kind, error.text, error.fix) for error in found
    }


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("engine: $ENGINE_GATE is set and empty\n  unset it", "${name} is set and empty"),
        ("$ENGINE_GATE is set and empty", "${name} is set and empty"),
        (
            "engine: $ENGINE_GATES is no variable of the engine",
            "${name} is no variable of the engine",
        ),
        ("engine: m.json:3:7: is an empty file", "is an empty file"),
        ("entry 17: the hash chain breaks here", "entry {index}: the hash chain breaks here"),
    ],
)
def test_a_printed_error_is_found(said: str, text: str) -> None:
    found = nearest(said)
    assert found is not None
    assert found.text.replace("{size}", "{index}") == text


@pytest.mark.parametrize("said", ["", "xyz", "missing", "a: b is missing", "no such thing"])
def test_a_text_that_nothing_says_is_not_guessed(said: str) -> None:
    assert nearest(said) is None


def test_explain_says_what_to_do_about_an_error(engine: Engine) -> None:
    refused = engine("doctor", ENGINE_GATE="")
    assert refused.code == 2
    shown = engine("explain", refused.err)
    assert shown.code == 0
    assert shown.out.startswith("error: ${name} is set and empty\n")
    assert "engine explain 2" in shown.out
    assert engine("explain", "max_bytes").out.startswith("setting max_bytes: largest metrics file")
    assert engine("explain", "2").out.startswith("exit code 2: usage, configuration or input")
    assert engine("explain", refused.err, "--all").code == 2
    assert engine("explain", refused.err, "-q").code == 2
    assert engine("explain", "no error of ours says this").code == 2


OF_POLICY = ("policy/**/*.py", "cli/policy/*.py", "cli/starter_files.py", "decision/approvals.py")
"""What the policy verbs run, and nothing else does."""
NO_ERRORS_OF_OURS = {
    *("PermissionError", "OSError", "_Aborted", "WasmtimeError._from_ptr"),
    *("self._worded", "_not_whole"),
}
"""What is raised and caught again, or made of another error."""


def modules() -> list[reader._Module]:
    return [reader._read(path) for path in sorted((ROOT / "engine").rglob("*.py"))]


def unnamed(paths: Iterator[Path]) -> list[str]:
    """Where an error is made whose text the reader does not find."""
    kinds = reader._kinds(module.tree for module in modules())
    found = []
    for path in paths:
        module = reader._read(path)
        makers = reader._makers(module, kinds)
        for function, call in reader._calls(module.tree, None):
            maker = reader._maker_of(call, module, makers, kinds)
            if maker is None:
                continue
            texts, _ = reader._arguments(call, maker, module, reader._scope(function))
            given = {a.arg for a in function.args.args} if function else set()
            words = {name.id for name in ast.walk(call) if isinstance(name, ast.Name)}
            if not texts and not words & {"error", "answer", *(given & set(reader._TEXTS))}:
                found.append(f"{path}:{call.lineno}: {ast.unparse(call)}")
        for raised in ast.walk(module.tree):
            made = raised.exc if isinstance(raised, ast.Raise) else None
            if not isinstance(made, ast.Call) or ast.unparse(made.func) in NO_ERRORS_OF_OURS:
                continue
            if reader._maker_of(made, module, makers, kinds) is None:
                found.append(f"{path}:{made.lineno}: {ast.unparse(made)}")
    return found


def test_every_error_text_of_the_policy_verbs_has_its_entry() -> None:
    package = ROOT / "engine"
    assert unnamed(path for pattern in OF_POLICY for path in package.glob(pattern)) == []


def test_a_text_without_an_entry_is_noticed(tmp_path: Path) -> None:
    new = tmp_path / "new.py"
    new.write_text(
        "from engine.errors import ConfigError\n\n\ndef read(row):\n"
        "    if not row:\n        raise ConfigError(row.words())\n    raise made(row, 'is wrong')\n"
    )
    lines = [line.rpartition("new.py:")[2] for line in unnamed(iter([new]))]
    assert lines == ["6: ConfigError(row.words())", "7: made(row, 'is wrong')"]
