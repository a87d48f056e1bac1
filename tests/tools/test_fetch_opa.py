"""``tools/fetch_opa.py`` in a copy of the repository, with programs that behave like Go and OPA."""

from __future__ import annotations

import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from engine.policy.build import OPA_VERSION
from tests.repository import ROOT

TOOLS = ROOT / "tools"
RIGHT = f"echo 'Version: {OPA_VERSION}'"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone in which OPA was never built."""
    shutil.copytree(TOOLS, tmp_path / "clone" / "tools")
    return tmp_path / "clone"


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def go(folder: Path, version: str, builds: str) -> Path:
    """A Go of ``version`` whose builds give a program that says ``builds``; notes each build."""
    return program(
        folder / "go",
        f"""
        if [ "$1" = env ]; then echo {version}; exit; fi
        echo built "$CGO_ENABLED" "$GOTOOLCHAIN" >> {folder}/builds
        while [ "$1" != -o ]; do shift; done
        printf '#!/bin/sh\\n%s\\n' "{builds}" > "$2"
        chmod +x "$2"
        """,
    )


def fetch(clone: Path, *path: Path) -> subprocess.CompletedProcess[str]:
    folders = [str(folder) for folder in (*path, Path("/usr/bin"), Path("/bin"))]
    return subprocess.run(
        [sys.executable, clone / "tools" / "fetch_opa.py"],
        env={"PATH": ":".join(folders), "HOME": str(clone)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_is_built_once(clone: Path, tmp_path: Path) -> None:
    bin_folder = go(tmp_path / "bin", "go1.26.0", RIGHT).parent
    opa = clone / ".tools" / "opa"

    first, second = fetch(clone, bin_folder), fetch(clone, bin_folder)

    assert first.stdout == second.stdout == f"{opa}\n"
    assert first.stderr == f"building OPA {OPA_VERSION}, about 3 minutes, once\n"
    assert second.stderr == ""
    assert (bin_folder / "builds").read_text() == "built 0 local\n"
    assert sorted(path.name for path in opa.parent.iterdir()) == ["opa"]


def test_the_pinned_one_on_path_is_linked(clone: Path, tmp_path: Path) -> None:
    installed = program(tmp_path / "bin" / "opa", RIGHT)

    done = fetch(clone, installed.parent)

    assert done.stdout == f"{clone}/.tools/opa\n"
    assert (clone / ".tools" / "opa").resolve() == installed


def test_another_version_on_path_is_passed_over(clone: Path, tmp_path: Path) -> None:
    old = program(tmp_path / "old" / "opa", "echo 'Version: 0.1.0'")
    bin_folder = go(tmp_path / "bin", "go1.26.0", RIGHT).parent

    done = fetch(clone, old.parent, bin_folder)

    assert done.returncode == 0
    assert not (clone / ".tools" / "opa").is_symlink()


def test_an_outdated_one_is_built_anew(clone: Path, tmp_path: Path) -> None:
    program(clone / ".tools" / "opa", "echo 'Version: 0.1.0'")

    done = fetch(clone, go(tmp_path / "bin", "go1.26.0", RIGHT).parent)

    assert "building OPA" in done.stderr
    assert (clone / ".tools" / "opa").read_text().endswith(f"{RIGHT}\n")


def test_what_was_built_must_be_the_pinned_version(clone: Path, tmp_path: Path) -> None:
    done = fetch(clone, go(tmp_path / "bin", "go1.26.0", "echo 'Version: 9.9.9'").parent)

    assert done.returncode == 1
    assert f"built OPA 9.9.9 where {OPA_VERSION} is pinned" in done.stderr


def test_a_failed_build_shows_gos_words_and_leaves_nothing(clone: Path, tmp_path: Path) -> None:
    bin_folder = program(
        tmp_path / "bin" / "go",
        'if [ "$1" = env ]; then echo go1.26.0; exit; fi; echo "no space left" >&2; exit 1',
    ).parent

    done = fetch(clone, bin_folder)

    assert done.returncode == 1
    assert "no space left" in done.stderr
    assert list((clone / ".tools").iterdir()) == []


def test_an_old_go_is_not_used(clone: Path, tmp_path: Path) -> None:
    """The Go that an earlier run installed is, so that nothing is fetched here."""
    old = go(tmp_path / "bin", "go1.21.5", RIGHT).parent
    installed = go(clone / ".tools" / "go-venv" / "bin", "go1.26.6", RIGHT).parent

    done = fetch(clone, old)

    assert done.returncode == 0
    assert (installed / "builds").exists()
    assert not (old / "builds").exists()
