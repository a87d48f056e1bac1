"""What ``engine doctor`` found: one finding per thing, whatever went wrong with looking at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from engine.cli.console.shell import Shell
from engine.errors import GovernanceError
from engine.exit_codes import PASS, UNDECIDED
from engine.settings.config import Config


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that was looked at.

    Attributes:
        level: ``ok``, ``warn``, or ``FAIL`` for what keeps ``engine decide`` from deciding.
        about: One word.
        says: What was found.
        do: What to do about it; empty for ``ok``.
        code: Exit code that a failure stands for; 0 when it is none.
    """

    level: Level
    about: str
    says: str
    do: str = ""
    code: int = PASS


@dataclass(frozen=True, slots=True)
class World:
    """What is examined."""

    config: Config
    shell: Shell


Examination = Callable[[World], Iterator[Diagnosis]]


def diagnose(about: str, examine: Examination, world: World) -> Iterator[Diagnosis]:
    """Yield what ``examine`` finds; an error of the examination is a finding too."""
    try:
        yield from examine(world)
    except GovernanceError as error:
        yield failed(about, error)
    except Exception as error:  # noqa: BLE001  (the world is broken, the report is not)
        says = f"could not be examined: {type(error).__name__}: {error}"
        yield Diagnosis(
            Level.FAIL, about, says, "mend what the message names, then run it again", UNDECIDED
        )


def failed(about: str, error: GovernanceError) -> Diagnosis:
    """Return ``error`` as a finding."""
    do = " ".join(line.strip() for line in error.hint.splitlines()) or "see `engine decide --help`"
    return Diagnosis(Level.FAIL, about, "; ".join(error.message.splitlines()), do, error.exit_code)
