"""The count of lines of code leaves out what is not code, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.code_lines import code_lines, main


def test_comments_docstrings_and_blank_lines_do_not_count() -> None:
    text = '''"""Module."""

# A comment.
LIMIT = 3  # with a comment behind it
"""Of the attribute,
in two lines."""


def f() -> str:
    """Function."""
    return (
        "one"
        "two"
    )
'''

    assert code_lines(text) == 6


def test_a_string_that_is_a_value_counts_with_all_its_lines() -> None:
    assert code_lines('TEXT = """\na\nb\n"""\n') == 4


def test_folders_are_summed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "a.py").write_text("x = 1\ny = 2\n")
    (tmp_path / "b.py").write_text("z = 3\n")

    assert main([str(tmp_path)]) == 0

    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [count for count, *_ in lines] == ["1", "2", "3"]


def test_no_folder_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "FOLDER" in capsys.readouterr().err
