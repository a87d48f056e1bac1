"""The files that GitHub gives a step: its summary, and the outputs that later steps read.

Source: https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

from pathlib import Path

from engine import exit_codes
from engine.cli.console.shell import Shell
from engine.errors import GovernanceError, OutputError, UsageError
from engine.model import Verdict
from engine.report import Report, ReportOptions, format_named
from engine.system.files import append, output_path, path_of, require_appendable

MOST_BYTES = 1024 * 1024
"""GitHub drops a step's summary that is larger."""
_ROOM_FOR_TAIL = 2048
_OF_THE_STEP = "GITHUB_STEP_SUMMARY and GITHUB_OUTPUT name files of this step; unset them elsewhere"
UNDECIDED = "ERROR"
WORST_FIRST = (
    *(UNDECIDED, Verdict.ROLLBACK, Verdict.BLOCK, Verdict.DENY, Verdict.HOLD),
    *(Verdict.PROMOTE, Verdict.ALLOW),
)


class GithubFiles:
    """Gathers what goes into ``$GITHUB_STEP_SUMMARY`` and ``$GITHUB_OUTPUT``; appends it once.

    Args:
        options: How the decisions of this call are written.
        shell: Has the environment; what it does not name is not written.
        outputs: Whether the step's outputs are about this call; not where it only converts.

    Raises:
        UsageError: One of the two is a key, a database, or no path, or cannot be appended to.
    """

    def __init__(self, options: ReportOptions, shell: Shell, *, outputs: bool) -> None:
        self._summary = _path("GITHUB_STEP_SUMMARY", shell)
        self._outputs = _path("GITHUB_OUTPUT", shell) if outputs else None
        self._shell = shell
        self._several = options.several
        self._writer = format_named("markdown")(options)
        self._sections: list[bytes] = []
        self._room = MOST_BYTES - _ROOM_FOR_TAIL - (_size(self._summary) if self._summary else 0)
        self._left_out = 0
        self._verdicts: set[str] = set()
        self._count = 0
        self._decision_id = ""
        self._recorded = True

    @property
    def paths(self) -> list[Path]:
        """The two, but for a device or a pipe: what is appended there takes no other's place."""
        both = (path for path in (self._summary, self._outputs) if path is not None)
        return [path for path in both if path.is_file() or not path.exists()]

    def add(self, report: Report) -> None:
        """Take one decision."""
        decision = report.decision
        self._verdicts.add(decision.verdict)
        self._count += 1
        self._decision_id = decision.decision_id
        self._recorded = self._recorded and decision.recorded
        self._take(self._writer.item(report))

    def failed(self, file: str, error: GovernanceError) -> None:
        """Take one input that could not be decided on."""
        self._verdicts.add(UNDECIDED)
        self._count += 1
        self._recorded = False
        self._take(self._writer.failed(file, error))

    def write(self, exit_code: int) -> None:
        """Append both files.

        Raises:
            OutputError: One cannot be written.
        """
        if self._summary:
            _append(self._summary, b"".join(self._sections) + self._tail().encode())
        if self._outputs:
            _append(self._outputs, self._step_outputs(exit_code).encode())

    def _take(self, section: str) -> None:
        """Keep a section if there is room for all of it, and for all that came before."""
        data = section.encode(errors="backslashreplace")
        if self._left_out or len(data) > self._room:
            self._left_out += 1
            return
        self._room -= len(data)
        self._sections.append(data)

    def _tail(self) -> str:
        tail = self._writer.tail()
        if self._left_out:
            tail += f"\n**{self._left_out:,} more decisions are left out:** GitHub shows 1 MiB.\n"
        return tail

    def _step_outputs(self, exit_code: int) -> str:
        verdict = next((verdict for verdict in WORST_FIRST if verdict in self._verdicts), UNDECIDED)
        if exit_code != exit_codes.PASS and verdict in (Verdict.PROMOTE, Verdict.ALLOW):
            verdict = UNDECIDED  # a dry run, or one whose proof could not be written
        outputs = {
            "verdict": verdict,
            "exit_code": str(exit_code),
            "recorded": "true" if self._recorded and self._count else "false",
            "count": str(self._count),
            "decision_id": "" if self._several else self._decision_id,
        }
        return "".join(self._output(name, value) for name, value in outputs.items())

    def _output(self, name: str, value: str) -> str:
        """One output between two lines that nobody could have known beforehand."""
        delimiter = f"end-{self._shell.random(16).hex()}"
        return f"{name}<<{delimiter}\n{value}\n{delimiter}\n"


def _path(name: str, shell: Shell) -> Path | None:
    if not (value := shell.environ.get(name)):
        return None
    path = path_of(value, name)
    try:
        require_appendable(output_path(value))
    except UsageError as error:
        raise UsageError(f"{name}: {error.message}", f"{error.hint}\n{_OF_THE_STEP}") from None
    return path


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _append(path: Path, data: bytes) -> None:
    try:
        append(path, data)
    except OutputError as error:
        raise OutputError(error.message, _OF_THE_STEP) from None
