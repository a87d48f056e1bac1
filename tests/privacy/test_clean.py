"""False findings, counted in what nobody made for this test: the files of the installed packages
and what tools write when they are asked to say much.

An e-mail address in them is one: authors sign what they write. It counts as false where its
domain ends in nothing that the internet has.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.privacy.scanner import Scanner, scan
from tools.fetch_opa import TOOLS

KEY = b"a key of a test, not a secret"
PACKAGES = Path(sysconfig.get_paths()["purelib"])
SUFFIXES = frozenset(
    {*(".py", ".pyi", ".js", ".mjs", ".css", ".json", ".md", ".txt", ".yaml", ".yml", ".toml")}
    | {*(".svg", ".html", ".rst", ".cfg", ".h", ".c", ".pxd", ".sql", ".map", ".xml", ".csv")}
)
NUMBERS = ("phonenumbers", "stdnum")
"""Packages whose files are full of numbers of people: those are no false findings."""
FALSE_PER_LINE = 1 / 200_000
ENDS = frozenset(
    b"com org net edu gov mil int info biz io dev app rs me works online bz name email team tech"
    b" frost red pub blog cloud page ai co sh space xyz boats codes software science".split()
)


def files(every: int) -> Iterator[Path]:
    """Each ``every``-th file, by its path: the same for the same packages."""
    for path in sorted(PACKAGES.rglob("*")):
        if path.suffix not in SUFFIXES or path.is_symlink() or not path.is_file():
            continue
        name = path.relative_to(PACKAGES)
        if (
            not any(word in name.parts[0] for word in NUMBERS)
            and zlib.crc32(str(name).encode()) % every == 0
        ):
            yield path


def false_findings(text: bytes) -> list[tuple[str, bytes]]:
    found = []
    for finding in scan(text, KEY):
        value = text[finding.offset : finding.offset + finding.length]
        end = value.rpartition(b".")[2].lower()
        if finding.type == "email" and (end in ENDS or len(end) == 2):
            continue
        found.append((finding.type, text[max(0, finding.offset - 40) : finding.offset] + value))
    return found


def counted(paths: Iterator[Path]) -> tuple[int, list[tuple[str, bytes]]]:
    lines, found = 0, []
    for path in paths:
        text = path.read_bytes()
        lines += text.count(b"\n")
        found += false_findings(text)
    return lines, found


def test_installed_packages_have_hardly_anything_that_looks_like_a_finding() -> None:
    """INV-PRIVACY-5."""
    lines, found = counted(files(every=14))
    assert lines > 200_000
    assert len(found) <= max(1, round(lines * FALSE_PER_LINE)), found


@pytest.mark.soak
def test_no_file_of_an_installed_package_is_left_out() -> None:
    """INV-PRIVACY-5."""
    lines, found = counted(files(every=1))
    assert lines > 2_500_000
    assert len(found) <= lines * FALSE_PER_LINE, found


@pytest.mark.parametrize(
    "command",
    [
        [sys.executable, "-v", "-c", "import json, ssl, email, urllib.request, asyncio"],
        [sys.executable, "-X", "importtime", "-c", "import numpy, jsonschema, cryptography.x509"],
        [str(TOOLS / "opa"), "test", "--format", "json", "policies"],
        [str(TOOLS / "opa"), "inspect", "-a", "-f", "json", "policies"],
        [sys.executable, "-m", "pip", "--version", "--verbose"],
    ],
    ids=["python -v", "importtime", "opa test", "opa inspect", "pip"],
)
def test_what_tools_say_has_no_finding(command: list[str]) -> None:
    """INV-PRIVACY-5."""
    done = subprocess.run(command, capture_output=True, check=False, cwd=Path(__file__).parents[2])
    said = done.stdout + done.stderr
    assert said
    assert false_findings(said) == []


# Work grows with the text, not with its square.


class _CountedScanner(Scanner):
    """Counts how often a rule is tried."""

    tried = 0

    def __init__(self) -> None:
        super().__init__(KEY, block=65_536)
        within = self._triggers.within

        class _Counted:
            def within(_, text: bytes, start: int, end: int):  # type: ignore[no-untyped-def]  # noqa: N805
                for hit in within(text, start, end):
                    self.tried += 1
                    yield hit

        self._triggers = _Counted()  # type: ignore[assignment]


HOSTILE = (
    *(
        b"a@",
        b"a@b.",
        b"://a:",
        b"password=",
        b"secret: ",
        b"-----BEGIN ",
        b"eyJ-",
        b"+1 ",
        b"(11) ",
    ),
    *(
        b"phone ",
        b"curl -u ",
        b"sk-",
        b"AKIA",
        b"00-",
        b"4111 ",
        b"mistral ",
        b"--password ",
        b"%40a.",
    ),
    *(b"/0000-00", b"::", b"1.1.1.1.", b".aaaaaa.", b"de89", b"x@x.xx"),
)


@pytest.mark.parametrize("unit", HOSTILE)
def test_a_rule_is_tried_a_bounded_number_of_times_for_each_byte(unit: bytes) -> None:
    tried = []
    for size in (20_000, 40_000):
        scanner = _CountedScanner()
        list(scanner.feed(unit * (size // len(unit))))
        list(scanner.finish())
        tried.append(scanner.tried)
    assert tried[1] <= 2 * tried[0] + 100
    assert tried[1] <= 40_000 * 1.5


def test_an_at_that_no_domain_follows_tries_no_rule() -> None:
    scanner = _CountedScanner()
    list(scanner.feed(b"a@" * 1_000_000))
    list(scanner.finish())
    assert scanner.tried == 0
