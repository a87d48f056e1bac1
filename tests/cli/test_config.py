from __future__ import annotations

import io
from pathlib import Path

import pytest

from engine.cli.console.shell import Shell
from engine.settings.config import SETTINGS
from tests.cli.conftest import Engine


def test_a_setting_says_where_it_came_from(engine: Engine) -> None:
    Path("engine.toml").write_text('gate = "slo"\npolicies = "own"\n')
    shown = engine(
        "config", "show", "--format", "json", "--stage", "production", ENGINE_PROFILE="strict"
    ).json

    settings = {name: (row["value"], row["origin"]) for name, row in shown.items()}
    file = str(Path("engine.toml").absolute())
    assert settings["gate"] == ("slo", file)
    assert settings["policies"] == (str(Path("own").absolute()), file)
    assert settings["profile"] == ("strict", "$ENGINE_PROFILE")
    assert settings["stage"] == ("production", "--stage")
    assert settings["lock_timeout_s"] == (30, "default")
    assert shown.keys() == {setting.name for setting in SETTINGS} | {"folder", "cache"}


def test_what_follows_from_the_settings_is_shown_too(engine: Engine) -> None:
    shown = engine("config", "show", "--format", "json").json
    folder = Path(".engine").absolute()
    assert shown["folder"]["value"] == str(folder)
    assert shown["ledger"]["value"] == str(folder / "ledger.db")
    assert shown["key_file"]["value"] == str(folder / "keys" / "engine.pem")
    assert not folder.exists()


def test_a_key_in_the_environment_is_named_and_never_shown(engine: Engine) -> None:
    for form in ("text", "json"):
        answer = engine("config", "show", "--format", form, ENGINE_KEY="-----BEGIN secret")
        assert "$ENGINE_KEY" in answer.out
        assert "BEGIN" not in answer.out


VERBS = ("decide m.json", "config show", "keys list", "init", "doctor")


@pytest.mark.parametrize("verb", VERBS)
def test_a_key_in_the_place_of_its_path_is_never_shown(engine: Engine, verb: str) -> None:
    Path("m.json").write_text(engine("example", "promote").out)
    engine("keys", "init", "--key-file", "key.pem")
    pem = Path("key.pem").read_text()
    for value in (pem, pem.replace("\n", "\\n"), f" {pem}"):
        answer = engine(*verb.split(), ENGINE_KEY_FILE=value)
        assert answer.code == 2
        said = answer.out + answer.err
        assert "$ENGINE_KEY_FILE: holds a private key, and not the path of one" in said
        assert pem.splitlines()[1][:8] not in said


@pytest.mark.parametrize("value", ["a" * 300, "b" * 300 + ".pem", "/".join(["c" * 64] * 100)])
@pytest.mark.parametrize("verb", VERBS)
def test_no_part_of_what_is_no_key_is_shown(engine: Engine, verb: str, value: str) -> None:
    Path("m.json").write_text(engine("example", "promote").out)
    answer = engine(*verb.split(), ENGINE_KEY=value)
    assert answer.code == (0 if verb == "config show" else 2)
    assert "$ENGINE_KEY" in answer.out + answer.err
    assert value[:8] not in answer.out + answer.err


def test_one_line_per_setting(engine: Engine) -> None:
    lines = engine("config", "show").out.splitlines()
    assert len(lines) == len(SETTINGS) + 2
    gate = next(line for line in lines if line.startswith("gate "))
    assert gate.split()[1:3] == ["promotion", "default"]
    assert gate.endswith("policy package that is asked")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_at_a_terminal_lines_fit(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of settings, the log and a verified proof; at a pipe each stays on a line."""
    Path("m.json").write_text(engine("example", "promote").out)
    assert engine("keys", "init").code == 0
    assert engine("decide", "m.json", "--export", "p.json").code == 0
    calls = (
        ["config", "show"],
        ["ledger", "log"],
        ["verify", "p.json", "--key", ".engine/keys/engine.pub.pem", "--require", "BLOCK"],
    )
    piped = [engine(*call).out for call in calls]
    monkeypatch.setattr(io, "StringIO", Terminal)
    monkeypatch.setattr(Shell, "width", 80)
    for call, before in zip(calls, piped, strict=True):
        shown = engine(*call, NO_COLOR="1", TERM="dumb").out
        long = [
            line
            for line in shown.splitlines()
            if len(line) > 80 and str(Path.cwd()) not in line and max(map(len, line.split())) < 70
        ]
        assert (long, len(shown.splitlines()) > len(before.splitlines())) == ([], True)


@pytest.mark.parametrize("verb", ["config show", "ledger log", "doctor"])
def test_a_time_zone_that_there_is_not_is_refused_where_settings_are_read(
    engine: Engine, verb: str
) -> None:
    answer = engine(*verb.split(), ENGINE_BUDGET_TIME_ZONE="Europe/Vienn")
    assert answer.code == 2
    assert "$ENGINE_BUDGET_TIME_ZONE: 'Europe/Vienn' is no time zone" in answer.out + answer.err
    assert "did you mean 'Europe/Vienna'?" in answer.out + answer.err
    Path("engine.toml").write_text('gate = "slo"\nbudget_time_zone = "Vienna"\n')
    answer = engine(*verb.split())
    assert (
        "engine.toml:2: key 'budget_time_zone': 'Vienna' is no time zone" in answer.out + answer.err
    )
