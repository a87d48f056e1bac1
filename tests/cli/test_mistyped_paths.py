"""No ledger and no key is made in silence where another one is in use. INV-DOOR-3"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import engine.ledger
from engine.errors import VerificationError
from engine.proof.created import LedgerCreation
from tests.cli.budget.test_verb import ASK
from tests.cli.conftest import Engine
from tests.edges.world import WATCH
from tests.ledger.audit.test_audit import behind_its_back


@pytest.fixture
def begun(engine: Engine) -> Engine:
    """A folder in which something was decided, without any ceremony."""
    Path("good.json").write_text(engine("example", "promote").out)
    assert engine("decide", "good.json").code == 0
    return engine


def files() -> set[Path]:
    return {path for path in Path().rglob("*") if not path.name.endswith(("-wal", "-shm"))}


DECIDE = ("decide", "good.json")
VERBS: dict[str, tuple[str, ...]] = {
    "decide": DECIDE,
    "attest": ("attest", "ethics", "good.json"),
    "reserve": (*ASK, "--usd", "0.01"),
    "import": ("ledger", "import", "good.json"),
    "watch": ("watch", "watch.toml", "--once"),
}


@pytest.mark.parametrize("name", VERBS)
def test_a_ledger_is_not_made_at_a_mistyped_path(begun: Engine, name: str) -> None:
    Path("watch.toml").write_text(WATCH)
    before = files()
    answer = begun(*VERBS[name], "--ledger", "sqlite:///lgder.db")
    assert answer.code == 2, answer.err
    first, *rest = answer.err.strip().split("\n")
    assert first.startswith("engine: --ledger: there is no ledger at ")
    assert first.endswith(f"{Path('.engine/ledger.db').absolute()} is in use here")
    assert "engine ledger init --ledger" in rest[0]
    assert files() == before


def test_whoever_named_it_is_named(begun: Engine) -> None:
    """The environment, a configuration; and what they name is in use as well."""
    answer = begun(*DECIDE, ENGINE_LEDGER="other.db")
    assert (answer.code, "$ENGINE_LEDGER: there is no ledger at" in answer.err) == (2, True)
    Path("engine.toml").write_text('ledger = "third.db"\n')
    answer = begun(*DECIDE)
    assert (answer.code, "engine.toml: there is no ledger at" in answer.err) == (2, True)

    made = begun("ledger", "init")
    assert (made.code, made.out.endswith("third.db\n")) == (0, True), made.err
    assert begun(*DECIDE).code == 0
    assert begun("ledger", "init").code == 2
    answer = begun(*DECIDE, ENGINE_LEDGER="other.db")
    assert (answer.code, "third.db is in use here" in answer.err) == (2, True)
    assert not Path("other.db").exists()


def test_another_key_has_its_own_ledger(begun: Engine) -> None:
    """An attestor in the same folder: nothing was mistyped."""
    assert begun("keys", "init", "--key-file", "board.pem").code == 0
    board = ("--key-file", "board.pem", "--ledger", "board.db")
    assert begun(*DECIDE, *board).code == 0
    mistyped = begun(
        *DECIDE, "--key-file", "board.pem", "--ledger", "baord.db", ENGINE_LEDGER="board.db"
    )
    assert (mistyped.code, "board.db is in use here" in mistyped.err) == (2, True)


def test_the_first_ledger_may_be_named(engine: Engine) -> None:
    Path("good.json").write_text(engine("example", "promote").out)
    assert engine(*DECIDE, "--ledger", "first.db").code == 0
    assert engine(*DECIDE, "--ledger", "run:", "--export", "p.json").code in (0, 5)


def test_a_ledger_that_went_missing_stays_exit_code_4(begun: Engine) -> None:
    """Its signed heads say more than that another one is there."""
    assert begun("ledger", "init", "--ledger", "other.db").code == 0
    for path in Path().glob("other.db*"):
        path.unlink()
    assert begun(*DECIDE, "--ledger", "other.db").code == 4


def test_a_service_below_does_not_begin_another_ledger_unasked(
    begun: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-DOOR-6: its engine.toml begins a workspace, and what is in use above is named."""
    service = Path("service")
    service.mkdir()
    shutil.copy("good.json", service)
    above = Path(".engine/ledger.db").absolute()
    monkeypatch.chdir(service)
    assert begun(*DECIDE).code == 0  # without one, what lies above is taken
    Path("engine.toml").write_text("")
    for key in ({}, {"ENGINE_KEY": (above.parent / "keys/engine.pem").read_text()}):
        answer = begun(*DECIDE, **key)
        assert (answer.code, f"{above} is in use here" in answer.err) == (2, True), answer.err
        assert not Path(".engine").exists()
    assert begun("ledger", "init").code == 0
    assert begun(*DECIDE).code == 0


def test_a_damaged_ledger_further_up_is_named_and_not_in_the_way(
    begun: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-DOOR-6: what is wrong with it is told to whoever names it."""
    above = Path(".engine/ledger.db").absolute()
    sound = Path(shutil.copy(above, "sound.db")).absolute()

    def unreadable(_entry: bytes) -> LedgerCreation:
        """What a disk makes of entry 0 that fails once the ledger is open."""
        raise VerificationError("entry 0 is damaged")

    with behind_its_back(above.parent) as connection:
        connection.execute("UPDATE entry SET body = x'00' WHERE leaf_index = 0")
    key = (above.parent / "keys/engine.pem").read_text()
    service = Path("service")
    service.mkdir()
    shutil.copy("good.json", service)
    monkeypatch.chdir(service)
    Path("engine.toml").write_text("")
    answer = begun(*DECIDE, ENGINE_KEY=key)
    assert (answer.code, f"{above} is in use here" in answer.err) == (2, True), answer.err
    shutil.copy(sound, above)
    with monkeypatch.context() as patch:
        patch.setattr(engine.ledger, "read_created", unreadable)
        answer = begun(*DECIDE, ENGINE_KEY=key)
    assert (answer.code, f"{above} is in use here" in answer.err) == (2, True), answer.err
    assert begun("ledger", "init", ENGINE_KEY=key).code == 0
    assert begun(*DECIDE, ENGINE_KEY=key).code == 0


def test_init_begins_a_workspace_where_it_is_called(
    begun: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = Path("service")
    service.mkdir()
    monkeypatch.chdir(service)
    assert begun("init", "--yes").code == 0
    assert Path(".engine/keys/engine.pem").exists()
    key = Path(".engine/keys/engine.pub.pem").read_bytes()
    assert Path("engine.pub.pem").read_bytes() == key
    assert 'file = "engine.pub.pem"' in Path("verify.toml").read_text()


@pytest.mark.parametrize("harm", [lambda: None, lambda: Path(".engine/ledger.db").unlink()])
def test_a_key_is_not_made_at_a_mistyped_path(begun: Engine, harm: Callable[[], None]) -> None:
    harm()
    before = files()
    answer = begun(*DECIDE, "--key-file", "kye.pem")
    assert answer.code == 2
    assert f"kye.pem: no such key, and {Path('.engine/keys/engine.pem').absolute()}" in answer.err
    assert "leave out --key-file" in answer.err
    assert files() == before
