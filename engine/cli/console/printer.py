"""Where decisions are written as they become durable: standard output and files, by format."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from engine import exit_codes
from engine.cli.console.screen import Screen
from engine.cli.console.shell import Shell
from engine.errors import GovernanceError, UsageError
from engine.report import RenderedParts, Report, ReportOptions, Writer, format_named
from engine.system.files import WholeFile, require_writable

if TYPE_CHECKING:
    from types import TracebackType

    from engine.cli.console.github_files import GithubFiles

Put = Callable[[str], None]
PutEncoded = Callable[[bytes], None]


class Printer:
    """Writes decisions in every format of the call, as they become durable.

    Files appear whole when the printer is left, even by an error: what they hold is recorded.

    """

    def __init__(
        self,
        args: argparse.Namespace,
        screen: Screen,
        shell: Shell,
        *,
        several: bool,
        decides: bool = True,
    ) -> None:
        here, root = str(shell.here), str(shell.repository)
        options = ReportOptions(several, args.explain, shell.width, here, root)
        for_people = (args.format or "text") == "text"
        self._to_screen: tuple[Put, PutEncoded] = (
            (screen.write, lambda text: screen.write(text.decode(errors="surrogateescape")))
            if for_people
            else (screen.write_as_is, screen.write_encoded)
        )
        self._stdout = shell.stdout
        names = [args.format or "text"]
        self._formats = [format_named(names[0])]
        self._paths: list[Path] = []
        for output in args.output:
            name, separator, path = output.partition("=")
            if not separator or not path:
                raise UsageError(f"--output {output!r} is not F=PATH", "such as json=decision.json")
            if Path(path) in self._paths:
                raise UsageError(f"--output {output!r}: that file is named twice", "name another")
            self._formats.append(format_named(name))
            names.append(name)
            require_writable(Path(path))
            self._paths.append(Path(path))
        self._writers = [form(options) for form in self._formats]
        self._sinks: list[tuple[Writer, Put, PutEncoded]] = []
        self._files = ExitStack()
        self._code: int | None = None
        self._github: GithubFiles | None = None
        if "github" in names:
            from engine.cli.console.github_files import GithubFiles

            self._github = GithubFiles(options, shell, outputs=decides)

    @property
    def paths(self) -> list[Path]:
        """The files, those that are only appended to among them."""
        return [*self._paths, *(self._github.paths if self._github is not None else ())]

    @property
    def locates(self) -> bool:
        """Whether a format says where each metric stands."""
        return any(form.locates for form in self._formats)

    @property
    def proves(self) -> bool:
        """Whether a format shows the way from the record to the ledger's root."""
        return any(form.proves for form in self._formats)

    def ends_with(self, code: int) -> None:
        """Take the exit code of the call, for the outputs that pass it on."""
        self._code = code

    def __enter__(self) -> Printer:
        main, *others = self._writers
        self._sinks.append((main, *self._to_screen))
        for writer, path in zip(others, self._paths, strict=True):
            file = WholeFile(path)
            self._files.callback(file.keep)
            self._sinks.append((writer, partial(_put, file), file.write))
        for writer, put, _ in self._sinks:
            put(writer.head())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._files:
            for writer, put, _ in self._sinks:
                put(writer.tail())
        self._stdout.flush()
        if self._github is not None:
            failed = error.exit_code if isinstance(error, GovernanceError) else exit_codes.UNDECIDED
            self._github.write(failed if error or self._code is None else self._code)

    def rendered(self, report: Report) -> list[RenderedParts] | None:
        """Return every format's text but for the place in the ledger; None if one cannot."""
        rendered = []
        for writer in self._writers:
            if (parts := writer.parts(report)) is None:
                return None
            rendered.append(parts)
        return rendered

    def add_rendered(
        self, rendered: Sequence[RenderedParts], index: int | None, note: str | None
    ) -> None:
        """Write one recorded or dry-run decision; ``note`` is the checkpoint that covers it."""
        for (writer, _, put), parts in zip(self._sinks, rendered, strict=True):
            put(writer.entry(index, note).join(parts))

    def add(self, report: Report) -> None:
        """Write one recorded or dry-run decision."""
        for writer, put, _ in self._sinks:
            put(writer.item(report))
        if self._github is not None:
            self._github.add(report)

    def failed(self, file: str, error: GovernanceError) -> None:
        """Write that one input could not be decided on, where the format has words for it."""
        for writer, put, _ in self._sinks:
            put(writer.failed(file, error))
        if self._github is not None:
            self._github.failed(file, error)


def _put(file: WholeFile, text: str) -> None:
    file.write(text.encode())
