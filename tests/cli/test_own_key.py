"""Who reads a ledger trusts the own key; one that is not fit for use is never taken for none."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.budget.test_verb import PRICES
from tests.cli.conftest import Engine

PRIVATE = Path(".engine/keys/engine.pem")
PUBLIC = Path(".engine/keys/engine.pub.pem")


@pytest.fixture
def decided(engine: Engine) -> str:
    """The id of a decision that is recorded here."""
    Path("good.json").write_text(engine("example", "promote").out)
    answer = engine("decide", "good.json", "--format", "json")
    assert answer.code == 0, answer.err
    return str(answer.json["decision_id"])


def readers(decision: str) -> list[tuple[str, ...]]:
    """Every verb that reads a ledger and signs nothing."""
    return [
        ("ledger", "verify"),
        ("ledger", "log"),
        ("ledger", "show", decision),
        ("ledger", "runs"),
        ("ledger", "tables", "tables.db"),
        ("ledger", "checkpoint"),
        ("conform",),
        ("explain", decision),
        ("replay",),
        ("replay", "--policies", "policies"),
        ("export", decision, "--out", "proof.json"),
        ("budget", "verify"),
        ("budget", "status"),
    ]


def test_a_key_that_is_not_fit_for_use_is_not_taken_for_none(engine: Engine, decided: str) -> None:
    """The answer "for want of another" is given where there is no other, and nowhere else."""
    Path("policies/prices").mkdir(parents=True)
    Path("policies/prices/data.yaml").write_text(PRICES)

    def answers(**environ: str) -> set[tuple[str, int, bool]]:
        found = set()
        for argv in readers(decided):
            answer = engine(*argv, **environ)
            assert "for want of another" not in answer.out, (argv, answer.out)
            found.add((" ".join(argv), answer.code, "key" in answer.err))
        return {(name, code, named) for name, code, named in found if (code, named) != (2, True)}

    assert answers(ENGINE_KEY="garbage") == set()
    assert answers(ENGINE_KEY=" ") == set()
    assert answers(ENGINE_KEY_FILE="absent.pem") == set()
    PUBLIC.unlink()
    PRIVATE.chmod(0o644)
    assert answers() == set()
    PRIVATE.unlink()
    PUBLIC.symlink_to("absent")
    assert answers() == set()
    PUBLIC.unlink()
    PRIVATE.mkdir()
    assert answers() == set()
    assert not Path("tables.db").exists()
    assert not Path("proof.json").exists()


def test_without_any_key_the_one_in_entry_0_is_named(engine: Engine, decided: str) -> None:
    shutil.rmtree(".engine/keys")
    answer = engine("ledger", "verify")
    assert (answer.code, "entry 0, for want of another" in answer.out) == (0, True)
    assert engine("explain", decided).code == 0


def test_a_dry_run_with_a_broken_key_does_not_trust_whoever_wrote_the_ledger(
    engine: Engine, decided: str
) -> None:
    """Whose word on the ethics gate is the own key's is not left to the ledger's rows."""
    argv = ("decide", "good.json", "--gate", "promotion", "--profile", "pre-ga", "--dry-run")
    assert engine(*argv, ENGINE_KEY="garbage").code == 2


def test_a_key_that_git_would_take_is_said_with_the_line_that_keeps_it_out(engine: Engine) -> None:
    subprocess.run(["git", "init", "--quiet"], check=True)
    Path("sub").mkdir()

    taken = engine("keys", "init", "--key-file", "sub/approver.pem")
    ignored_by_itself = engine("keys", "init")
    command = next(line for line in taken.err.splitlines() if line.startswith("    "))
    subprocess.run(["sh", "-c", command], check=True)
    again = engine("keys", "init", "--key-file", "sub/../sub/second.pem")
    Path(".gitignore").write_text("*.pem\n")
    silent = engine("keys", "init", "--key-file", "third.pem")

    assert "sub/approver.pem lies in a git repository that would take it" in taken.err
    assert command == "    echo /sub/approver.pem >> .gitignore"
    assert "gitignore" not in ignored_by_itself.err + silent.err
    assert "echo /sub/second.pem" in again.err
    assert {answer.code for answer in (taken, ignored_by_itself, again, silent)} == {0}


def test_outside_of_a_repository_nothing_is_said_of_git_and_without_git_it_is_said(
    engine: Engine,
) -> None:
    assert "gitignore" not in engine("keys", "init", "--key-file", "approver.pem").err
    Path(".git").mkdir()
    Path(".gitignore").write_text("*.pem\n")
    unasked = engine("keys", "init", "--key-file", "second.pem", PATH="/nowhere")
    assert "echo /second.pem >> .gitignore" in unasked.err
