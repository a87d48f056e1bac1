"""What a session is made of: the settings, and the process around them."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.decision.workspace import server_token
from engine.errors import ConfigError
from engine.settings.config import load

SERVER = "https://opa.example.org"
NAMED = f'opa_url = "{SERVER}"\n'


def secret(path: Path, mode: int = 0o600) -> Path:
    path.write_text("of-the-file\n")
    path.chmod(mode)
    return path


def token(here: Path, written: str, flag: str | None = None, **environ: str) -> str | None:
    (here / "engine.toml").write_text(written)
    return server_token(load({"opa_url": flag}, environ, here), environ)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with a configuration's token in it, and one of somebody else's beside it."""
    folder = tmp_path / "here"
    folder.mkdir()
    secret(folder / "token")
    secret(tmp_path / "other")
    return folder


def test_a_token_goes_to_the_address_of_whoever_has_it(here: Path) -> None:
    """INV-DOOR-6."""
    mine = {"ENGINE_OPA_TOKEN": "mine"}
    file = 'opa_token_file = "token"\n'
    other = str(here.parent / "other")
    assert token(here, "", SERVER, **mine) == "mine"
    assert token(here, NAMED + file, SERVER, **mine) == "mine"
    assert token(here, "", None, ENGINE_OPA_URL=SERVER, **mine) == "mine"
    assert token(here, "", SERVER, ENGINE_OPA_TOKEN_FILE=other) == "of-the-file"
    assert token(here, NAMED + file) == "of-the-file"
    assert token(here, NAMED + file, SERVER) is None
    assert token(here, NAMED) is token(here, "", SERVER) is None


@pytest.mark.parametrize(
    ("written", "environ", "said"),
    [
        ("", {"ENGINE_OPA_TOKEN": "mine"}, r"engine.toml:1: names the OPA server, and the token"),
        ("", {"ENGINE_OPA_TOKEN_FILE": "token"}, "and the token is the environment's"),
        ('opa_token_file = "token"', {"ENGINE_OPA_TOKEN": "mine"}, "the token is the environment"),
        ('opa_token_file = "../other"', {}, r"engine.toml:2: .*other is outside of this folder"),
        ('opa_token_file = "link"', {}, "is outside of this folder"),
        ('opa_token_file = "absent"', {}, "engine.toml:2: .*absent: no such file"),
        ('opa_token_file = "open"', {}, r"engine.toml:2: .*others can read it"),
    ],
)
def test_an_address_that_was_found_does_not_get_the_callers_token(
    here: Path, written: str, environ: dict[str, str], said: str
) -> None:
    """INV-DOOR-6."""
    (here / "link").symlink_to(here.parent / "other")
    secret(here / "open", 0o644)
    with pytest.raises(ConfigError, match=said) as refused:
        token(here, NAMED + written, **environ)
    assert "mine" not in str(refused.value)
