"""INV-DOOR-7: a private key where a name is expected is refused, and no part of it is shown."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest

from engine import Gate
from engine.errors import ConfigError
from engine.settings.config import SETTINGS
from engine.system.files import path_of
from engine.system.key_material import holds_private_key
from tests.cli.conftest import Engine

FRAME = bytes.fromhex("302e020100300506032b657004220420")
DER = FRAME + os.urandom(32)
PEM = b"-----BEGIN PRIVATE KEY-----\n%b\n-----END PRIVATE KEY-----\n" % base64.b64encode(DER)


def _in_base64(data: bytes) -> dict[str, str]:
    text = base64.b64encode(data).decode()
    return {
        "base64": text,
        "no padding": text.rstrip("="),
        "URL-safe": base64.urlsafe_b64encode(data).decode(),
        "wrapped": base64.encodebytes(data).decode(),
        "blanks": " ".join(text[at : at + 8] for at in range(0, len(text), 8)),
        "behind a path": f"keys/x{text}",
        "twice": base64.b64encode(text.encode()).decode(),
    }


FORMS = {
    "PEM": PEM.decode(),
    "PEM on one line": PEM.decode().replace("\n", "\\n"),
    "PEM with blanks": f"  {PEM.decode()}",
    "PEM in hexadecimal": PEM.hex(),
    "DER in hexadecimal": DER.hex().upper(),
    "DER with colons": DER.hex(":"),
    **{f"PEM, {name}": text for name, text in _in_base64(PEM).items()},
    **{f"DER, {name}": text for name, text in _in_base64(DER).items()},
}

FEW = [FORMS[name] for name in ("PEM", "PEM, base64", "DER, wrapped", "DER in hexadecimal")]
"""At every door, because all of them ask the one function that is asked about each form."""
FILES = {
    "engine.toml, key_file": ("engine.toml", "key_file = {0}\n", "config show"),
    "engine.toml, of another": ("engine.toml", '\ngate = "slo"\nledger = {0}\n', "ledger log"),
    "engine.toml, a key": ("engine.toml", "{0} = 1\n", "keys list"),
    "engine.toml, twice": ("engine.toml", "{0} = 1\n{0} = 1\n", "doctor"),
    "verify.toml": ("v.toml", "[[key]]\nfile = {0}\n", "verify p.json --expect v.toml"),
    "watch.toml": ("w.toml", "profile = {0}\n", "watch w.toml --once"),
    "limits": (
        "own/limits/own/data.yaml",
        "extends: default\nchecks:\n  slo.dec_p95_ms: {{severity: 'off', reason: {0}}}\n",
        "policy show --policies own",
    ),
    "trust": (
        "own/trust/data.yaml",
        "keys:\n  - {{public_key: {0}, roles: [decision]}}\n",
        "decide m.json --policies own",
    ),
}
CALLS = (
    "keys init --key-file {}", "decide m.json --key-file={}", "decide {}",
    "decide m.json --gate {}", "verify p.json --key {}", "init --policies {}", "doctor --bogus {}",
    "scan {}", "{}", "keys {}",
    "decide m.json --export {}", "decide -q {}",
)  # fmt: skip
VARIABLES = (*(setting.variable for setting in SETTINGS), "ENGINE_OPA_CA_FILE", "ENGINE_OPA")
PIECES = (PEM.splitlines()[1][-43:-1], base64.b64encode(PEM)[60:90], DER.hex()[-40:].encode())


def _refused(engine: Engine, *argv: str, **environ: str) -> str:
    answer = engine(*argv, **environ)
    said = answer.out + answer.err
    assert answer.code == 2, said
    assert "holds a private key" in said, said
    _require_unseen(said, environ.values(), argv)
    assert not [path for path in Path().rglob("*") if path.suffix in (".pem", ".db")]
    return said


def _require_unseen(said: str, *given: object) -> None:
    assert not holds_private_key(said)
    for text in FORMS.values():
        assert text[-24:] not in said, given
    for piece in PIECES:
        assert piece.decode() not in said, given


@pytest.mark.parametrize("name", VARIABLES)
def test_in_a_variable(engine: Engine, name: str) -> None:
    for text in FEW:
        assert f"${name}: " in _refused(engine, "config", "show", **{name: text})


@pytest.mark.parametrize("call", CALLS)
def test_in_a_call(engine: Engine, call: str) -> None:
    for text in FEW:
        argv = [word.format(text) for word in call.split()]
        flags = [word.partition("=")[0] for word in call.split() if word.startswith("--")]
        flag = flags[0] if flags else "argument"
        assert flag in _refused(engine, *argv)


@pytest.mark.parametrize("door", FILES)
def test_in_a_file(engine: Engine, door: str) -> None:
    file, content, call = FILES[door]
    Path("m.json").write_text(engine("example", "promote").out)
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    for text in FEW:
        Path(file).write_text(content.format(json.dumps(text)))
        assert file.rpartition("/")[2] in _refused(engine, *call.split())


def test_behind_escapes_of_toml(engine: Engine) -> None:
    escaped = "".join(f"\\u{ord(sign):04x}" for sign in FORMS["DER, base64"])
    Path("engine.toml").write_text(f'key_file = "{escaped}"\n')
    assert "engine.toml" in _refused(engine, "config", "show")


def test_in_the_name_of_a_path() -> None:
    for text in FORMS.values():
        with pytest.raises(ConfigError, match="ledger: holds a private key") as caught:
            path_of(text, "ledger")
        _require_unseen(str(caught.value), text)


def test_what_is_no_private_key_is_none() -> None:
    public = bytes.fromhex("302a300506032b6570032100") + os.urandom(32)
    body = base64.b64encode(public).decode()
    others = (
        f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n",
        body,
        public.hex(),
        os.urandom(32).hex(),
        base64.b64encode(os.urandom(96)).decode(),
        "/srv/releases/keys/engine-2026/production/engine.pem",
        "release gate: no private key, but words about one, such as BEGIN PRIVATE KEY",
    )
    assert [text for text in others if holds_private_key(text)] == []


def test_in_a_name_that_a_program_gives() -> None:
    for name in ("gate", "profile", "stage", "policies", "cache"):
        given: dict[str, Any] = {name: FORMS["PEM, base64"]}
        with pytest.raises(ConfigError, match=f"{name}: holds a private key") as caught:
            Gate(**given)
        _require_unseen(str(caught.value), name)
