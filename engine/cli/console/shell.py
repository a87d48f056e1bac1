"""What a verb may know of the world it runs in, and how a verb is called."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, Protocol, TextIO, cast

from engine.decision.runtime import SystemRuntime
from engine.formats.printable import on_one_line, plain, plain_json, plain_lines
from engine.model import Json
from engine.settings.config import require_values
from engine.system.files import real_path

CI_VARIABLES = (
    *("CI", "GITHUB_ACTIONS", "GITLAB_CI", "TF_BUILD", "JENKINS_URL"),
    *("BUILDKITE", "TEAMCITY_VERSION", "BITBUCKET_BUILD_NUMBER"),
)
"""What CI systems set in their jobs; Azure Pipelines and Jenkins do not set ``CI``."""

STAYS = "it stays as it is: only the answer did not get through"
RECORDED = "what was recorded stays so: engine ledger log, engine ledger show ID"


@dataclass(frozen=True)
class Shell(SystemRuntime):
    """The process around a verb: environment, folder, streams, clock and chance."""

    environ: Mapping[str, str]
    here: Path
    stdin: BinaryIO
    stdout: TextIO
    stderr: TextIO

    def elapsed_s(self) -> float:
        """Return seconds on a clock that only goes forward."""
        return time.monotonic()

    def say(self, *lines: str) -> None:
        """Narrate on standard error, a line each; standard output is for results."""
        print(
            *(narrated(line, self.stderr) for line in lines), sep="\n", file=self.stderr, flush=True
        )

    def print(self, line: object, *, flush: bool = False) -> None:
        """Write one line of a result to standard output, whatever breaks a stranger's text has."""
        print(fitted(on_one_line(str(line)), self.stdout), file=self.stdout, flush=flush)

    def print_lines(self, text: str, *, end: str = "\n", flush: bool = False) -> None:
        """Write lines of a result to standard output, and nothing that is not seen.

        A field in them that a stranger wrote went through :mod:`engine.formats.printable` before.
        """
        print(plain_lines(text), end=end, file=self.stdout, flush=flush)

    def print_json(self, value: Json, *, indent: int | None = None, flush: bool = False) -> None:
        """Write a result as JSON: what is not seen is escaped, so that its value is kept."""
        from engine.formats.json_writing import written

        print(plain_json(written(value, indent)), file=self.stdout, flush=flush)

    @contextmanager
    def answering(self, done: str, hint: str = RECORDED) -> Iterator[None]:
        """Write the answer about what is ``done`` already, such as ``recorded as ID``.

        Raises:
            OutputError: It could not be written to its end: what is done stays so.
        """
        from engine.cli.console.streams import is_broken
        from engine.errors import OutputError

        try:
            yield
            self.stdout.flush()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
        else:
            if not is_broken(self.stdout):
                return
            reason = "its reader went away"
        raise OutputError(f"{done}; standard output: {reason}", hint)

    def relative(self, path: Path) -> Path:
        """Return ``path`` as it is called from the working folder, where it lies in that."""
        return path.relative_to(self.here) if path.is_relative_to(self.here) else path

    @property
    def may_ask(self) -> bool:
        """Whether a person sits at both ends: answers come from a terminal and questions show."""
        return self.stdin.isatty() and self.stderr.isatty() and not self.in_ci

    def agrees(self, question: str) -> bool:
        """Ask a person for yes or no; no where nobody can be asked."""
        if not self.may_ask:
            return False
        print(plain_lines(question), end=" [y/N]: ", file=self.stderr, flush=True)
        return self.stdin.readline().strip().lower() in (b"y", b"yes")

    @property
    def in_ci(self) -> bool:
        """Whether a CI system says that this is one of its jobs."""
        if self.environ.get("CI", "") in ("0", "false"):
            return False
        return any(self.environ.get(name) for name in CI_VARIABLES)

    @property
    def repository(self) -> Path:
        """Return the folder that CI names files from: its checkout's, else git's, else this one."""
        for variable in _CHECKOUTS:
            folder = Path(self.environ.get(variable, ""))
            if folder.is_absolute() and self.here.is_relative_to(real_path(folder)):
                return real_path(folder)
        above = (self.here, *self.here.parents)
        return next((folder for folder in above if (folder / ".git").exists()), self.here)

    @property
    def width(self) -> int:
        """Return the columns of the terminal, 40 to 120 of them; 100 when there is none."""
        return width_of(self.stdout) or NO_TERMINAL_WIDTH

    @property
    def line_width(self) -> int:
        """Return the columns at which a fact's line ends: where no terminal is, it is one line."""
        return self.width if self.stdout.isatty() else sys.maxsize

    @property
    def has_signs(self) -> bool:
        """Whether standard output can show signs such as ``✓``: it is no terminal without UTF-8."""
        if not self.stdout.isatty():
            return True
        try:
            "✓✗…⚑←█".encode(self.stdout.encoding or "ascii")
        except (UnicodeEncodeError, LookupError):
            return False
        return True


def width_of(stream: TextIO) -> int | None:
    """Return the columns of the terminal that ``stream`` is, 40 to 120; None where it is none."""
    if not stream.isatty():
        return None
    import shutil

    columns = shutil.get_terminal_size((NO_TERMINAL_WIDTH, 24)).columns
    return min(max(columns, _LEAST_WIDTH), _MOST_WIDTH)


def fitted(line: str, stream: TextIO) -> str:
    """Return ``line`` in as many as the terminal needs; as it is where ``stream`` is none."""
    width = width_of(stream)
    if width is None or len(line) * 2 <= width:
        return line
    from engine.formats.columns import columns_of, wrapped

    if columns_of(line) <= width:
        return line
    indent = line[: len(line) - len(line.lstrip(" "))]
    return "\n".join(wrapped(line, width, indent, f"{indent}  "))


def narrated(line: str, stream: TextIO) -> str:
    """Return a line of standard error; what is indented by four, a command, is left whole."""
    shown = on_one_line(line)
    return shown if shown.startswith(" " * 4) else fitted(shown, stream)


class VerbModule(Protocol):
    """What a module in ``engine.cli`` that is a verb has."""

    DESCRIPTION: str
    EXAMPLE: str

    def arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, args: argparse.Namespace, shell: Shell) -> int: ...


def call(name: str, module: str, argv: Sequence[str]) -> int:
    """Run the verb ``name`` of ``module`` and return its exit code."""
    verb = cast(VerbModule, importlib.import_module(module))
    helps = "-h" in argv or "--help" in argv
    args = parser_of(name, verb, width=None if helps else _USAGE_WIDTH).parse_args(argv)
    shell = current_shell()
    require_values(shell.environ)
    return verb.run(args, shell)


_USAGE_WIDTH = 100
_FILES = frozenset((
    "A", "B", "CHECKPOINT", "CONFIG", "DECISION.json", "DIR", "F=PATH", "FILE", "INVOICE", "LEDGER",
    "METRICS", "NAME|DIR", "NEW", "OLD", "OUT", "PATH", "PEM", "PUB", "URL",
))  # fmt: skip
"""What stands in a verb's usage for the name of a file, or for several."""
_LEAST_WIDTH, _MOST_WIDTH = 40, 120
NO_TERMINAL_WIDTH = 100
_CHECKOUTS = ("GITHUB_WORKSPACE", "CI_PROJECT_DIR", "BUILD_SOURCESDIRECTORY", "WORKSPACE")
"""Where GitHub, GitLab, Azure and Jenkins say that the repository is."""


def current_shell() -> Shell:
    """Return the world around this process."""
    return Shell(os.environ, _here(), sys.stdin.buffer, sys.stdout, sys.stderr)


def _here() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:
        from engine.errors import UsageError

        raise UsageError("the working folder is gone", "cd into one that exists") from None


class Parser(argparse.ArgumentParser):
    """A parser that takes no empty value, and whose complaints end with what to do.

    Of an action's flags it is the action's own parser that complains, which knows them.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **({"allow_abbrev": False} | options))

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return found, unknown

    def _get_values(self, action: argparse.Action, arg_strings: list[str]) -> Any:
        # `--artifact "$UNSET"` is a mistake; taken for "not given", it would drop a check.
        first = arg_strings[:1] if action.nargs == argparse.PARSER else arg_strings
        if not all(text.strip() for text in first):
            raise argparse.ArgumentError(action, "is empty")
        # Only the name of a file may be any bytes.
        if action.metavar not in _FILES and not all(map(_is_text, first)):
            raise argparse.ArgumentError(action, "is no UTF-8")
        return super()._get_values(action, arg_strings)

    def error(self, message: str) -> NoReturn:
        """Refuse the call.

        Raises:
            UsageError: Always; names the nearest right word, or how the call is written.
        """
        from engine.cli.console.refusals import advised, as_in_usage
        from engine.errors import UsageError

        raise UsageError(
            f"{self.prog.removeprefix('engine ')}: {as_in_usage(self, plain(message))}",
            advised(self, message),
        )


def _is_text(text: str) -> bool:
    return not any("\ud800" <= sign <= "\udfff" for sign in text)


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Wraps paragraphs to the width there is; what is indented stays as it was written."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if any(line.startswith(" ") for line in text.splitlines()):
            return super()._fill_text(text, width, indent)
        import textwrap

        paragraphs = text.split("\n\n")
        return "\n\n".join(textwrap.fill(paragraph, width) for paragraph in paragraphs)


def parser_of(name: str, verb: VerbModule, *, width: int | None = None) -> argparse.ArgumentParser:
    """Return the argument parser of one verb.

    Args:
        name: The verb.
        verb: Its module.
        width: Columns of the help; None asks the terminal, once for each argument.
    """
    parser = Parser(
        prog=f"engine {name}",
        description=verb.DESCRIPTION,
        epilog=f"example:\n{verb.EXAMPLE}",
        formatter_class=partial(_Formatter, width=width),
    )
    verb.arguments(parser)
    return parser
