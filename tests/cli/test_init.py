from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Engine


def test_the_first_run_is_about_the_evidence_there_is(engine: Engine) -> None:
    Path("metrics.json").write_text(
        json.dumps(
            {
                "subject": {"name": "shop", "digest": {"sha256": "ab" * 32}},
                "observed_at": engine("example", "promote").json["observed_at"],
                "metrics": {"slo.dec_p95_ms": 120, "data.schema_drift": 0},
            }
        )
    )
    assert engine("init", "metrics.json").code == 0

    answer = engine("decide", "metrics.json", "--format", "json")

    assert (answer.code, answer.json["verdict"]) == (0, "PROMOTE")
    asked = {check["id"] for check in answer.json["checks"] if check["status"] != "off"}
    assert asked == {"slo.dec_p95_ms", "data.schema_drift"}
    assert {
        check["off_because"] for check in answer.json["checks"] if check["status"] == "off"
    } == {"not measured yet"}


def test_init_works_in_ci_because_it_was_asked_for(engine: Engine) -> None:
    assert engine("init", CI="true").code == 0
    document = engine("example", "promote").out.encode()
    assert engine("decide", "-", stdin=document, CI="true").code == 0


def test_init_overwrites_nothing(engine: Engine) -> None:
    assert engine("init").code == 0
    before = Path(".engine/keys/engine.pem").read_bytes()
    again = engine("init")
    assert again.code == 2
    assert "there is one already" in again.err
    assert engine("keys", "init").code == 2
    assert Path(".engine/keys/engine.pem").read_bytes() == before


def test_the_folder_ignores_itself(engine: Engine) -> None:
    engine("init")
    assert Path(".engine/.gitignore").read_text() == "*\n"
    assert Path(".engine").stat().st_mode & 0o077 == 0


def test_a_setting_says_where_it_came_from(engine: Engine) -> None:
    Path("engine.toml").write_text('gate = "slo"\n')
    shown = engine("config", "show", "--format", "json", ENGINE_PROFILE="strict").json
    assert shown["gate"]["origin"].endswith("engine.toml")
    assert shown["profile"] == {"value": "strict", "origin": "$ENGINE_PROFILE"}
    assert shown["stage"] == {"value": "candidate", "origin": "default"}
