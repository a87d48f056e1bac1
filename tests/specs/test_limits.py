"""Limits: constants are what policy and code say, whole, or an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import ConfigError
from engine.specs import limits

TABLE = {"hold_ttl_s": 90, "checks": {"slo.lag": {"limit": 0.95, "severity": "warn"}}}


def written(folder: Path, *rows: str) -> str:
    (folder / "limits.toml").write_text("\n".join(f"[[limit]]\n{row}" for row in rows))
    return limits.text(folder, "default", TABLE)


def test_each_limit_is_a_whole_number_with_its_source(tmp_path: Path) -> None:
    text = written(
        tmp_path,
        'name = "Soft"\npolicy = "checks/slo.lag/limit"\nmultiply = 100',
        'name = "Ttl"\npolicy = "hold_ttl_s"\ndivide = 30',
        'name = "Wait"\ncode = "calls.breaker.machine.Settings.timeout_ms"\ndivide = 1000',
        'name = "Longest"\ncode = "specs.conform.cover.LONGEST"',
    )

    assert limits.names(text) == {"Soft": "95", "Ttl": "3", "Wait": "60", "Longest": "100"}
    assert "\\* checks/slo.lag/limit is 0.95\nSoft == 95\n" in text
    assert text.startswith("----")
    assert text.endswith("====\n")


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ('policy = "hold_ttl_s"', "a name and one of policy and code"),
        ('name = "A"', "a name and one of policy and code"),
        ('name = "A"\npolicy = "hold_ttl"', r"A: the profile has no hold_ttl\ndid you mean"),
        ('name = "A"\npolicy = "hold_ttl_s/limit"', "the profile has no hold_ttl_s/limit"),
        ('name = "A"\npolicy = "checks/slo.lag/severity"', "'warn' is no number"),
        ('name = "A"\npolicy = "checks/slo.lag/limit"', "0.95 is 0.95 in the model's unit"),
        ('name = "A"\npolicy = "hold_ttl_s"\ndivide = 60', "90 is 1.5 in the model's unit"),
        ('name = "A"\npolicy = "hold_ttl_s"\ndivid = 60', "'divid' is not known\ndid you mean"),
        ('name = "A"\ncode = "calls.breaker.machine.Settings.time"', "None is no number"),
        ('name = "A"\ncode = "braker.machine.X"', "engine.braker.machine.X does not exist"),
    ],
)
def test_a_wrong_row_is_refused(tmp_path: Path, row: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        written(tmp_path, row)


def test_a_missing_or_empty_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"limits\.toml"):
        limits.text(tmp_path, "default", TABLE)
    with pytest.raises(ConfigError, match=r"limits\.toml"):
        written(tmp_path)
