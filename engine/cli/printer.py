"""Where decisions are written as they become durable: standard output and files, by format."""

from __future__ import annotations

import argparse
from pathlib import Path

from engine.cli.colour import write
from engine.cli.shell import Shell
from engine.cli.texts import off_reasons, texts_of
from engine.errors import UsageError
from engine.files import require_writable, write_whole
from engine.model import Decision
from engine.policy.bundle import PolicyBundle
from engine.report import Format, Report, format_named


class Printer:
    """Writes decisions in every format that was asked for, as they become durable."""

    def __init__(self, args: argparse.Namespace, shell: Shell, bundle: PolicyBundle) -> None:
        self._args = args
        self._shell = shell
        self._bundle = bundle
        self._count: dict[str, int] = {}
        self._last: Decision | None = None
        self.several = False
        main = args.format or "text"
        self._sinks: list[tuple[Format, Path | None]] = [(format_named(main), None)]
        for output in args.output:
            name, separator, path = output.partition("=")
            if not separator or not path:
                raise UsageError(f"--output {output!r} is not F=PATH", "such as json=decision.json")
            require_writable(Path(path))
            self._sinks.append((format_named(name), Path(path)))
        self._written: dict[Path, list[str]] = {path: [] for _, path in self._sinks if path}

    def __enter__(self) -> Printer:
        return self

    def __exit__(self, *_: object) -> None:
        if self.several:
            for form, path in self._sinks:
                self._write(form.tail(empty=not self._count), path)
            if self._last is not None:
                self._summarise(self._last)
        for path, pieces in self._written.items():
            write_whole(path, "".join(pieces).encode())
        self._shell.stdout.flush()

    def start(self, *, several: bool) -> None:
        """Begin; ``several`` decisions are framed and summarised."""
        self.several = several
        if several:
            for form, path in self._sinks:
                self._write(form.head(), path)

    def add(self, decision: Decision, file: str) -> None:
        """Write one decision that may be told."""
        report = self._report(decision, file)
        explain, width = self._args.explain, self._shell.width
        for form, path in self._sinks:
            if self.several:
                text = form.item(report, first=not self._count, explain=explain, width=width)
            else:
                text = form.one(report, explain=explain, width=width)
            self._write(text, path)
        self._count[decision.verdict] = self._count.get(decision.verdict, 0) + 1
        self._last = decision

    def _report(self, decision: Decision, file: str) -> Report:
        reasons = off_reasons(self._bundle, decision.profile)
        return Report(decision, texts_of(self._bundle), reasons, file)

    def _write(self, text: str, path: Path | None) -> None:
        if path is None:
            write(text, self._shell.stdout)
        else:
            self._written[path].append(text)

    def _summarise(self, last: Decision) -> None:
        told = ", ".join(f"{count} {verdict}" for verdict, count in sorted(self._count.items()))
        self._shell.say(f"engine: {sum(self._count.values())} decided: {told}")
        if last.checkpoint:
            self._shell.say(f"checkpoint:\n{last.checkpoint}")
