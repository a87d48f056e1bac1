"""The metrics file that verbs write of what they measured: its flags, its content."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from engine.cli import workspace
from engine.cli.arguments import output
from engine.cli.console.shell import STAYS, Shell
from engine.model import Json


def metrics_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say where the metrics file goes and what it is about."""
    parser.add_argument("--metrics", type=output, metavar="FILE", help="also write a metrics file")
    parser.add_argument(
        "--subject", metavar="NAME[@VERSION]", help="what the metrics file is about"
    )


def require_subject(
    args: argparse.Namespace, verb: str, inputs: Iterable[str | Path | None], shell: Shell
) -> None:
    """Demand of ``--metrics`` that it can be written and says what it is about.

    Args:
        args: With those of :func:`metrics_arguments`.
        verb: For messages.
        inputs: Files that the verb reads; they are not written over.
        shell: Knows what else is not: configuration, policies, ledger and key.

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
    if args.subject:
        _require_fit(verb, _subject(args.subject))
    if args.metrics:
        require_writable(Path(args.metrics))
        workspace.require_apart_from_ours([Path(args.metrics)], filter(None, inputs), shell)


def _require_fit(verb: str, subject: Json) -> None:
    """Refuse what no metrics file may be about, before anything is measured."""
    from engine.evidence.metrics_file import is_subject

    if is_subject(subject):
        return
    from engine.errors import UsageError
    from engine.formats.json_schema import first_mismatch
    from engine.policy.bundle import shipped_schema

    schema = shipped_schema("metrics.schema.json")
    own = schema["properties"]["subject"] | {"$defs": schema["$defs"]}
    pointer, reason, hint = first_mismatch(own, subject) or ("/name", "cannot be one", "")
    raise UsageError(f"{verb}: --subject: {pointer[1:]}: {reason}", hint)


def _subject(text: str) -> dict[str, Json]:
    name, _, version = text.partition("@")
    return {"name": name, **({"version": version} if version else {})}


def write_metrics(args: argparse.Namespace, shell: Shell, metrics: Json) -> None:
    """Write a metrics file about ``--subject``, observed now."""
    import json

    from engine.formats.times import write_time
    from engine.system.files import write_whole

    document = {
        "subject": _subject(args.subject),
        "observed_at": write_time(shell.now()),
        "metrics": metrics,
    }
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    write_whole(Path(args.metrics), text.encode())


def write_signed(out: str, data: bytes, shell: Shell) -> None:
    """Write a signed metrics file to ``out``; ``-`` is standard output."""
    from engine.system.files import write_whole

    if out == "-":
        shell.print_lines(data.decode(), end="")
        return
    write_whole(Path(out), data)
    with shell.answering(f"{out} is written", STAYS):
        shell.print(out)
