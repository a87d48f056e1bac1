from __future__ import annotations

import io
from pathlib import Path

from engine.cli.console.shell import Shell


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
