"""Every error the engine raises on purpose, as one tree.

GovernanceError                  exit code
├── UsageError              2    the call itself: a flag, a name, a path
├── MissingExtraError       2    a package of an optional extra is not installed
├── ConfigError             2    engine.toml, a profile, a catalogue or a waiver is wrong
├── DocumentError           2    an evidence document was refused; says where
├── KeyFileError            2    a key is missing, unreadable, or readable by others
│   └── NoKeyError          2    no key was configured, and none is where it would be
├── PolicyError             3    OPA could not decide, or its answer was not whole
│   └── PolicyBuildError    2    Rego sources could not be compiled; OPA's own words inside
├── SourceError             3    a service that evidence comes from gave no whole answer
├── SpecError               3    TLC could not be run, or its answer or a graph is not whole
├── LedgerError             3    the ledger refused a read or a write; nothing was recorded
│   ├── LedgerBusyError     3    another process held the ledger's lock for too long
│   ├── ExposedLedgerError  2    others can write to the ledger or its heads
│   └── CommitError         3    a commit failed: it may or may not be recorded
├── BudgetDeniedError       1    a program entered a lease that the budget did not grant
├── OutputError             3    a file could not be written; what was recorded stays so
├── NotRecordedError        2    no such decision, entry or blob in the ledger
├── CircuitOpenError        3    calls to a model are stopped: it keeps failing; says for how long
└── VerificationError       4    not genuine: a signature, proof, chain, head or replay
    ├── RollbackError       4    the ledger is missing, smaller or other than its signed head
    └── EquivocationError   4    a key signed two statements where only one can be

A *denied* decision is a result, never an error; only a ``with`` has no other way to say so.
``engine.cli`` alone turns an error into text and an exit code; every message says what is wrong
and, after a newline, what to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from engine import exit_codes


class GovernanceError(Exception):
    """Base of every error the engine raises on purpose.

    Args:
        message: What is wrong, in one clause that names the thing.
        hint: What to do about it; the class's own ``advice`` when there is nothing closer.
    """

    exit_code = exit_codes.UNDECIDED
    code = "failed"
    """What is recorded for ever in place of the message, which may hold evidence."""
    advice = "`engine doctor` looks at everything that a decision needs"
    decision_id = ""
    """Id of the decision that was recorded as requested, and that this error is the answer to."""

    def __init__(self, message: str, hint: str = "") -> None:
        hint = hint or self.advice
        super().__init__(f"{message}\n{hint}")
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[Any, ...]:
        """Cross from a worker process to its parent, whatever the constructor takes."""
        return _restored, (type(self), self.args, self.__dict__)


def _restored(
    kind: type[GovernanceError], args: tuple[Any, ...], members: dict[str, Any]
) -> GovernanceError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(members)
    return error


class UsageError(GovernanceError):
    """The call itself is wrong: a flag, a name or a path."""

    exit_code = exit_codes.INVALID
    advice = "`engine VERB --help` shows an example"


class MissingExtraError(GovernanceError):
    """A package that only some verbs need is not installed; the hint names its extra."""

    exit_code = exit_codes.INVALID


@contextmanager
def requires_extra(extra: str) -> Iterator[None]:
    """Import what pyproject.toml lists under the optional dependencies ``extra``.

    Raises:
        MissingExtraError: One of the packages imported inside cannot be imported.
    """
    try:
        yield
    except ImportError as error:
        package = (error.name or extra).partition(".")[0]
        raise MissingExtraError(
            f"this needs the package {package}, which cannot be imported",
            f"in a clone: pip install '.[{extra}]'; else: pip install 'WHEEL[{extra}]'",
        ) from error


class ConfigError(GovernanceError):
    """Configuration or policy data is wrong; names the file and the key."""

    exit_code = exit_codes.INVALID
    advice = "mend it there; `engine config show` says where each setting comes from"


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a document.

    Attributes:
        file: Name as the caller gave it; ``-`` is standard input.
        line: Counted from 1; 0 when unknown.
        column: Counted from 1, in characters; 0 when unknown.
        pointer: RFC 6901 JSON pointer; ``""`` is the whole document.
    """

    file: str
    line: int = 0
    column: int = 0
    pointer: str = ""

    def __str__(self) -> str:
        place = self.file
        if self.line:
            place += f":{self.line}:{self.column}" if self.column else f":{self.line}"
        return f"{place}: {self.pointer}" if self.pointer else place


class DocumentError(GovernanceError):
    """An evidence document was refused.

    Args:
        position: Where.
        reason: What is wrong there, in one clause.
        hint: What to do; the nearest known name where a name is wrong.
        code: Which kind of refusal it is.
    """

    exit_code = exit_codes.INVALID
    advice = "mend it there, then try again"

    def __init__(
        self, position: Position, reason: str, hint: str = "", *, code: str = "document_refused"
    ) -> None:
        super().__init__(f"{position}: {reason}", hint)
        self.position = position
        self.reason = reason
        self.code = code


class KeyFileError(GovernanceError):
    """A key is missing, unreadable, not Ed25519, or readable by others."""

    exit_code = exit_codes.INVALID
    advice = "give a key in ENGINE_KEY or ENGINE_KEY_FILE; a new one: engine keys init"


class NoKeyError(KeyFileError):
    """There is no key: what may go on without one goes on after this, and after no other error."""


class PolicyError(GovernanceError):
    """OPA could not decide, or its answer was not whole. Nothing is promoted."""

    code = "policy_undecided"
    advice = "nothing was decided; `engine doctor` looks at the policies"


class PolicyBuildError(PolicyError):
    """Rego sources could not be compiled; the message carries OPA's own words."""

    exit_code = exit_codes.INVALID
    advice = "mend the line that is named, then try again"


class SourceError(GovernanceError):
    """A service that evidence comes from gave no whole answer; nothing was measured."""

    code = "source_gave_nothing"
    advice = "nothing was measured; look at the service, then try again"


class SpecError(GovernanceError):
    """TLC could not be run, or its answer or a kept state graph is not whole."""

    advice = "nothing was checked; `engine spec check` says what it needs"


class LedgerError(GovernanceError):
    """The ledger refused a read or a write; nothing was recorded."""

    advice = "nothing was recorded; `engine doctor` looks at the ledger"


class ExposedLedgerError(LedgerError):
    """Others can write to the ledger's file or to its signed heads; nothing was recorded."""

    exit_code = exit_codes.INVALID
    advice = "take the right from them: chmod go-w"


class LedgerBusyError(LedgerError):
    """Another process held the ledger's lock for longer than the caller would wait."""


class CommitError(LedgerError):
    """A commit failed half-way: its entries may or may not be recorded.

    The process appends no more to this ledger. Opening it again tells which: look the
    decision ids up.
    """

    advice = "look the decision up before asking again: engine ledger log"


class BudgetDeniedError(GovernanceError):
    """A lease was entered that was not granted; nothing is held, and nothing may be spent.

    Args:
        message: What decided, in one sentence.
        reason: Code, such as ``HARD_LIMIT_EXCEEDED``.
        decision_id: The recorded denial.
        fix: What to do, where there is more to it than the budget.
    """

    exit_code = exit_codes.FAIL
    advice = "wait for the next day, or have the budget raised by its owner"

    def __init__(
        self, message: str, reason: str = "DENIED", decision_id: str = "", fix: str = ""
    ) -> None:
        why = f"why: engine explain {decision_id}" if decision_id else ""
        super().__init__(message, "\n".join(filter(None, (why, fix))))
        self.reason = reason
        self.decision_id = decision_id


class OutputError(GovernanceError):
    """A file that was asked for could not be written; what was recorded stays recorded."""

    advice = "name a file in a folder that can be written"


class NotRecordedError(GovernanceError):
    """The ledger holds no such decision, entry or blob."""

    exit_code = exit_codes.INVALID
    advice = "`engine ledger log` lists what is recorded"


class CircuitOpenError(GovernanceError):
    """Calls to a model are stopped, because it keeps failing; nothing was asked of it.

    Args:
        provider: Whose model.
        model: As the provider's API takes it.
        phase: ``open``, or ``half-open`` while a probe is under way.
        retry_after_ms: A call may be let through after this long.
    """

    advice = "try again when that time is over, or ask another model"

    def __init__(self, provider: str, model: str, phase: str, retry_after_ms: int) -> None:
        self.provider = provider
        self.model = model
        self.phase = phase
        self.retry_after_s = retry_after_ms / 1000
        super().__init__(
            f"{provider}/{model}: the circuit is {phase} for another {self.retry_after_s:.0f} s, "
            "because calls to it failed"
        )


class VerificationError(GovernanceError):
    """Not genuine: a signature, a proof, the chain or a replay does not hold.

    Args:
        message: What is wrong, in one clause that names the thing.
        hint: What to do.
        notes: Signed notes that show it, each below a line that says what it is.
    """

    exit_code = exit_codes.NOT_GENUINE
    advice = "do not act on it; find out who changed it, and ask for the original"

    def __init__(self, message: str, hint: str = "", notes: tuple[str, ...] = ()) -> None:
        super().__init__("\n".join([message, *(note.rstrip("\n") for note in notes)]), hint)
        self.message = message
        self.notes = notes


class RollbackError(VerificationError):
    """The ledger is missing, smaller or other than the head that was signed for it."""


class EquivocationError(VerificationError):
    """A key signed two statements of which only one can be: two decisions under one id.

    Args:
        message: Which.
        hint: What to do.
        name: What the file is called that shows it, without its ending.
        evidence: The file's bytes, for whoever has the key's public half.
    """

    def __init__(self, message: str, hint: str, name: str, evidence: bytes) -> None:
        super().__init__(message, hint)
        self.name = name
        self.evidence = evidence


def suggest(name: str, known: Iterable[str]) -> str:
    """Return ``did you mean …?`` for the nearest of ``known``, or the whole list if it is short."""
    import difflib

    names = sorted(map(str, known))
    if near := difflib.get_close_matches(name, names, n=1, cutoff=0.6):
        return f"did you mean {near[0]!r}?"
    if len(names) <= 12:
        return f"known: {', '.join(names)}" if names else ""
    return ""
