from __future__ import annotations

import io
from pathlib import Path

import pytest

from engine.cli.console.shell import Shell, fitted, narrated, width_of


def shell(here: Path, **environ: str) -> Shell:
    return Shell(environ, here, io.BytesIO(), io.StringIO(), io.StringIO())


def test_the_repository_is_the_checkout_else_gits_else_the_folder(tmp_path: Path) -> None:
    here = tmp_path / "repo" / "pkg" / "model"
    here.mkdir(parents=True)
    assert shell(here).repository == here, "no repository"

    (tmp_path / "repo" / ".git").write_text("gitdir: elsewhere\n")
    assert shell(here).repository == tmp_path / "repo", "a worktree's .git is a file"

    link = tmp_path / "link"
    link.symlink_to("repo/pkg")
    for variable in ("GITHUB_WORKSPACE", "CI_PROJECT_DIR", "BUILD_SOURCESDIRECTORY", "WORKSPACE"):
        assert shell(here, **{variable: str(link)}).repository == tmp_path / "repo" / "pkg"
    for elsewhere in (str(tmp_path / "other"), "", "pkg"):
        assert shell(here, GITHUB_WORKSPACE=elsewhere).repository == tmp_path / "repo"


class Terminal(io.StringIO):
    """A terminal that is as wide as COLUMNS says."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("columns", [20, 40, 80, 500])
def test_at_a_terminal_no_line_is_wider_than_it_and_no_word_is_cut(
    columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of every verb, on both streams; from 40 to 120 columns."""
    monkeypatch.setenv("COLUMNS", str(columns))
    screen, sentence, digest = Terminal(), "a b c d e f g h i j " * 12, "ab" * 80
    shown = fitted(f"  {sentence}{digest} k", screen)
    assert width_of(screen) == min(max(columns, 40), 120)
    assert shown.split() == [*sentence.split(), digest, "k"]
    for line in shown.split("\n"):
        assert len(line) <= min(max(columns, 40), 120) or line.split() == [digest]
    assert narrated(f"    mv {digest} {digest}", screen).count("\n") == 0
    assert fitted(sentence, io.StringIO()) == sentence
