from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from engine import exit_codes
from engine.cli.console.shell import parser_of
from engine.cli.decide import verb
from engine.errors import ConfigError, GovernanceError
from engine.settings.config import SETTINGS, VARIABLES, load, require_own_folder, require_values
from tests.repository import ROOT


def test_a_flag_wins_over_the_environment_over_the_file_over_the_default(tmp_path: Path) -> None:
    (tmp_path / "engine.toml").write_text(
        'gate = "slo"\nprofile = "strict"\nstage = "production"\n'
    )
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    config = load({"gate": "data"}, {"ENGINE_GATE": "ethics", "ENGINE_PROFILE": "model"}, inner)
    assert {
        name: config.values[name].value for name in ("gate", "profile", "stage", "max_bytes")
    } == {
        "gate": "data",
        "profile": "model",
        "stage": "production",
        "max_bytes": 1_048_576,
    }
    assert [config.values[name].origin for name in ("gate", "profile", "stage", "max_bytes")] == [
        "--gate",
        "$ENGINE_PROFILE",
        str(tmp_path / "engine.toml"),
        "default",
    ]


def test_paths_in_the_file_are_relative_to_it(tmp_path: Path) -> None:
    (tmp_path / "engine.toml").write_text('policies = "rules"\nledger = "l.db"\n')
    (tmp_path / "sub").mkdir()
    config = load({}, {}, tmp_path / "sub")
    assert config.path("policies") == tmp_path / "rules"
    assert config.path("ledger") == tmp_path / "l.db"
    assert config.folder == tmp_path / ".engine"


@pytest.mark.parametrize("written", ["a:b", "sqlite:a:b", "sqlite:///a:b"])
def test_a_ledger_in_the_file_is_relative_to_it_in_every_form(tmp_path: Path, written: str) -> None:
    (tmp_path / "engine.toml").write_text(f'ledger = "{written}"\n')
    assert load({}, {}, tmp_path).path("ledger") == tmp_path / "a:b"


def test_the_folder_is_found_upwards_like_git(tmp_path: Path) -> None:
    (tmp_path / ".engine").mkdir()
    (tmp_path / "deep" / "er").mkdir(parents=True)
    assert load({}, {}, tmp_path / "deep" / "er").folder == tmp_path / ".engine"


@pytest.mark.parametrize("target", ["../conf/engine.toml", "engine.toml"])
def test_a_configuration_that_leads_nowhere_is_not_none(tmp_path: Path, target: str) -> None:
    """A submodule that was not checked out: by the defaults a HOLD of `strict` is a PROMOTE."""
    (tmp_path / "engine.toml").symlink_to(target)
    with pytest.raises(GovernanceError, match=r"engine\.toml") as refused:
        load({}, {}, tmp_path)
    assert refused.value.exit_code == exit_codes.INVALID


def test_the_folder_is_not_taken_from_above_another_configuration(tmp_path: Path) -> None:
    """INV-DOOR-6: a workspace begins at its engine.toml, and what is above is another one."""
    (tmp_path / ".engine").mkdir()
    (tmp_path / "engine.toml").write_text("")
    service = tmp_path / "service"
    (service / "deep").mkdir(parents=True)
    assert load({}, {}, service / "deep").folder == tmp_path / ".engine"
    (service / "engine.toml").write_text("")

    for here in (service, service / "deep"):
        assert load({}, {}, here).folder == service / ".engine"
    (service / "deep" / ".engine").mkdir()
    assert load({}, {}, service / "deep").folder == service / "deep" / ".engine"


@pytest.fixture
def others(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Gives a file to another user; where this user may not, this user becomes another."""

    def give(path: Path) -> None:
        if os.geteuid() == 0:
            os.chown(path, 12_345, -1)
        else:
            monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)

    return give


@pytest.mark.parametrize("planted", ["engine.toml", ".engine", "rules"])
def test_what_another_user_planted_above_is_refused(
    tmp_path: Path, others: Callable[[Path], None], planted: str
) -> None:
    """INV-DOOR-6: an engine.toml from above would choose limits and ledger."""
    (tmp_path / "engine.toml").write_text('policies = "rules"\n')
    for folder in ("rules", ".engine", "sub"):
        (tmp_path / folder).mkdir()
    load({}, {}, tmp_path / "sub")
    others(tmp_path / planted)

    with pytest.raises(ConfigError, match=f"{planted} belongs to another user") as refused:
        load({}, {}, tmp_path / "sub")

    assert f"ENGINE_SAFE_FOLDERS={tmp_path}" in str(refused.value)
    for safe in (str(tmp_path), f"/nowhere:{tmp_path.parent}"):
        assert load({}, {"ENGINE_SAFE_FOLDERS": safe}, tmp_path / "sub").file is not None
    with pytest.raises(ConfigError, match="belongs to another user"):
        load({}, {"ENGINE_SAFE_FOLDERS": f"{tmp_path}/sub"}, tmp_path / "sub")


@pytest.mark.parametrize(
    ("harm", "refused"),
    [
        (lambda own: (own / "ledger.db").symlink_to("elsewhere"), "ledger.db: is a link"),
        (lambda own: (own / "keys/engine.pem").symlink_to("/x"), "engine.pem: is a link"),
        (lambda own: (own / "heads").symlink_to("keys"), "heads: is a link"),
        (lambda own: own.chmod(0o777), "others can write to this folder"),
        (lambda own: (own / "keys").chmod(0o757), "keys: others can write to this folder"),
    ],
)
def test_the_folder_of_key_heads_and_ledger_is_nobody_elses(
    tmp_path: Path, harm: Callable[[Path], None], refused: str
) -> None:
    """INV-DOOR-6."""
    own = tmp_path / ".engine"
    (own / "keys").mkdir(parents=True)
    (own / "ledger.db-wal").write_text("")
    config = load({}, {}, tmp_path)
    require_own_folder(config, {})
    harm(own)
    with pytest.raises(ConfigError, match=refused) as answer:
        require_own_folder(config, {})
    assert answer.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('\ngaet = "x"\n', r"engine.toml:2: key 'gaet' is not known\ndid you mean 'gate'\?"),
        ("gate = 1\n", r"engine.toml:1: key 'gate' is int where str"),
        ("lock_timeout_s = true\n", "is bool where int"),
        ("lock_timeout_s = -1\n", "is negative"),
        ("gate = \n", "engine.toml:1:8: Invalid value"),
        ("[gate]\n", r"engine.toml:1: key 'gate' is dict where str"),
    ],
)
def test_a_wrong_setting_is_an_error_with_its_line(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "engine.toml").write_text(text)
    with pytest.raises(ConfigError, match=reason) as refused:
        load({}, {}, tmp_path)
    assert refused.value.exit_code == 2


def test_a_wrong_number_in_the_environment_names_the_variable(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\$ENGINE_MAX_BYTES: '1MB' is not a whole number"):
        load({}, {"ENGINE_MAX_BYTES": "1MB"}, tmp_path)


def test_a_variable_that_is_nearly_one_of_the_engine_is_refused_and_a_strangers_is_not() -> None:
    for name, meant in (
        ("PROFIL", "PROFILE"),
        ("POLICY", "POLICIES"),
        ("SAFE_FOLDER", "SAFE_FOLDERS"),
    ):
        with pytest.raises(ConfigError) as refused:
            require_values({f"ENGINE_{name}": "x"})
        assert refused.value.message == f"$ENGINE_{name} is no variable of the engine"
        assert refused.value.hint == f"did you mean ENGINE_{meant}?"
    require_values(
        {"ENGINE_VERSION": "1", "ENGINE_ROOT": "", "ENGINE_API_KEY": "x", "ENGINEER": ""}
    )
    require_values(dict.fromkeys(VARIABLES, "x"))


def test_every_variable_that_the_engine_reads_is_known_and_every_known_one_is_documented() -> None:
    sources = [path.read_text() for path in (ROOT / "engine").rglob("*.py")]
    read = {name for text in sources for name in re.findall(r"\"(ENGINE_[A-Z_]+)\"", text)}
    named = {f"ENGINE_BUDGET_DAILY_{unit}" for unit in ("USD", "TOKENS", "REQUESTS")}  # composed
    assert read | named == VARIABLES.keys()

    rows = re.findall(r"^\| (`.*) \|$", (ROOT / "docs/settings.md").read_text(), re.M)
    cells = [[cell.strip("` ") for cell in row.split(" | ")] for row in rows]
    assert [row for row in cells if len(row) == 4] == [
        [s.name, s.variable, "" if s.default is None else str(s.default), s.meaning]
        for s in SETTINGS
    ]
    others = {row[0]: row[1] for row in cells if len(row) == 2}
    assert others == {name: VARIABLES[name] for name in VARIABLES if name in others}
    assert others.keys() | {setting.variable for setting in SETTINGS} == VARIABLES.keys()


def test_a_setting_is_in_the_same_words_wherever_it_is_explained() -> None:
    """In docs/settings.md (above), in the schema for editors, in the flags' help."""
    schema = json.loads((ROOT / "schemas/engine-toml.schema.json").read_text())["properties"]
    assert {s.name: schema[s.name]["description"] for s in SETTINGS if not s.is_callers} == {
        s.name: s.meaning for s in SETTINGS if not s.is_callers
    }

    flags = {action.dest: action.help for action in parser_of("decide", verb)._actions}
    shared = [s for s in SETTINGS if s.name in flags]
    assert len(shared) == 11
    assert [s.name for s in shared if s.meaning not in str(flags[s.name])] == []
