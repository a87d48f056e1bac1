"""Whatever ends a call that asks for GitHub's format is an annotation there, and once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.conftest import Answer, Engine
from tests.report.test_github import commands

BAD_TOML = 'profil = "strict"\n'


def garbage(name: str) -> None:
    Path(name).write_bytes(b"no key at all")
    Path(name).chmod(0o600)


def unreadable() -> None:
    Path("unreadable.json").mkdir()


ENDS = {
    "no key": (("--key-file", "absent.pem"), {}, None),
    "garbage for a key": (("--key-file", "bad.pem"), {}, lambda: garbage("bad.pem")),
    "garbage in the environment": ((), {"ENGINE_KEY": "garbage"}, None),
    "in CI no key": ((), {"CI": "true"}, None),
    "no artifact": (("--artifact", "absent.bin"), {}, None),
    "no attestation": (("--attestation", "absent.json"), {}, None),
    "unknown gate": (("--gate", "promotoin"), {}, None),
    "unknown profile": (("--profile", "strct"), {}, None),
    "unknown flag": (("--nonsense",), {}, None),
    "empty value": (("--gate", ""), {}, None),
    "no policies": (("--policies", "nowhere"), {}, None),
    "engine.toml": ((), {}, lambda: Path("engine.toml").write_text(BAD_TOML)),
    "variable": ((), {"ENGINE_GATE": ""}, None),
    "no folder for the proof": (("--export", "nowhere/proof.json"), {}, None),
    "run: without a proof": (("--ledger", "run:"), {}, None),
    "no ledger": (("--ledger", "bad.db"), {}, lambda: Path("bad.db").write_text("none")),
}


def decided(engine: Engine, *flags: str, **environ: str) -> Answer:
    Path("m.json").write_text(engine("example", "promote").out)
    return engine("decide", "m.json", "--format", "github", *flags, **environ)


@pytest.mark.parametrize("end", ENDS)
def test_what_ends_the_call_is_an_annotation(engine: Engine, end: str) -> None:
    flags, environ, before = ENDS[end]
    if before is not None:
        before()

    answer = decided(engine, *flags, **environ)

    assert answer.code == 2, answer.err
    ((level, properties, message),) = commands(answer.out.splitlines())
    assert (level, properties["title"]) == ("error", "not decided")
    first = answer.err.splitlines()[-1 if len(answer.err.splitlines()) == 1 else 0]
    assert message.partition("%0A")[0].replace("%25", "%") in answer.err, first


@pytest.mark.parametrize("name", ["absent.json", "unreadable.json"])
def test_a_file_that_cannot_be_read_is_an_annotation_and_no_second_one(
    engine: Engine, name: str
) -> None:
    unreadable()
    answer = engine("decide", name, "--format=github")
    assert answer.code == 2
    assert [level for level, _, _ in commands(answer.out.splitlines())] == ["error"]


def test_convert_annotates_as_well_and_another_format_does_not(engine: Engine) -> None:
    converted = engine("convert", "absent.json", "--format", "github")
    assert (converted.code, converted.out[:8]) == (2, "::error ")
    for form in ("text", "json", "markdown"):
        other = engine("decide", "absent.json", "--gate", "promotoin", "--format", form)
        assert (other.code, "::" in other.out) == (2, False)


def test_what_a_row_of_policies_ends_stands_at_the_row(engine: Engine) -> None:
    Path("own/limits/default").mkdir(parents=True)
    Path("own/limits/default/data.yaml").write_text("checks:\n  ethics.ece: {limt: 1}\n")
    answer = decided(engine, "--policies", "own")
    ((_, properties, _),) = commands(answer.out.splitlines())
    assert (properties["file"], properties["line"]) == ("own/limits/default/data.yaml", "2")


def test_a_folder_that_is_gone_ends_it_with_an_annotation_without_a_place(
    engine: Engine, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    os.chdir(gone)
    gone.rmdir()
    answer = engine("decide", "m.json", "--format", "github")
    ((level, properties, message),) = commands(answer.out.splitlines())
    assert (answer.code, level, list(properties)) == (2, "error", ["title"])
    assert message.startswith("the working folder is gone")
