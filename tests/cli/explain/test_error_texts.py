"""An error text that was printed is found again, with what to do; another text is not."""

from __future__ import annotations

import pytest

from engine.cli.explain.error_texts import error_texts, meaning, nearest
from tests.cli.conftest import Engine


def test_the_texts_are_those_that_the_source_raises() -> None:
    found = error_texts()
    assert len(found) > 700
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
