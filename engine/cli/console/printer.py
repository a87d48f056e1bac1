"""Where decisions are written as they become durable: standard output and files, by format.

Every sink is fed whatever became of another. One that cannot be written to changes nothing about
what is recorded, so it is an outcome of its own, which is said at the end with exit code 3.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from engine import exit_codes
from engine.cli.console.report_options import report_options
from engine.cli.console.screen import Screen
from engine.cli.console.shell import RECORDED, Shell
from engine.cli.console.streams import is_broken
from engine.errors import GovernanceError, OutputError, UsageError
from engine.report import RenderedParts, Report, Writer, format_named
from engine.system.files import WholeFile, output_path, require_writable

if TYPE_CHECKING:
    from types import TracebackType

    from engine.cli.console.github_files import GithubFiles

Put = Callable[[str], None]
PutEncoded = Callable[[bytes], None]


@dataclass
class _Sink:
    """Where one format goes.

    Attributes:
        name: The file, or ``standard output``.
        writer: Of the format.
        put: Takes text.
        put_encoded: Takes UTF-8.
        failure: Why nothing more is written; empty as long as that works.
    """

    name: str
    writer: Writer
    put: Put
    put_encoded: PutEncoded
    failure: str = ""

    def feed(self, text: str | bytes) -> None:
        """Write ``text``; nothing once that failed."""
        if self.failure:
            return
        with self.guarded():
            if isinstance(text, str):
                self.put(text)
            else:
                self.put_encoded(text)

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Keep in mind what fails inside."""
        try:
            yield
        except OutputError as error:
            self.failure = error.message
        except OSError as error:
            self.failure = f"{self.name}: {(error.strerror or str(error)).lower()}"


class Printer:
    """Writes decisions in every format of the call, as they become durable.

    Files appear whole when the printer is left, even by an error: what they hold is recorded. Where
    an error comes before the first decision, none appears.

    Attributes:
        options: How the decisions are to be written.
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
        self.options = report_options(args, shell, several=several, explain=args.explain)
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
            require_writable(output_path(path))
            self._paths.append(Path(path))
        self._writers = [form(self.options) for form in self._formats]
        self._sinks: list[_Sink] = []
        self._files: list[WholeFile] = []
        self._recorded = 0
        self._has_items = False
        self._last_id = ""
        self._failures: list[str] = []
        self._hint = RECORDED if decides else OutputError.advice
        self._code: int | None = None
        self._github: GithubFiles | None = None
        if "github" in names:
            from engine.cli.console.github_files import GithubFiles

            self._github = GithubFiles(self.options, shell, outputs=decides)

    @property
    def paths(self) -> list[Path]:
        """The files, those that are only appended to among them."""
        return [*self._paths, *(self._github.paths if self._github is not None else ())]

    @property
    def locates(self) -> bool:
        """Whether a format says where each metric stands."""
        return any(writer.locates for writer in self._writers)

    @property
    def proves(self) -> bool:
        """Whether a format shows the way from the record to the ledger's root."""
        return any(form.proves for form in self._formats)

    def ends_with(self, code: int) -> None:
        """Take the exit code of the call, for the outputs that pass it on."""
        self._code = code

    def __enter__(self) -> Printer:
        main, *others = self._writers
        self._sinks.append(_Sink("standard output", main, *self._to_screen))
        for writer, path in zip(others, self._paths, strict=True):
            file = self._opened(path)
            self._files.append(file)
            self._sinks.append(_Sink(str(path), writer, partial(_put, file), file.write))
        for sink in self._sinks:
            sink.feed(sink.writer.head())
        return self

    def _opened(self, path: Path) -> WholeFile:
        """The file of an output; where it cannot be made, none of the others is left."""
        try:
            return WholeFile(path)
        except OutputError as error:
            for file in self._files:
                file.drop()
            raise OutputError(error.message, f"nothing was decided; {error.hint}") from None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        screen, *others = self._sinks
        if error is not None and not self._has_items:
            for file in self._files:  # a report of nothing says that nothing failed
                file.drop()
        for sink in self._sinks:
            sink.feed(sink.writer.tail())
        for sink, file in zip(others, self._files, strict=True):
            if not sink.failure:
                with sink.guarded():
                    file.keep()
        self.flush()
        if self._recorded and not screen.failure and is_broken(self._stdout):
            screen.failure = "standard output: its reader went away"
        failures = [sink.failure for sink in self._sinks if sink.failure] + self._failures
        if self._github is not None:
            failed = error.exit_code if isinstance(error, GovernanceError) else exit_codes.UNDECIDED
            try:
                code = failed if error or failures or self._code is None else self._code
                self._github.write(code)
            except OutputError as refused:
                failures.append(refused.message)
        if failures and error is None:
            raise OutputError("; ".join([*self._what_is_recorded(), *failures]), self._hint)

    def _what_is_recorded(self) -> list[str]:
        if self._recorded > 1:
            return [f"{self._recorded:,} decisions are recorded, the last as {self._last_id}"]
        return [f"recorded as {self._last_id}"] if self._recorded else []

    def flush(self) -> None:
        """Let standard output have what was written to it."""
        if not self._sinks[0].failure:
            with self._sinks[0].guarded():
                self._stdout.flush()

    def recorded(self, decision_id: str) -> None:
        """Take note that a decision is durable, which is then written."""
        self._recorded += 1
        self._last_id = decision_id

    def not_exported(self, error: OutputError) -> None:
        """Take note that a proof could not be written."""
        from engine.decision.session import EXPORT_AGAIN

        self._failures.append(error.message)
        self._hint = EXPORT_AGAIN

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
        self._has_items = True
        for sink, parts in zip(self._sinks, rendered, strict=True):
            sink.feed(sink.writer.entry(index, note).join(parts))

    def add(self, report: Report) -> None:
        """Write one recorded or dry-run decision."""
        self._has_items = True
        for sink in self._sinks:
            sink.feed(sink.writer.item(report))
        if self._github is not None:
            self._github.add(report)

    def failed(self, file: str, error: GovernanceError) -> None:
        """Write that one input could not be decided on, where the format has words for it."""
        self._has_items = True
        for sink in self._sinks:
            sink.feed(sink.writer.failed(file, error))
        if self._github is not None:
            self._github.failed(file, error)


def _put(file: WholeFile, text: str) -> None:
    file.write(text.encode(errors="backslashreplace"))  # names of files may be no UTF-8
