"""Broken files of every kind that a verb reads, and the code that each verb has for one."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519

from engine.model import Json
from tests.edges.calls import argv_of
from tests.edges.case import FAILED, HELD, INVALID, NOT_GENUINE, PROMOTED, Case
from tests.edges.world import LIMITS, PUBLIC_KEY

Change = Callable[[bytes], bytes]

_ANY = {
    "empty": lambda _: b"",
    "blank": lambda _: b" \n\t \n",
    "binary": lambda _: bytes(range(256)) * 8,
    "NUL at its end": lambda data: data + b"\0",
    "in UTF-16": lambda data: b"\xff\xfe" + data.decode().encode("utf-16-le"),
    "no UTF-8": lambda data: data + b"\n\xff\xfe\xfd",
    "gzip": lambda data: gzip.compress(data, mtime=0),
}  # fmt: skip
"""What no reader of text takes."""
_NO_JSON: Mapping[str, Change] = {
    **_ANY,
    **{
        f"cut at {n} of 9": partial(lambda data, n: data[: len(data) * n // 9], n=n)
        for n in range(1, 9)
    },
    "with a byte order mark": lambda data: b"\xef\xbb\xbf" + data,
    "something after it": lambda data: data + b" {}",
    "a comma after it": lambda data: data + b",",
    "a comment": lambda data: b"// no\n" + data,
    "YAML": lambda _: b"a: 1\nb: [x]\n",
    "a key twice": lambda _: b'{"a": 1, "a": 2}',
    "NaN": lambda _: b'{"a": NaN}',
    "200,000 deep": lambda _: b"[" * 200_000 + b"]" * 200_000,
    "a number": lambda _: b"1",
    "null": lambda _: b"null",
    "a string": lambda _: b'"text"',
    "a list": lambda _: b"[1]",
}
_NOT_EMPTY = {name: change for name, change in _ANY.items() if name not in ("empty", "blank")}
"""The same for a reader to whom an empty file says nothing."""
_NO_TOML: Mapping[str, Change] = {
    **_NOT_EMPTY,
    "a key without a value": lambda data: data + b"\nkey =\n",
    "a value without a key": lambda data: data + b"\n= 1\n",
    "an open table": lambda data: data + b"\n[table\n",
    "an open string": lambda data: data + b'\nkey = "x\n',
    "bare words": lambda data: data + b"\nkey = word\n",
    "JSON": lambda _: b'{"a": 1}',
    "YAML": lambda _: b"gate: promotion\n",
    "an unknown key": lambda data: b"no_such_key = 1\n" + data,
    "an unknown table": lambda data: data + b"\n[no_such_table]\na = 1\n",
    "a number out of range": lambda data: b"a = 1" + b"0" * 5_000 + b"\n" + data,
    "an impossible day": lambda data: b"a = 2026-02-30\n" + data,
    "deep": lambda data: b"a = " + b"[" * 5_000 + b"]" * 5_000 + b"\n" + data,
    "past every limit": lambda data: data + b"# x\n" * 1_000_000,
    "a key twice": lambda data: b"x = 1\nx = 2\n" + data,
}
_NO_YAML: Mapping[str, Change] = {
    **_NOT_EMPTY,
    "an anchor and its alias": lambda data: b"a: &a [1]\nb: *a\n" + data,
    "a merge key": lambda data: b"a: &a {x: 1}\nb: {<<: *a}\n" + data,
    "a tag": lambda data: b"a: !!python/object/apply:os.system ['id']\n" + data,
    "a second document": lambda data: data + b"\n---\nb: 2\n",
    "a tab": lambda data: data + b"\na:\n\tb: 1\n",
    "an open flow": lambda data: data + b"\na: {b: c\n",
    "an open quote": lambda data: data + b'\na: "b\n',
    "a list": lambda _: b"- a\n- b\n",
    "a scalar": lambda _: b"text\n",
    "an unknown key": lambda data: data + b"\nno_such_key: 1\n",
    "nested flows": lambda data: b"a: " + b"[" * 5_000 + b"]" * 5_000 + b"\n" + data,
    "a key twice": lambda data: b"a: 1\na: 2\n" + data,
    "NaN": lambda data: b"a: .nan\n" + data,
}
_WITH = "--policies", "own"
_PROOFS = {
    "verify": argv_of("verify"),
    "ledger import": argv_of("ledger import"),
    "replay --bundle": (
        "replay",
        "--bundle",
        "proof.json",
        "--policy-digest",
        "0" * 64,
        "--key",
        PUBLIC_KEY,
    ),
    "decide --attestation": argv_of("decide", "--attestation", "attestation.json"),
}
_JSON_FILES = {
    "convert": (argv_of("convert"), "decision.json", INVALID),
    "budget settle --usage": (
        ("budget", "settle", "{lease}", "--usage", "usage.json"),
        "usage.json",
        INVALID,
    ),
    "budget import-prices": (argv_of("budget import-prices"), "prices.json", INVALID),
    "compat OLD": (("compat", "schema.json", "other.json"), "schema.json", INVALID),
    "compat NEW": (("compat", "other.json", "schema.json"), "schema.json", INVALID),
    "verify": (_PROOFS["verify"], "proof.json", NOT_GENUINE),
    "ledger import": (_PROOFS["ledger import"], "run.json", NOT_GENUINE),
    "replay --bundle": (_PROOFS["replay --bundle"], "proof.json", NOT_GENUINE),
    "decide --attestation": (_PROOFS["decide --attestation"], "attestation.json", NOT_GENUINE),
}
_TOML_FILES = {
    **{
        f"{verb} engine.toml": (argv_of(verb), "engine.toml", INVALID)
        for verb in ("decide", "attest", "config", "ledger log", "budget status", "policy", "doctor",
                     "replay", "export", "watch", "ledger verify", "conform", "explain", "selftest")
    },
    "gather CONFIG": (argv_of("gather"), "gather.toml", INVALID),
    "watch CONFIG": (argv_of("watch"), "watch.toml", INVALID),
    "verify --expect": (("verify", "proof.json", "--expect", "verify.toml"), "verify.toml", INVALID),
}  # fmt: skip
_YAML_FILES = [
    (f"{verb} {table}", argv_of(verb, *_WITH), f"own/{table}/data.yaml")
    for table in ("limits/own", "waivers", "prices", "budgets", "trust", "catalogue")
    for verb in ("decide", "policy")
] + [
    (f"{verb} limits/own", argv_of(verb, *_WITH), "own/limits/own/data.yaml")
    for verb in ("attest", "explain", "selftest", "doctor", "gather", "watch", "budget status")
]  # fmt: skip


def changed(name: str, change: Change) -> Callable[[], None]:
    """Change the bytes of the file ``name``."""

    def act() -> None:
        path = Path(name)
        path.write_bytes(change(path.read_bytes()))

    return act


def cases() -> Iterator[Case]:
    """Every file with every breakage."""
    for what, (argv, name, code) in _JSON_FILES.items():
        for how, change in _NO_JSON.items():
            files = {"other.json": "{}"}
            yield Case(f"{what} {name}: {how}", argv, code, files, changed(name, change))
    for what, (argv, name, code) in _TOML_FILES.items():
        for how, change in _NO_TOML.items():
            yield Case(f"{what}, TOML: {how}", argv, code, before=changed(name, change))
    for what, argv, name in _YAML_FILES:
        first = LIMITS if name.startswith("own/limits") else f"{name.split('/')[1]}: []\n"
        for how, change in _NO_YAML.items():
            yield Case(
                f"{what} data.yaml: {how}", argv, INVALID, {name: first}, changed(name, change)
            )
    yield from _proofs()
    yield from _ledgers()
    yield from _keys()
    yield from _notes()
    yield from _logs()
    yield from _lists()


def _proofs() -> Iterator[Case]:
    """A proof whose members are gone, of another type, or somebody else's is not genuine."""

    def document(change: Callable[[Json], object]) -> Change:
        def edit(data: bytes) -> bytes:
            value = json.loads(data)
            change(value)
            return json.dumps(value).encode()

        return edit

    changes: dict[str, Change] = {}
    members = (
        "mediaType",
        "entry",
        "index",
        "size",
        "path",
        "checkpoint",
        "previous_hash",
        "current_hash",
        "attachments",
    )
    for member in members:
        changes[f"no {member}"] = document(lambda value, member=member: value.pop(member))  # type: ignore[misc]
        for kind, other in {
            "null": None,
            "number": -1.5,
            "text": "x",
            "list": [1],
            "object": {"a": 1},
        }.items():
            changes[f"{member} is {kind}"] = document(partial(dict.update, **{member: other}))
    for member in ("index", "size"):
        for number in (-1, 2**63, 10**30, True):
            changes[f"{member} is {number}"] = document(partial(dict.update, **{member: number}))
    changes["a member more"] = document(partial(dict.update, more=1))
    changes["an entry with a blank"] = document(
        lambda value: value.update(entry=value["entry"] + "\n")
    )
    changes["an entry cut"] = document(lambda value: value.update(entry=value["entry"][:-8]))
    changes["an entry whose last letter differs"] = document(
        lambda value: value.update(entry=value["entry"][:-5] + "AAAA=")
    )
    changes["an attachment of other bytes"] = document(
        lambda value: value["attachments"][0].update(base64="aGk=")
    )
    changes["an attachment twice"] = document(
        lambda value: value["attachments"].append(value["attachments"][0])
    )
    changes["a checkpoint without its signature"] = document(
        lambda value: value.update(checkpoint=value["checkpoint"].split("\n\n")[0] + "\n")
    )
    changes["a checkpoint of another size"] = document(
        lambda value: value.update(
            checkpoint=value["checkpoint"].replace(f"\n{value['size']}\n", "\n9\n")
        )
    )
    for what, argv in _PROOFS.items():
        name = next(word for word in argv if word in ("proof.json", "run.json", "attestation.json"))
        for how, change in changes.items():
            yield Case(f"{what} {name}: {how}", argv, NOT_GENUINE, before=changed(name, change))


def _ledgers() -> Iterator[Case]:
    """A file in the ledger's place that is none, or not the one that was signed."""
    file = ".engine/ledger.db"

    def other_database(drop: bool) -> Callable[[], None]:
        def act() -> None:
            for name in (file, f"{file}-wal", f"{file}-shm"):
                Path(name).unlink(missing_ok=True)
            with closing(sqlite3.connect(file)) as database:
                database.execute("create table other (a)")
                database.commit()
            if drop:
                shutil.rmtree(".engine/heads")

        return act

    gone = {
        "gone": lambda: Path(file).unlink(),
        "empty": changed(file, lambda _: b""),
        "another database": other_database(drop=False),
        "no database": changed(file, lambda data: b"not a database" + data[14:]),
        "text": changed(file, lambda _: b"text\n" * 4_000),
    }
    for verb in ("decide", "attest", "ledger log", "ledger verify", "ledger show", "ledger checkpoint", "replay",
                 "export", "conform", "ledger runs", "budget status", "budget reserve", "ledger import"):  # fmt: skip
        for how, before in gone.items():
            yield Case(f"{verb} the ledger: {how}", argv_of(verb), NOT_GENUINE, before=before)
        yield Case(
            f"{verb} the ledger: of another place", argv_of(verb, "--ledger", "m.json"), INVALID
        )


def _keys() -> Iterator[Case]:
    """Keys that cannot sign, and keys that cannot verify."""
    secret = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))
    form = serialization.PrivateFormat.PKCS8
    pem = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    good = secret.private_bytes(pem, form, plain)
    others: dict[str, Any] = {
        "RSA": rsa.generate_private_key(65537, 2048),
        "P-256": ec.generate_private_key(ec.SECP256R1()),
        "X25519": x25519.X25519PrivateKey.generate(),
    }
    bad: dict[str, bytes] = {
        **{name: key.private_bytes(pem, form, plain) for name, key in others.items()},
        "encrypted": secret.private_bytes(pem, form, serialization.BestAvailableEncryption(b"x")),
        "DER": secret.private_bytes(serialization.Encoding.DER, form, plain),
        "OpenSSH": secret.private_bytes(pem, serialization.PrivateFormat.OpenSSH, plain),
        "public": secret.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo),
        "two of them": good + good,
        "no base64": b"-----BEGIN PRIVATE KEY-----\n!!!\n-----END PRIVATE KEY-----\n",
        "empty": b"", "text": b"secret\n", "binary": bytes(range(256)), "of 2 MiB": good + b"\n" * 2**21,
        **{f"cut at {n} of 9": good[: len(good) * n // 9] for n in range(1, 9)},
    }  # fmt: skip

    def kept(content: bytes, mode: int = 0o600) -> Callable[[], None]:
        def act() -> None:
            Path("k.pem").write_bytes(content)
            Path("k.pem").chmod(mode)

        return act

    for verb in ("decide", "attest", "budget reserve", "ledger import", "keys", "watch"):
        for how, content in bad.items():
            argv = argv_of(verb, "--key-file", "k.pem")
            yield Case(f"{verb} --key-file: {how}", argv, INVALID, before=kept(content))
        for mode in (0o644, 0o640, 0o604, 0o666):
            yield Case(
                f"{verb} --key-file: mode {mode:o}", argv_of(verb, "--key-file", "k.pem"), INVALID,
                before=kept(good, mode),
            )  # fmt: skip
    for how, content in bad.items():
        text = content.decode("latin-1")
        if text.strip() and "\0" not in text and len(text) < 100_000:
            yield Case(
                f"decide ENGINE_KEY: {how}", argv_of("decide", "--ledger", "l.db"), INVALID,
                environ={"ENGINE_KEY": text},
            )  # fmt: skip
    public = {
        name: key for name, key in bad.items() if name not in ("public", "two of them", "of 2 MiB")
    }
    for verb in (
        "verify",
        "ledger import",
        "ledger verify",
        "ledger runs",
        "budget verify",
        "conform",
    ):
        base = ("verify", "proof.json") if verb == "verify" else argv_of(verb)
        for how, content in public.items():
            yield Case(
                f"{verb} --key: {how}", (*base, "--key", "k.pem"), INVALID, before=kept(content)
            )


def _notes() -> Iterator[Case]:
    """Checkpoints that nobody signed so."""
    changes: dict[str, Change] = {
        "empty": lambda _: b"",
        "text": lambda _: b"text\n",
        "binary": lambda _: bytes(range(256)),
        "without its signature": lambda data: data.split(b"\n\n")[0] + b"\n",
        "of another size": lambda data: data.replace(b"\n4\n", b"\n3\n"),
        "of another root": lambda data: data.replace(b"\n4\n", b"\n4\nA"),
        "of another ledger": lambda data: data.replace(
            b"governance-engine/", b"governance-engine/0"
        ),
        "twice": lambda data: data + data,
        **{
            f"cut at {n} of 9": partial(lambda data, n: data[: len(data) * n // 9], n=n)
            for n in range(1, 9)
        },
    }
    for how, change in changes.items():
        argv = ("ledger", "verify", "--since", "checkpoint.txt")
        code = INVALID if how == "binary" else NOT_GENUINE
        yield Case(
            f"ledger verify --since: {how}",
            argv,
            code,
            before=changed("checkpoint.txt", change),
        )


def _logs() -> Iterator[Case]:
    """A log may hold any bytes; what cannot be read to its end is said, and is no pass."""
    whole = b"GET /shop 200\n" * 2_000
    packed = {
        "gz": gzip.compress(whole, mtime=0),
        "bz2": bz2.compress(whole),
        "xz": lzma.compress(whole),
    }
    bomb = gzip.compress(b"\0" * 2**24, mtime=0)
    for kind, data in packed.items():
        logs = {
            "whole": (data, PROMOTED), "cut": (data[:-9], HELD), "cut at its head": (data[:8], HELD),
            "followed by junk": (data + b"junk" * 9, HELD),
            "with other bytes in it": (data[: len(data) // 2] + b"\xff" * 9 + data[len(data) // 2 + 9 :], HELD),
        }  # fmt: skip
        for how, (content, code) in logs.items():
            yield Case(
                f"scan {kind}: {how}", ("scan", f"a.log.{kind}"), code, {f"a.log.{kind}": content}
            )
    bounded = ("scan", "a.log.gz", "--max-bytes", "1000")
    yield Case("scan gz: past its limit", bounded, HELD, {"a.log.gz": bomb})
    odd = {
        "binary": bytes(range(256)) * 99, "no UTF-8": b"\xff\n" * 999, "one line": b"x" * 3_000_000,
        "NUL": b"\0" * 9_999, "UTF-16": whole.decode().encode("utf-16"), "CR": whole.replace(b"\n", b"\r"),
    }  # fmt: skip
    for how, content in odd.items():
        yield Case(f"scan a log: {how}", ("scan", "a.log"), PROMOTED, {"a.log": content})
        yield Case(
            f"redact a log: {how}",
            ("redact", "a.log", "-o", "b.log"),
            INVALID if how == "UTF-16" else PROMOTED,  # which redact does not write again
            {"a.log": content},
        )
    card = b"card " + b"4111" + b"111111111111" + b"\n"
    yield Case("scan a log: a card", ("scan", "a.log"), FAILED, {"a.log": card})


def _lists() -> Iterator[Case]:
    """Invoices, lists of runs, tables of predictions."""
    invoices = {
        "empty": "", "no rows": "day,model,amount\n", "no names": "2026-01-01,large,1.00\n",
        "a name missing": "day,model\n2026-01-01,large\n", "a name twice": "day,day,model,amount\n1,1,m,1\n",
        "no day": "day,model,amount\nyesterday,large,1\n", "no amount": "day,model,amount\n2026-01-01,large,much\n",
        "NaN": "day,model,amount\n2026-01-01,large,NaN\n", "infinite": "day,model,amount\n2026-01-01,large,inf\n",
        "negative tokens": "day,model,amount,tokens\n2026-01-01,large,1,-1\n",
        "a huge amount": "day,model,amount\n2026-01-01,large," + "9" * 400 + "\n",
        "ragged": "day,model,amount\n2026-01-01\n", "binary": "\0\1\2\3", "an open quote": 'day,model,amount\n"2026',
        "a field of 200,000": "day,model,amount\n2026-01-01," + "x" * 200_000 + ",1\n",
    }  # fmt: skip
    for how, text in invoices.items():
        yield Case(
            f"budget reconcile: {how}", argv_of("budget reconcile"), INVALID, {"invoice.csv": text}
        )
    runs = {
        "empty": "", "no numbers": "x y z\n", "cut JSON": '[{"databaseId": 1', "an object": "{}",
        "other members": '[{"id": 1}]', "a wrong type": '[{"databaseId": [], "attempt": 1}]', "binary": "\0\1",
        "too many": "".join(f"{n} 1\n" for n in range(100_001)),
    }  # fmt: skip
    for how, text in runs.items():
        yield Case(
            f"ledger runs --expected: {how}", argv_of("ledger runs", "--expected", "runs.txt"), INVALID,
            {"runs.txt": text},
        )  # fmt: skip
    tables = {
        "empty": "", "no names": "1,0.5,1,a\n", "a name missing": "y,p,yhat\n1,0.5,1\n", "binary": "\0\1\2\3\n",
        "JSON": '{"a": 1}', "a name twice": "y,y,p,yhat,g\n1,1,0.5,1,a\n",
    }  # fmt: skip
    for how, text in tables.items():
        yield Case(
            f"gather predictions.csv: {how}", argv_of("gather"), INVALID, {"predictions.csv": text}
        )
    for suffix in ("parquet", "feather", "jsonl", "arrow"):
        for how, junk in {
            "text": b"text",
            "its first bytes": b"PAR1" + b"\0" * 99,
            "binary": bytes(range(256)),
        }.items():
            name = f"predictions.{suffix}"
            yield Case(
                f"gather {name}: {how}", argv_of("gather"), INVALID, {name: junk},
                changed("gather.toml", lambda data, name=name: data.replace(b"predictions.csv", name.encode())),  # type: ignore[misc]
            )  # fmt: skip
