"""What the verbs that measure have in common: limits, key, the metrics file they write."""

from __future__ import annotations

import argparse
from pathlib import Path

from engine.cli.arguments import count
from engine.cli.console.shell import Shell
from engine.model import Json

KEY_VARIABLE = "ENGINE_SCAN_KEY_FILE"


def limit_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the limits on what is read of one file."""
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


def digest_key(file: str | None, shell: Shell) -> bytes:
    """Return the key of the digests: that of ``file``, or one for this run alone.

    Raises:
        KeyFileError: The file cannot be read, others can read it, or it is too short.
    """
    from engine.errors import KeyFileError

    if not (name := file or shell.environ.get(KEY_VARIABLE, "")):
        return shell.random(32)
    path = Path(name)
    try:
        with path.open("rb") as opened:
            key = opened.read(4096 + 1)
        open_to = path.stat().st_mode & 0o077
    except OSError as error:
        raise KeyFileError(f"{name}: {(error.strerror or str(error)).lower()}", _MAKE) from None
    if open_to:
        raise KeyFileError(f"{name}: others can read this key", f"chmod 600 {name}")
    if not 16 <= len(key.strip()) <= 4096:
        raise KeyFileError(f"{name}: a key has 16 to 4096 bytes", _MAKE)
    return key.strip()


_MAKE = "such as: (umask 077; openssl rand -hex 32 > scan.key)"


def require_subject(args: argparse.Namespace, verb: str) -> None:
    """Demand of ``--metrics`` that it can be written and says what it is about.

    Raises:
        UsageError: It cannot, or does not.
    """
    from engine.errors import UsageError
    from engine.system.files import require_writable

    if args.metrics and not args.subject:
        raise UsageError(
            f"{verb}: --metrics without --subject",
            "say what the evidence is about: --subject shop@2.4",
        )
    if args.subject and not args.subject.partition("@")[0]:
        raise UsageError(f"{verb}: --subject {args.subject!r} has no name", "such as shop@2.4.1")
    if args.metrics:
        require_writable(Path(args.metrics))


def write_metrics(args: argparse.Namespace, shell: Shell, metrics: Json) -> None:
    """Write a metrics file about ``--subject``, observed now."""
    import json

    from engine.formats.times import write_time
    from engine.system.files import write_whole

    name, _, version = args.subject.partition("@")
    document = {
        "subject": {"name": name, **({"version": version} if version else {})},
        "observed_at": write_time(shell.now()),
        "metrics": metrics,
    }
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    write_whole(Path(args.metrics), text.encode())
