"""A program measured from outside: its output, its exit code, its own memory."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.process import Run, measure

MEBIBYTE = 1024 * 1024


def python(code: str, scratch: Path, *, codes: tuple[int, ...] = (0,)) -> Run:
    return measure(
        [sys.executable, "-I", "-S", "-c", code],
        cwd=scratch,
        environ={"WORD": "seen"},
        scratch=scratch,
        codes=codes,
    )


def test_the_output_is_what_the_program_wrote(tmp_path: Path) -> None:
    assert python("print('hello')", tmp_path).output == b"hello\n"


def test_the_environment_is_the_given_one_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    run = python("import os; print(os.environ['WORD'], os.environ.get('CI'))", tmp_path)
    assert run.output == b"seen None\n"


def test_memory_that_the_program_takes_is_seen(tmp_path: Path) -> None:
    run = python(f"b = bytearray({120 * MEBIBYTE}); b[::4096] = b[::4096]", tmp_path)
    assert run.peak_bytes > 120 * MEBIBYTE


def test_memory_of_whoever_measures_is_not_counted(tmp_path: Path) -> None:
    ours = bytearray(b"x") * (200 * MEBIBYTE)
    run = python("pass", tmp_path)
    assert len(ours) == 200 * MEBIBYTE
    assert run.peak_bytes < 60 * MEBIBYTE


def test_the_time_of_the_processor_includes_children(tmp_path: Path) -> None:
    burn = "import time\nwhile time.process_time() < 0.2: pass"
    run = python(
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}])", tmp_path
    )
    assert run.cpu_s >= 0.2


def test_an_exit_code_that_is_no_answer_stops_the_run_with_the_programs_own_words(
    tmp_path: Path,
) -> None:
    with pytest.raises(BenchError, match=r"(?s)exit code 7.*no such luck"):
        python("import sys; sys.stderr.write('no such luck'); sys.exit(7)", tmp_path)


def test_an_exit_code_that_is_an_answer_does_not(tmp_path: Path) -> None:
    assert python("import sys; print('held'); sys.exit(5)", tmp_path, codes=(0, 5)).output


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="nowhere/opa could not be started"):
        measure([Path("nowhere/opa")], cwd=tmp_path, environ={}, scratch=tmp_path)
