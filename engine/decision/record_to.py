"""Where decisions are recorded, and with whose key."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from engine.decision.runtime import Runtime
from engine.errors import UsageError
from engine.formats.times import write_time
from engine.system.files import real_path

if TYPE_CHECKING:
    from engine.ledger import Ledger
    from engine.signers import Signer

RUN_LEDGER = "run:"
"""URL of a ledger that lives as long as this run, and in the proofs that are exported from it."""


def _warn(text: str) -> None:
    warnings.warn(text, RuntimeWarning, stacklevel=2)


class RecordTo:
    """Where decisions are recorded, and with whose key. Nothing is opened before it is needed.

    Args:
        url: See :func:`engine.ledger.open_ledger`. A relative path is taken from the working
            folder as it is now: wherever the process goes, this stays the same ledger.
        open_signer: Returns the key that signs.
        prepare: Makes key and folder on first use, before they are needed; None makes nothing.
        environ: Says where the user keeps state; the heads are kept there, too.
        heads: Folder of signed heads beside the key; None where the key has no folder of ours.
        create: Whether a ledger that is not there is made.
        begin: Called before one is made; raises where that would be a mistake.
        agrees: See :func:`engine.ledger.open_ledger`.
        say: See :func:`engine.ledger.open_ledger`; where nobody is named, Python's warnings.
        lock_timeout_s: How long an append waits for other writers.
        run: ``ID/ATTEMPT``, where the caller says of which run of a CI a ledger of this run is.

    Raises:
        UsageError: No such kind of ledger, or no such run.
    """

    def __init__(
        self,
        url: str,
        open_signer: Callable[[], Signer],
        prepare: Callable[[], None] | None = None,
        *,
        environ: Mapping[str, str],
        heads: Path | None = None,
        create: bool = True,
        begin: Callable[[], None] | None = None,
        lock_timeout_s: float = 30.0,
        agrees: Callable[[str], bool] = lambda _question: False,
        say: Callable[[str], None] = _warn,
        run: str | None = None,
    ) -> None:
        from engine.ledger import located

        self.url, self.open_signer, self._prepare = located(url), open_signer, prepare
        self._create, self._begin, self._lock_timeout_s = create, begin, lock_timeout_s
        self._agrees, self._say = agrees, say
        self._state, self._beside_key = state_folder(environ), heads
        self._run = None
        if self.is_ephemeral:
            from engine.decision.ci_run import ci_run

            self._run = ci_run(environ, run)

    @property
    def is_ephemeral(self) -> bool:
        """Whether the ledger is gone with this run."""
        return self.url == RUN_LEDGER

    @property
    def relaxations(self) -> tuple[str, ...]:
        """What has to be named: nobody keeps the order of what was decided."""
        return ("ephemeral_ledger",) if self.is_ephemeral else ()

    def require_kept(self, *, exports: bool) -> None:
        """Refuse a ledger that is gone with this run where no proof of it stays.

        Args:
            exports: Whether the proof of what is recorded will be written somewhere.

        Raises:
            UsageError: Nothing would be left of the record.
        """
        if self.is_ephemeral and not exports:
            raise UsageError(
                "a run: ledger lives in its proof, and no proof was asked for",
                "add --export FILE (from Python: export=Path(…)), or name a lasting ledger",
            )

    def open(
        self, runtime: Runtime, *, no_later_than: datetime | None = None
    ) -> tuple[Ledger, Signer]:
        """Return the ledger, for writing, and the key that signs for it.

        Args:
            runtime: Clock and chance.
            no_later_than: Instant of what will be recorded first, where that was read already: a
                ledger that is made here was not made after it.

        Raises:
            UsageError, KeyFileError, LedgerError, RollbackError: See
                :func:`engine.ledger.open_ledger`.
        """
        from engine.ledger import open_ledger

        if self._prepare is not None:
            self._prepare()
        signer = self.open_signer()
        ledger = open_ledger(
            self.url,
            signer=signer,
            heads=self.heads,
            lock_timeout_s=self._lock_timeout_s,
            create=self._create or self.is_ephemeral,
            begin=self._begin,
            created_at=write_time(min(filter(None, (runtime.now(), no_later_than)))),
            random=runtime.random,
            agrees=self._agrees,
            say=self._say,
            run=self._run,
        )
        return ledger, signer

    def open_to_read(self) -> Ledger:
        """Return the ledger, for reading; no key is needed.

        Raises:
            UsageError: There is none, or it is one of this run.
        """
        from engine.ledger import open_ledger

        if self.is_ephemeral:
            raise UsageError(
                "a run: ledger is gone with its run", "read its proof: engine verify FILE"
            )
        return open_ledger(
            self.url, signer=None, heads=self.heads, lock_timeout_s=self._lock_timeout_s
        )

    def exists(self) -> bool:
        """Whether there is a lasting ledger already."""
        from engine.ledger import store_at

        return not self.is_ephemeral and store_at(self.url).exists()

    def require_apart(self, outputs: Iterable[Path]) -> None:
        """Refuse an output in the place of the ledger's file, its log or lock, or a signed head.

        Raises:
            UsageError: One is one of them, or will be.
        """
        files, heads = frozenset(self._files()), frozenset(self.heads)
        for path in outputs:
            real = real_path(path)
            if real in files or not heads.isdisjoint((real, real.parent)):
                raise UsageError(
                    f"{path}: belongs to the ledger, and is not written over", "name another file"
                )

    @property
    def heads(self) -> tuple[Path, ...]:
        """Folders of the last signed heads: beside the key, in the user's state, by the ledger.

        Every door looks into each that it knows and writes to each that it can: no other door,
        key file or working folder makes it forget how far the ledger came. INV-DOOR-4.
        """
        if self.is_ephemeral:
            return ()
        by_ledger = [file.parent / "heads" for file in self._files()[:1]]
        places = (self._beside_key, self._state, *by_ledger)
        return tuple(dict.fromkeys(real_path(place) for place in places if place is not None))

    def _files(self) -> tuple[Path, ...]:
        from engine.ledger import store_at

        return () if self.is_ephemeral else store_at(self.url).files()


def state_folder(environ: Mapping[str, str]) -> Path | None:
    """Return where a user's signed heads are; None for a process without a home."""
    base, home = (Path(environ.get(name) or "") for name in ("XDG_STATE_HOME", "HOME"))
    state = base if base.is_absolute() else home / ".local" / "state"
    return state / "governance-engine" / "heads" if state.is_absolute() else None
