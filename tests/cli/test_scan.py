from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import pytest

from bench import families
from bench.logs import PLANTED, clean
from engine.evidence.sources import streams
from engine.privacy import FAMILIES, RULES, TABLE
from tests.cli.conftest import Answer, Engine

MAIL = "jane.doe@example.com"
CARD = "4111 1111 1111 1111"
TOKEN = "gh" + "p_" + "Zx9Kq2Lw8Rt5Yb3Nc7Vd1Fg6Hj4Ms0Pa" + "abcd"


def log(name: str, *lines: str) -> Path:
    path = Path(name)
    path.parent.mkdir(exist_ok=True)
    data = "\n".join([*clean(5), *lines, ""]).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def test_findings_are_shown_by_place_and_digest_only(engine: Engine) -> None:
    """INV-PRIVACY-3."""
    log("logs/a.log", f"from {MAIL}", f"card {CARD} of {MAIL}")
    log("logs/b.log.gz", f"token {TOKEN}")
    answer = engine("scan", "logs")
    lines = answer.out.splitlines()
    assert (answer.code, answer.err) == (1, "")
    assert lines[0].startswith("logs/a.log:6: email (personal), offset ")
    assert lines[3].startswith("logs/b.log.gz:6: github_token (secret), offset ")
    assert lines[0].rpartition(" ")[2] == lines[2].rpartition(" ")[2]
    assert lines[4].startswith("4 found (1 card, 2 email, 1 github_token) in ")
    require_silent(answer)


def require_silent(answer: Answer) -> None:
    for value in (MAIL, CARD, TOKEN):
        assert value not in answer.out + answer.err


def test_json_says_the_same(engine: Engine) -> None:
    log("a.log", f"from {MAIL}", f"token {TOKEN}", f"card {CARD}")
    answer = engine("scan", "a.log", "--format", "json", "--list", "2")
    document = answer.json
    assert answer.code == 1
    assert (document["found"], document["personal"], document["secret"]) == (3, 2, 1)
    assert [(finding["type"], finding["line"]) for finding in document["findings"]] == [
        ("email", 6),
        ("github_token", 7),
    ]
    assert document["scanned_bytes"] == Path("a.log").stat().st_size
    assert document["files"] == [
        {"file": "a.log", "bytes": document["scanned_bytes"], "packing": None, "encoding": None,
         "truncated": None}
    ]  # fmt: skip
    require_silent(answer)


def test_clean_logs_are_0_and_their_metrics_let_privacy_pass(engine: Engine) -> None:
    log("a.log")
    answer = engine("scan", "a.log", "--metrics", "m.json", "--subject", "shop@2")
    assert (answer.code, answer.err) == (0, "")
    document = json.loads(Path("m.json").read_text())
    assert document["subject"] == {"name": "shop", "version": "2"}
    assert {name: metric["value"] for name, metric in document["metrics"].items()} == {
        "privacy.pii_findings": 0,
        "privacy.scanned_bytes": Path("a.log").stat().st_size,
        "privacy.truncated": False,
    }
    assert engine("decide", "m.json", "--gate", "privacy", "--dry-run").code == 5
    assert engine("decide", "m.json", "--gate", "privacy").code == 0


def test_a_secret_is_a_critical_finding_and_blocks(engine: Engine) -> None:
    log("a.log", f"token {TOKEN}")
    assert engine("scan", "a.log", "--metrics", "m.json", "--subject", "shop").code == 1
    metrics = json.loads(Path("m.json").read_text())["metrics"]
    assert metrics["privacy.pii_findings"]["value"] == 1
    assert metrics["security.critical_findings"]["value"] == 1
    for gate in ("privacy", "security"):
        assert engine("decide", "m.json", "--gate", gate).code == 1


@pytest.mark.parametrize(
    "data",
    [b"", gzip.compress(b""), gzip.compress(b"x" * 99)[:-12]],
    ids=["empty", "empty gzip", "cut short"],
)
def test_nothing_read_or_not_all_is_no_pass(engine: Engine, data: bytes) -> None:
    """INV-PRIVACY-7."""
    Path("a.log").write_bytes(data)
    assert engine("scan", "a.log", "--metrics", "m.json", "--subject", "shop").code == 5
    assert engine("decide", "m.json", "--gate", "privacy").code == 5


def test_a_bomb_says_that_it_was_cut_short(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """INV-PRIVACY-7."""
    monkeypatch.setattr(streams, "RATIO_FROM", 1_000_000)
    Path("a.gz").write_bytes(gzip.compress(b"0" * 3_000_000))
    answer = engine("scan", "a.gz")
    assert answer.code == 5
    assert "a.gz: not read to its end: over 400 times" in answer.out
    assert engine("scan", "a.gz", "--max-ratio", "2000").code == 0


def test_a_given_key_makes_runs_comparable(engine: Engine) -> None:
    log("a.log", f"from {MAIL}")
    Path("k").write_text("0123456789abcdef0123")
    Path("k").chmod(0o600)
    first, second = (engine("scan", "a.log", "--digest-key", "k").out for _ in range(2))
    assert first == second == engine("scan", "a.log", ENGINE_SCAN_KEY_FILE="k").out
    assert first != engine("scan", "a.log").out
    Path("k").chmod(0o644)
    refused = engine("scan", "a.log", "--digest-key", "k")
    assert (refused.code, "chmod 600 k" in refused.err) == (2, True)


@pytest.mark.parametrize("key", ["0123456789abcdef" * 4, "0123456789abcdef" * 20])
def test_a_key_in_the_place_of_its_path_is_not_shown(engine: Engine, key: str) -> None:
    log("a.log", f"from {MAIL}")
    refused = engine("scan", "a.log", ENGINE_SCAN_KEY_FILE=key)
    assert refused.code == 2
    assert "$ENGINE_SCAN_KEY_FILE: " in refused.err
    assert "0123" not in refused.out + refused.err


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["scan"], "arguments are required: PATH"),
        (["scan", "nope.log"], "nope.log: no such file"),
        (["scan", "*.txt"], "*.txt: no file is there"),
        (["scan", "a.log", "--metrics", "m.json"], "--metrics without --subject"),
        (["scan", "a.log", "--metrics", "no/m.json", "--subject", "x"], "folder does not exist"),
        (["scan", "a.log", "--subject", "@1"], "has no name"),
        (["scan", "a.log", "--subject", "x" * 257], "--subject: name: "),
        (["scan", "a.log", "--subject", "shop@a\u202e"], "--subject: version: "),
        (["scan", ".", "--metrics", "a.log", "--subject", "x"], "is read, and cannot be written"),
        (["scan", "a.log", "--max-bytes", "0"], "is not a number from 1"),
        (["scan", "a.log", "--digest-key", "none"], "none: no such file"),
        (["redact", "a.log"], "arguments are required: -o"),
        (["redact", "nope.log", "-o", "b"], "nope.log: no such file"),
        (["redact", "a.log", "-o", "no/b"], "folder does not exist"),
        (["redact", "a.log", "-o", "a.log"], "is read, and cannot be written"),
        (["redact", ".", "-o", "b"], "is a folder"),
        (["redact", "cut.gz", "-o", "b"], "not read to its end"),
        (["redact", "wide.log", "-o", "b"], "iconv -f utf-16"),
        (["redact", "a.bz2", "-o", "b"], "unpack it"),
    ],
)
def test_mistakes_are_named_and_nothing_is_written(
    engine: Engine, argv: list[str], says: str
) -> None:
    import bz2

    log("a.log", f"from {MAIL}")
    Path("cut.gz").write_bytes(gzip.compress(b"x" * 99)[:-12])
    Path("wide.log").write_bytes(f"from {MAIL}".encode("utf-16"))
    Path("a.bz2").write_bytes(bz2.compress(b"x"))
    before = sorted(Path().iterdir())
    answer = engine(*argv)
    assert answer.code == 2
    assert says in answer.err
    assert sorted(Path().iterdir()) == before


def test_redact_packs_what_is_named_so(engine: Engine) -> None:
    log("a.log", f"token {TOKEN}")
    assert engine("redact", "a.log", "-o", "a.log.gz").code == 0
    assert b"[redacted:github_token]" in gzip.decompress(Path("a.log.gz").read_bytes())


@pytest.mark.parametrize("name", ["a.log", "a.log.gz"])
def test_redact_leaves_nothing_to_find_and_the_rest_as_it_was(engine: Engine, name: str) -> None:
    """INV-PRIVACY-6."""
    lines = [line for _, line in PLANTED]
    path = log(name, *lines)
    answer = engine("redact", name, "-o", f"out-{name}")
    assert answer.code == 0
    assert f"{len(PLANTED)} places replaced" in answer.err
    assert engine("scan", f"out-{name}").code == 0
    raw = Path(f"out-{name}").read_bytes()
    assert (raw[:2] == b"\x1f\x8b") is (path.suffix == ".gz")
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()
    assert text.splitlines()[:5] == list(clean(5))
    assert text.count("[redacted:") == len(PLANTED)


def test_redact_of_a_clean_log_is_that_log(engine: Engine) -> None:
    data = ("\n".join(clean(2000)) + "\r\n\x00\xff").encode("latin-1")
    assert engine("redact", "-", "-o", "b.log", stdin=data).code == 0
    assert Path("b.log").read_bytes() == data


def test_redact_rewrites_again_what_only_shows_after_it(engine: Engine) -> None:
    """INV-PRIVACY-6."""
    data = b"529.982.247-25-529.982.247-25 x4111111111111111 jane@example.com-415-555-2671\n"
    assert engine("redact", "-", "-o", "b.log", stdin=data).code == 0
    assert engine("scan", "b.log").code == 0


def test_gather_reads_the_same(engine: Engine) -> None:
    log("logs/a.log", f"from {MAIL}", f"token {TOKEN}")
    Path("g.toml").write_text(
        'subject = {name = "shop"}\n[[source]]\nkind = "pii"\npath = "logs"\n'
    )
    answer = engine("gather", "g.toml", "-o", "m.json")
    assert answer.code == 0
    assert "logs: 1 email, 1 github_token; `engine scan` says where" in answer.err
    metrics = json.loads(Path("m.json").read_text())["metrics"]
    assert {name: metric["value"] for name, metric in metrics.items()} == {
        "privacy.pii_findings": 2,
        "privacy.scanned_bytes": Path("logs/a.log").stat().st_size,
        "privacy.truncated": False,
        "security.critical_findings": 1,
    }
    require_silent(answer)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ('path = "nothing"', "no such file"),
        ('path = "*.log"', "no file is there"),
        ('path = "-"', "standard input"),
        ('path = "a.log"\nmax_byte = 3', "did you mean 'max_bytes'?"),
        ("max_ratio = 3", "is missing"),
    ],
)
def test_gather_names_what_is_wrong_with_the_source(engine: Engine, lines: str, says: str) -> None:
    log("logs/a.log")
    lines = lines.replace("a.log", "logs/a.log")
    Path("g.toml").write_text(f'subject = {{name = "x"}}\n[[source]]\nkind = "pii"\n{lines}\n')
    answer = engine("gather", "g.toml", "-o", "m.json")
    assert answer.code == 2
    assert says in answer.err


CASES = {
    "pwd.log": ("PWD=/home/app42/src\n", []),
    "provider_key.log": (
        "- Mistral: `{0}` (small model)\nmistral_key = {0}\nMISTRAL_API_KEY={0}\n"
        "deploy runs as: ssh deploy@build.example.org\n",
        ["mistral_key", "mistral_key", "mistral_key"],
    ),
    "gitlab_routable.log": ("token used {1} for push\n", ["gitlab_token"]),
}


@pytest.mark.parametrize("name", CASES)
def test_the_reported_lines_end_as_they_should(engine: Engine, name: str) -> None:
    """INV-PRIVACY-4, INV-PRIVACY-5: a path, keys without a prefix, a routable token whole."""
    chance = random.Random(16)  # noqa: S311
    key, _ = families.fill("{a32}", chance)
    token, parts = families.fill("glpat-{u36}.01.{w9}", chance)
    line, kinds = CASES[name]
    Path(name).write_text(line.format(key, token))
    found = engine("scan", name, "--format", "json")
    assert [finding["type"] for finding in found.json["findings"]] == kinds
    assert found.code == (1 if kinds else 0)
    assert engine("redact", name, "-o", "out.log").code == 0
    left = Path("out.log").read_text()
    assert not any(part in left for part in (key, *parts))


def test_the_table_is_listed_and_reads_nothing(engine: Engine) -> None:
    answer = engine("scan", "--rules")
    assert (answer.code, answer.err) == (0, "")
    lines = answer.out.splitlines()
    assert lines[-1] == f"table of {TABLE}: {len(RULES)} rows, {len(FAMILIES)} families"
    assert max(map(len, lines)) <= 110
    document = engine("scan", "--rules", "--format", "json").json
    assert document["table"] == TABLE
    assert [row["family"] for row in document["rows"]] == [rule.name for rule in RULES]
    members = {
        "family",
        "kind",
        "pattern",
        "checksum",
        "context",
        "encodings",
        "on_request",
        "since",
    }
    assert all(row.keys() == members | {"source"} for row in document["rows"])


def test_what_is_asked_for_besides_is_found_taken_out_and_told(engine: Engine) -> None:
    log("a.log", "date of birth: 1984-03-09")
    assert engine("scan", "a.log").code == 0
    answer = engine(
        "scan", "a.log", "--also", "birth_date", "--metrics", "m.json", "--subject", "shop"
    )
    assert answer.code == 1
    computed = json.loads(Path("m.json").read_text())["metrics"]["privacy.pii_findings"]["computed"]
    assert computed == {
        "method": "scan/2",
        "parameters": {"recognisers": TABLE, "recognisers_also": "birth_date"},
    }
    assert engine("redact", "a.log", "--also", "birth_date", "-o", "b.log").code == 0
    assert engine("scan", "b.log", "--also", "birth_date").code == 0
    assert "1984-03-09" not in Path("b.log").read_text()
    refused = engine("scan", "a.log", "--also", "birthdate")
    assert (refused.code, "did you mean 'birth_date'?" in refused.err) == (2, True)
    Path("g.toml").write_text(
        'subject = {name = "shop"}\n[[source]]\nkind = "pii"\npath = "a.log"\nalso = "birthdate"\n'
    )
    refused = engine("gather", "g.toml", "-o", "g.json")
    assert (refused.code, "did you mean 'birth_date'?" in refused.err) == (2, True)


OFF = "extends: default\nrecognisers_off: {phone: numbers of our own shops}\n"


def policies(**profiles: str) -> None:
    for name, text in profiles.items():
        path = Path("p", "limits", name, "data.yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.parent.chmod(0o755)


def test_a_family_that_a_policy_switches_off_is_named_as_a_relaxation(engine: Engine) -> None:
    """INV-PRIVACY-8."""
    tolerant = f"{OFF}relaxations_allowed: [policies_overridden, recognisers_off]\n"
    policies(shops=OFF, tolerant=tolerant)
    log("a.log", "call +1 415 555 2671 back")
    assert engine("scan", "a.log").code == 1
    flags = ("--policies", "p", "--profile")
    answer = engine("scan", "a.log", *flags, "shops", "--metrics", "m.json", "--subject", "shop@2")
    assert answer.code == 0
    assert "not looked for: phone (shops: numbers of our own shops)" in answer.err
    for profile, code in (("shops", 5), ("tolerant", 0), ("default", 5)):
        decided = engine(
            *("decide", "m.json", "--gate", "privacy", *flags, profile),
            *("--format", "json", "--export", f"{profile}.json"),
        )
        assert decided.code == code, decided.err + decided.out
        assert "recognisers_off" in str(decided.json["relaxations"])
    shown = engine("decide", "m.json", "--gate", "privacy", "--dry-run")
    assert "recognisers_off" in shown.out + shown.err


@pytest.mark.parametrize(
    ("profile", "says"),
    [
        ("extends: default\nrecognisers_off: {fone: x}\n", "did you mean 'phone'?"),
        ("extends: default\nrecognisers_off: {phone: ''}\n", "recognisers_off/phone"),
        ("extends: default\nrecognisers_off: [phone]\n", "recognisers_off"),
    ],
)
def test_a_profile_that_switches_off_what_there_is_not_is_refused(
    engine: Engine, profile: str, says: str
) -> None:
    policies(shops=profile)
    log("a.log")
    answer = engine("scan", "a.log", "--policies", "p", "--profile", "shops")
    assert answer.code == 2
    assert says in answer.err
