"""Flags that verbs share, and the types of their values."""

from __future__ import annotations

import argparse
import re
from contextlib import suppress
from datetime import UTC, date, datetime

from engine.formats.times import parse_time, read_span
from engine.settings.config import help_of
from engine.system.files import output_path

_MOST_PROCESSES = 64
_LAST_YEAR = 8999


def question_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of a question: gate, profile and stage."""
    for name in ("gate", "profile", "stage"):
        parser.add_argument(f"--{name}", metavar=name[0].upper(), help=help_of(name, default=True))


def policy_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flag that names other policies."""
    parser.add_argument("--policies", metavar="DIR", help=help_of("policies"))


def files_argument(parser: argparse.ArgumentParser) -> None:
    """Add the flag by which a hook says which files it was started for."""
    parser.add_argument(
        "--files", nargs="*", default=[], metavar="FILE",
        help="files of policies that must be among those in use, as hooks give them",
    )  # fmt: skip


def approval_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flag that says whose approval of the policies counts."""
    parser.add_argument("--policy-trust", metavar="FILE", help=help_of("policy_trust"))


def ledger_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags that name key and ledger."""
    parser.add_argument("--ledger", metavar="URL", help=f"{help_of('ledger')} (.engine/ledger.db)")
    parser.add_argument("--key-file", metavar="PEM", help=help_of("key_file"))
    parser.add_argument(
        "--lock-timeout", dest="lock_timeout_s", type=seconds, metavar="S",
        help=help_of("lock_timeout_s", default=True),
    )  # fmt: skip


def run_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flag that names the CI's run."""
    parser.add_argument(
        "--ci-run", metavar="ID/ATTEMPT", help=f"{help_of('ci_run')} (GitHub's, GitLab's)"
    )


def limit_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the limits on what is read of one file."""
    from engine.evidence.sources.streams import ReadLimits

    defaults = ReadLimits()
    parser.add_argument(
        "--max-bytes", type=count, default=defaults.max_bytes, metavar="N",
        help=f"of each file, after decompression ({defaults.max_bytes})",
    )  # fmt: skip
    parser.add_argument(
        "--max-ratio", type=count, default=defaults.max_ratio, metavar="N",
        help=f"decompressed bytes for each compressed one ({defaults.max_ratio})",
    )  # fmt: skip


def detail_arguments(parser: argparse.ArgumentParser, *left_out: str) -> None:
    """Add the flags that say how much a text tells, but for those ``left_out``.

    They mean the same for every verb that has them, and change nothing that programs read.
    """
    flags = (
        (("-q", "--quiet"), "text: the verdict alone"),
        (("-v", "--verbose"), "text: everything, digests and sources too"),
        (("--all",), "text: a line for each pass too"),
        (("--failures-only",), "text: only what did not pass"),
        (("--checkpoint",), "text: the whole signed note (by itself in CI and in a pipe)"),
    )
    opposites = {"--quiet": "--verbose", "--all": "--failures-only"}
    groups: dict[str, argparse._MutuallyExclusiveGroup] = {}
    for names, text in flags:
        name = names[-1]
        if name in left_out:
            continue
        if name in opposites and opposites[name] not in left_out:
            groups[opposites[name]] = groups[name] = parser.add_mutually_exclusive_group()
        groups.get(name, parser).add_argument(*names, action="store_true", help=text)


def output(text: str) -> str:
    """Read the name of a file, or of a folder, that will be written."""
    output_path(text)
    return text


def instant(text: str) -> datetime:
    """Read an instant that a flag gives: RFC 3339, to UTC and whole seconds."""
    try:
        moment = parse_time(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if not 1970 <= moment.year <= _LAST_YEAR:  # else what is reckoned from it has no date
        raise argparse.ArgumentTypeError(f"{text!r} is not of the years 1970 to {_LAST_YEAR}")
    return moment.astimezone(UTC).replace(microsecond=0)


def seconds(text: str) -> int:
    """Read a whole number of seconds."""
    return whole_number(text, 0, 10**9 - 1, "a whole number of seconds")


def duration(text: str) -> int:
    """Return the seconds that ``text`` such as ``12h`` means."""
    try:
        return read_span(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def count(text: str) -> int:
    """Read a number from 1 of the command line."""
    return whole_number(text, 1, 2**50, "a number from 1")


def count_or_none(text: str) -> int:
    """Read a number from 0 of the command line, where 0 stands for what the verb says it does."""
    return whole_number(text, 0, 2**50, "a number from 0")


def processes(text: str) -> int:
    """Read how many processes a verb may use."""
    return whole_number(text, 1, _MOST_PROCESSES, f"a number from 1 to {_MOST_PROCESSES}")


def whole_number(text: str, least: int, most: int, what: str) -> int:
    """Return the number from ``least`` to ``most`` that ``text`` writes in the digits 0 to 9.

    Raises:
        argparse.ArgumentTypeError: It writes none; ``what`` says what one would be.
    """
    if not is_digits(text) or not least <= int(text) <= most:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is not {what}")
    return int(text)


def is_digits(text: str) -> bool:
    """Whether ``text`` is 1 to 18 of the digits 0 to 9: what ``int`` takes is more than that."""
    return re.fullmatch("[0-9]{1,18}", text) is not None


def calendar_day(text: str) -> str:
    """Read a day of the calendar, such as ``2026-01-31``."""
    with suppress(ValueError):
        if date.fromisoformat(text).isoformat() == text:
            return text
    raise argparse.ArgumentTypeError(f"{text[:40]!r} is no day such as 2026-01-31")


def digest(text: str) -> str:
    """Read a SHA-256, with or without its prefix, to its hex digits."""
    hexadecimal = text.removeprefix("sha256:")
    if not re.fullmatch(r"[0-9a-f]{64}", hexadecimal):
        raise argparse.ArgumentTypeError(f"{text!r} is not sha256: and 64 lowercase hex digits")
    return hexadecimal
