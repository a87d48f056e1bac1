from __future__ import annotations

from pathlib import Path

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


def test_one_line_per_setting(engine: Engine) -> None:
    lines = engine("config", "show").out.splitlines()
    assert len(lines) == len(SETTINGS) + 2
    gate = next(line for line in lines if line.startswith("gate "))
    assert gate.split()[1:3] == ["promotion", "default"]
    assert gate.endswith("policy package that is asked")
