"""The doctor walks through broken worlds without falling over, and says what to do in each."""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.cli.doctor.installation import loses_rows
from engine.model import Json
from engine.signers.file import generate
from tests.cli.conftest import Answer, Engine

LEDGER = Path(".engine/ledger.db")
KEY = Path(".engine/keys/engine.pem")


@pytest.fixture
def used(engine: Engine) -> Engine:
    """A folder in which something was decided."""
    assert engine("decide", "-", stdin=engine("example", "promote").out.encode()).code == 0
    return engine


def findings(answer: Answer, about: str) -> list[Json]:
    """What was found about one thing; every warning and failure says what to do."""
    found = answer.json["findings"]
    assert {finding["level"] for finding in found} <= {"ok", "warn", "FAIL"}
    assert all(finding["do"] for finding in found if finding["level"] != "ok"), found
    assert answer.json["code"] == answer.code
    return [finding for finding in found if finding["about"] == about]


def diagnosis(engine: Engine, about: str, *argv: str, **environ: str) -> tuple[int, str, str, str]:
    """Return the exit code and the last finding about ``about``: level, what, what to do."""
    answer = engine("doctor", "--format", "json", *argv, **environ)
    last = findings(answer, about)[-1]
    return answer.code, last["level"], last["says"], last["do"]


def test_a_sound_world_is_ok_and_nothing_changes(used: Engine) -> None:
    before = contents()
    answer = used("doctor")
    assert (answer.code, "FAIL" in answer.out) == (0, False)
    for about in ("key", "ledger", "head", "clock", "lock", "disk", "policies", "cache"):
        assert f"\nok    {about} " in answer.out, about
    assert "2 entries" in answer.out
    assert contents() == before


def contents() -> dict[Path, bytes]:
    """What is in the folder, without what SQLite makes and drops to read."""
    return {
        path: path.read_bytes()
        for path in Path(".engine").rglob("*")
        if path.is_file() and not path.name.startswith("ledger.db-")
    }


def test_an_empty_folder_only_lacks_a_beginning(engine: Engine) -> None:
    assert diagnosis(engine, "key")[1:] == (
        "warn",
        f"{Path.cwd() / KEY}: none yet",
        "make one: engine init",
    )
    assert diagnosis(engine, "ledger")[0:2] == (0, "warn")
    assert not Path(".engine").exists()


def test_in_ci_a_missing_key_is_a_failure(engine: Engine) -> None:
    code, level, _, do = diagnosis(engine, "key", CI="true")
    assert (code, level, "ENGINE_KEY" in do) == (2, "FAIL", True)


# The key.


def test_a_lost_key(used: Engine) -> None:
    KEY.unlink()
    code, level, says, do = diagnosis(used, "key")
    assert (code, level) == (2, "FAIL")
    assert "no such key" in says
    assert "ENGINE_KEY_FILE" in do


def test_a_key_that_others_can_read(used: Engine) -> None:
    KEY.chmod(0o644)
    code, level, says, do = diagnosis(used, "key")
    assert (code, level, "mode 0644" in says) == (2, "FAIL", True)
    assert f"chmod 600 {Path.cwd() / KEY}" in do


def test_another_key_than_the_ledgers(used: Engine, tmp_path: Path) -> None:
    generate(tmp_path / "other.pem")
    code, level, says, do = diagnosis(used, "ledger", "--key-file", str(tmp_path / "other.pem"))
    assert (code, level, "another key" in says, "ENGINE_KEY_FILE" in do) == (2, "FAIL", True, True)


def test_another_public_half_beside_the_key(used: Engine, tmp_path: Path) -> None:
    generate(tmp_path / "other.pem")
    shutil.copy(tmp_path / "other.pub.pem", KEY.with_suffix(".pub.pem"))
    code, level, says, do = diagnosis(used, "key")
    assert (code, level, "not the public half" in says) == (2, "FAIL", True)
    assert "engine keys list" in do
    KEY.with_suffix(".pub.pem").unlink()
    assert diagnosis(used, "key")[:2] == (0, "warn")


# The ledger.


def test_a_truncated_ledger_is_not_genuine(used: Engine) -> None:
    with LEDGER.open("r+b") as file:
        file.truncate(20_000)
    code, level, says, _ = diagnosis(used, "ledger")
    assert (code, level) == (4, "FAIL"), says


@pytest.mark.parametrize("content", [b"", b"garbage" * 5000])
def test_something_else_in_the_ledgers_place_is_not_genuine(used: Engine, content: bytes) -> None:
    for part in Path(".engine").glob("ledger.db-*"):
        part.unlink()
    LEDGER.write_bytes(content)
    assert diagnosis(used, "ledger")[:2] == (4, "FAIL")


def test_a_folder_in_the_ledgers_place(used: Engine) -> None:
    LEDGER.unlink()
    LEDGER.mkdir()
    code, level, _, do = diagnosis(used, "ledger")
    assert (code in (3, 4), level, do != "") == (True, "FAIL", True)


def test_a_ledger_that_is_gone(used: Engine) -> None:
    LEDGER.unlink()
    code, level, says, _ = diagnosis(used, "ledger")
    assert (code, level, "is missing" in says) == (4, "FAIL", True)


def test_a_ledger_whose_head_is_gone_could_be_set_back(used: Engine) -> None:
    shutil.rmtree(".engine/heads")
    shutil.rmtree("../home/.local/state")
    code, level, _, do = diagnosis(used, "head")
    assert (code, level, "--since FILE" in do) == (0, "warn", True)


def test_a_head_that_says_something_else(used: Engine) -> None:
    (head,) = Path(".engine/heads").glob("*.json")
    head.write_text("{}")
    assert diagnosis(used, "ledger")[:2] == (4, "FAIL")


def test_a_ledger_that_somebody_is_writing_to(used: Engine) -> None:
    with Path(".engine/ledger.db.lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        code, level, says, do = diagnosis(used, "lock")
    assert (code, level, f"by process {os.getpid()}" in says) == (0, "warn", True)
    assert "let it finish" in do


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_something_else_in_the_locks_place_is_not_waited_for(
    used: Engine, make: Callable[[str], None]
) -> None:
    Path(".engine/ledger.db.lock").unlink()
    make(".engine/ledger.db.lock")
    assert diagnosis(used, "lock")[:3] == (
        3,
        "FAIL",
        f"{Path.cwd()}/.engine/ledger.db.lock: is not a regular file",
    )


def test_a_ledger_of_the_future_means_a_wrong_clock(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(
            "engine.cli.console.shell.Shell.now", lambda _: datetime(2126, 1, 1, tzinfo=UTC)
        )
        engine("decide", "-", stdin=engine("example", "promote").out.encode())
    code, level, says, do = _clock(engine)
    assert (code, level, "2126-01-01T00:00:00Z" in says, "NTP" in do) == (3, "FAIL", True, True)


def _clock(engine: Engine) -> tuple[int, str, str, str]:
    answer = engine("doctor", "--format", "json")
    (bad,) = [finding for finding in findings(answer, "clock") if finding["level"] == "FAIL"]
    return answer.code, bad["level"], bad["says"], bad["do"]


def test_a_clock_before_the_engine_was_installed(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "engine.cli.console.shell.Shell.now", lambda _: datetime(1970, 1, 1, tzinfo=UTC)
    )
    code, level, says, do = _clock(engine)
    assert (code, level, "before the engine was installed" in says) == (3, "FAIL", True)
    assert "NTP" in do


def test_a_kind_of_ledger_that_is_not_known(engine: Engine) -> None:
    code, level, says, do = diagnosis(engine, "ledger", "--ledger", "mongodb://host/ledger")
    assert (code, level, "mongodb://host/ledger" in says, do != "") == (2, "FAIL", True, True)


def test_a_file_in_the_place_of_the_folder(engine: Engine) -> None:
    Path(".engine").write_text("")
    assert diagnosis(engine, "folder") == (
        2,
        "FAIL",
        f"{Path('.engine').absolute()}: is no folder",
        "move it away",
    )


def test_a_key_that_is_none_hides_nothing_else(engine: Engine) -> None:
    answer = engine("doctor", "--format", "json", ENGINE_KEY="secret")
    assert findings(answer, "key")[-1]["level"] == "FAIL"
    assert findings(answer, "ledger")[-1]["says"].endswith("none yet")


def test_a_ledger_that_leads_to_itself(engine: Engine) -> None:
    Path(".engine").mkdir()
    LEDGER.symlink_to("ledger.db")
    code, level, _, do = diagnosis(engine, "ledger")
    assert (code, level, do != "") == (2, "FAIL", True)


# Settings, policies, programs.


def test_a_broken_engine_toml(engine: Engine) -> None:
    Path("engine.toml").write_text("gaet = 'slo'\n")
    answer = engine("doctor", "--format", "json")
    first, second = findings(answer, "settings")
    assert (answer.code, first["level"], first["do"]) == (2, "FAIL", "did you mean 'gate'?")
    assert second["level"] == "warn"


@pytest.mark.parametrize(
    ("path", "text", "code"),
    [
        ("limits/own/data.yaml", "extends: defualt\nchecks: {}\n", 2),
        ("limits/own/data.yaml", "\tchecks:\n", 2),
        ("slo/slo.rego", "package slo\n", 2),
        ("notes.json", "{}", 2),
    ],
)
def test_a_broken_overlay(engine: Engine, path: str, text: str, code: int) -> None:
    target = Path("policies", path)
    target.parent.mkdir(parents=True)
    target.write_text(text)
    answer = engine("doctor", "--format", "json", "--policies", "policies")
    bad = findings(answer, "policies")[-1]
    assert (answer.code, bad["level"]) == (code, "FAIL"), bad


@pytest.mark.parametrize(
    ("flag", "value", "do"),
    [
        ("--gate", "promote", "did you mean 'promotion'?"),
        ("--profile", "servce", "did you mean 'service'?"),
        ("--stage", "prod", "known: candidate, production"),
    ],
)
def test_a_setting_that_names_nothing(engine: Engine, flag: str, value: str, do: str) -> None:
    code, _, _, advice = diagnosis(engine, "policies", flag, value)
    assert (code, advice) == (2, do)


def test_opa_is_only_needed_for_changed_rego(engine: Engine, opa: Path) -> None:
    assert diagnosis(engine, "opa")[1] == "ok"
    found = diagnosis(engine, "opa", ENGINE_OPA=str(opa))
    assert found[1:3] == ("ok", f"1.22.0 at {opa}")
    assert diagnosis(engine, "opa", ENGINE_OPA="/nowhere/opa")[:2] == (0, "warn")
    assert diagnosis(engine, "opa", ENGINE_OPA="/bin/true")[:2] == (0, "warn")


def test_a_cache_that_others_can_write_to(engine: Engine, tmp_path: Path) -> None:
    folder = tmp_path / "shared" / "governance-engine"
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    code, level, _, do = diagnosis(engine, "cache", XDG_CACHE_HOME=str(tmp_path / "shared"))
    assert (code, level, do.endswith(f"chmod 700 {folder}")) == (0, "warn", True)


@pytest.mark.parametrize(
    ("folder", "environ", "level", "words"),
    [
        ("kept", {}, "ok", "kept"),
        ("kept", {"PYTHONDONTWRITEBYTECODE": "1"}, "warn", "PYTHONDONTWRITEBYTECODE is set"),
        ("a file/none", {}, "warn", "cannot be written to"),
    ],
)
def test_bytecode_that_cannot_be_kept_makes_every_start_slow(
    tmp_path: Path, folder: str, environ: dict[str, str], level: str, words: str
) -> None:
    (tmp_path / "a file").touch()
    environ = {"PATH": "/usr/bin:/bin", "PYTHONPYCACHEPREFIX": str(tmp_path / folder), **environ}
    done = subprocess.run(
        [sys.executable, "-m", "engine", "doctor", "--format", "json"],
        env=environ, cwd=tmp_path, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    (found,) = [row for row in json.loads(done.stdout)["findings"] if row["about"] == "bytecode"]

    assert (found["level"], words in found["says"]) == (level, True), found
    assert ("-m compileall" in found["do"]) == (level == "warn")


@pytest.mark.parametrize(
    ("version", "loses"),
    [
        ((3, 6, 23), False), ((3, 7, 0), True), ((3, 40, 1), True), ((3, 44, 5), True),
        ((3, 44, 6), False), ((3, 45, 0), True), ((3, 50, 6), True), ((3, 50, 7), False),
        ((3, 51, 2), True), ((3, 51, 3), False), ((3, 52, 0), False), ((4, 0, 0), False),
    ],
)  # fmt: skip
def test_which_sqlite_can_lose_rows(version: tuple[int, ...], loses: bool) -> None:
    assert loses_rows(version) is loses


# Permissions, as somebody who is not root meets them.

_DROP_BOUNDING, _DAC_OVERRIDE, _DAC_READ_SEARCH = 24, 1, 2


def bound() -> None:
    """Let permissions count, for root too."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_DROP_BOUNDING, _DAC_OVERRIDE, 0, 0, 0)
    libc.prctl(_DROP_BOUNDING, _DAC_READ_SEARCH, 0, 0, 0)


def as_nobody_special(*argv: str, **environ: str) -> tuple[int, Json]:
    done = subprocess.run(
        [sys.executable, "-m", "engine", *argv], env={"PATH": "/usr/bin:/bin", **environ},
        capture_output=True, timeout=60, check=False, preexec_fn=bound,
    )  # fmt: skip
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_a_home_that_cannot_be_read(used: Engine, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.chmod(0)
    try:
        code, answer = as_nobody_special("doctor", "--format", "json", HOME=str(home))
    finally:
        home.chmod(0o700)
    (cache,) = [finding for finding in answer["findings"] if finding["about"] == "cache"]
    assert (code, cache["level"], "permission denied" in cache["says"]) == (0, "warn", True)


def test_a_folder_that_is_read_only(used: Engine) -> None:
    folder = Path(".engine")
    folder.chmod(0o500)
    try:
        code, answer = as_nobody_special("doctor", "--format", "json", HOME="/nowhere")
    finally:
        folder.chmod(0o700)
    disk = [finding for finding in answer["findings"] if finding["about"] == "disk"]
    assert (code, disk[0]["level"], "cannot be written" in disk[0]["says"]) == (3, "FAIL", True)
    ledger = [finding for finding in answer["findings"] if finding["about"] == "ledger"]
    assert [finding["level"] for finding in ledger] == ["ok"]


def test_a_ledger_that_cannot_be_read(used: Engine) -> None:
    LEDGER.chmod(0)
    try:
        code, answer = as_nobody_special("doctor", "--format", "json", HOME="/nowhere")
    finally:
        LEDGER.chmod(0o600)
    (ledger,) = [finding for finding in answer["findings"] if finding["about"] == "ledger"]
    assert (code, ledger["level"], ledger["do"] != "") == (3, "FAIL", True)


def test_a_working_folder_that_is_gone(tmp_path: Path) -> None:
    script = 'mkdir gone && cd gone && rmdir ../gone && "$0" -m engine doctor'
    done = subprocess.run(
        ["/bin/sh", "-c", script, sys.executable],
        cwd=tmp_path, env={"PYTHONSAFEPATH": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == "engine: the working folder is gone\n  cd into one that exists\n"


def test_whatever_it_stumbles_over_is_a_finding(
    used: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An examination that raises something nobody thought of stops neither itself nor the rest."""

    def broken(_path: object) -> None:
        raise RuntimeError("no such device")

    monkeypatch.setattr("shutil.disk_usage", broken)
    code, level, says, do = diagnosis(used, "disk")
    assert (code, level, do != "") == (3, "FAIL", True)
    assert says == "could not be examined: RuntimeError: no such device"
    assert diagnosis(used, "policies")[1] == "ok"
