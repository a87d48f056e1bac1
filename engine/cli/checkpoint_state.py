"""The newest checkpoint of each ledger that a consumer has seen, remembered in a file of theirs.

A proof shows that something was signed, and not that it is the newest. Who remembers how far a
ledger came notices that it went backwards, forked, or was put back to an older copy.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import NamedTuple

from engine.errors import LedgerBusyError, RollbackError, UsageError, VerificationError
from engine.formats.signed_json import read_json, read_list, read_object, read_text
from engine.ledger.sqlite.locking import FileLock
from engine.proof import checkpoint
from engine.proof.attestation import VerifiedAttestation
from engine.proof.bundle import parse
from engine.proof.history import CheckpointPair, History, Outcome, compared, history_in, pair_of
from engine.proof.trusted_keys import Keys, TrustedKey
from engine.proof.verify import Equivocation, Verified
from engine.system.files import write_whole

MEDIA_TYPE = "application/vnd.governance-engine.checkpoint-state+json;version=1"
MAX_BYTES = 4 * 1024 * 1024
_WAIT_S = 30.0
_HINT = "name a file that --state wrote, or one that is not there yet"


class Taken(NamedTuple):
    """What became of a checkpoint that was held against the remembered one.

    Attributes:
        refusal: Why it is not accepted, one sentence: it could not be compared. Empty when it is.
        lines: What it continues, and what is remembered now; or what to ask for. Lines.
    """

    refusal: str = ""
    lines: tuple[str, ...] = ()


class CheckpointState:
    """The file that ``--state`` names; every checkpoint that is taken is durable at once.

    Args:
        path: The file; made with mode 0600 when a first checkpoint is taken.

    Raises:
        UsageError: It is something else, or others can write to it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.resolve()
        self._pairs: list[CheckpointPair] = []
        read_state(self._path)

    def take_pair(self, pair: CheckpointPair, public_keys: Sequence[bytes]) -> Taken:
        """Take the newer checkpoint of a pair, and use the pair for the files that follow.

        Raises:
            VerificationError: As :meth:`take`.
        """
        newer = checkpoint.verify(pair.newer, public_keys)
        size = checkpoint.verify(pair.older, public_keys).size
        self._pairs.append(pair)
        return self.take(
            History(
                pair.newer,
                newer,
                lambda then: pair.tree if then == size else None,
                lambda then: pair.chain if then == size else None,
            ),
            public_keys,
        )

    def take(
        self, history: History, public_keys: Sequence[bytes], proof: str | None = None
    ) -> Taken:
        """Hold a verified history against the checkpoint that is remembered of its ledger.

        One that continues it, or is the first of its ledger, is remembered.

        Args:
            history: The checkpoint, and what its holder shows of earlier sizes.
            public_keys: Raw keys, one of which must have signed what is remembered.
            proof: Name of the file that shows it; None where the ledger itself is at hand.

        Returns:
            Whether it is accepted, and what that says.

        Raises:
            RollbackError: It goes back behind what is remembered, or forks from it.
            VerificationError: None of the keys signed what is remembered.
        """
        lock = FileLock(self._path.with_name(f"{self._path.name}.lock"), _WAIT_S)
        try:
            with lock.hold():
                return self._taken(history, public_keys, proof)
        except LedgerBusyError:
            raise LedgerBusyError(
                f"{self._path}: another process has held it for {_WAIT_S:g} s",
                "wait for it to finish; nothing was remembered",
            ) from None

    def _taken(self, history: History, public_keys: Sequence[bytes], proof: str | None) -> Taken:
        notes = read_state(self._path)
        new = history.checkpoint
        note = notes.get(new.origin)
        file = self._path.name
        sentence = f"first checkpoint of this ledger: {file} now remembers {_counted(new.size)}"
        if note is not None:
            old = self._remembered(note, public_keys)
            if new.size < old.checkpoint.size:
                outcome = self._of_older(history, old)
                if outcome is not Outcome.CONTINUES:
                    raise self._refused(history, old, outcome, proof)
                known = _counted(old.checkpoint.size)
                return Taken(lines=(f"part of the {known} that {file} remembers",))
            outcome = pair_of(old, history).outcome
            if outcome is Outcome.FORK:
                raise self._refused(history, old, outcome, proof)
            if outcome is Outcome.UNKNOWN:
                return Taken(
                    f"nothing shows that the ledger of {new.size} entries continues the "
                    f"{old.checkpoint.size} that {file} remembers",
                    self._advice(proof),
                )
            if outcome is Outcome.SAME:
                return Taken(lines=(f"the {_counted(new.size)} that {file} remembers",))
            sentence = (
                f"continues the {_counted(old.checkpoint.size)} that {file} remembered; "
                f"it now remembers {new.size}"
            )
        self._write(notes | {new.origin: history.note})
        return Taken(lines=(sentence,))

    def _advice(self, proof: str | None) -> tuple[str, ...]:
        """What to ask the ledger's holder for, and what to do with it."""
        kept, name = quote(self._path.name), quote(proof or "PROOF")
        return (
            "ask who has the ledger for both files:",
            f"engine ledger compare {kept} LEDGER -o went-on.json",
            f"engine ledger compare {name} LEDGER -o placed.json",
            f"then: engine verify went-on.json placed.json {name} …",
        )

    def _remembered(self, note: str, public_keys: Sequence[bytes]) -> History:
        try:
            return History(note, checkpoint.verify(note, public_keys))
        except VerificationError as error:
            raise VerificationError(
                f"{self._path}: what it remembers: {error.message}", error.hint
            ) from None

    def _of_older(self, history: History, old: History) -> Outcome:
        """What a checkpoint of a smaller size is to the remembered one, by a pair given before."""
        for pair in self._pairs:
            older, newer = (checkpoint.parse(note)[0] for note in (pair.older, pair.newer))
            if newer == old.checkpoint and older.size == history.checkpoint.size:
                return compared(history.checkpoint, newer, pair.tree, pair.chain)
        return Outcome.UNKNOWN

    def _refused(
        self, history: History, old: History, outcome: Outcome, proof: str | None
    ) -> RollbackError:
        new, known = history.checkpoint, old.checkpoint
        message, hint = (
            f"the ledger forked: it is not the one of {known.size} entries that is remembered",
            "keep both: signed by one key, they convict it, in one file by\n"
            f"engine ledger compare {quote(self._path.name)} {quote(proof or 'LEDGER')} "
            "--key PUB -o pair.json",
        )
        if outcome is Outcome.UNKNOWN:
            message = (
                f"the ledger went backwards: {new.size} entries, and {known.size} are remembered"
            )
            hint = (
                "an older copy: restore the newest copy of the ledger; or a fork of it"
                if proof is None
                else "\n".join(("an older proof, an older copy or a fork", *self._advice(proof)))
            )
        notes = (f"remembered in {self._path.name}:\n{old.note}", f"shown:\n{history.note}")
        return RollbackError(message, hint, notes)

    def _write(self, notes: dict[str, str]) -> None:
        document = {"mediaType": MEDIA_TYPE, "checkpoints": [notes[name] for name in sorted(notes)]}
        text = json.dumps(document, ensure_ascii=False, indent=1) + "\n"
        write_whole(self._path, text.encode(), mode=0o600)


def _counted(entries: int) -> str:
    return "1 entry" if entries == 1 else f"{entries} entries"


def state_rows(taken: Taken) -> list[tuple[str, str]]:
    """Return the rows of an answer that say what became of its checkpoint: label and text."""
    return [("" if number else "state", line) for number, line in enumerate(taken.lines)]


def compare_with_state(
    state: CheckpointState,
    name: str,
    data: bytes,
    verified: Verified | VerifiedAttestation | Equivocation | CheckpointPair,
    keys: Keys,
) -> Taken:
    """Hold what a file was verified to be against what is remembered.

    Args:
        state: What is remembered.
        name: The file's name.
        data: The file's bytes.
        verified: What it was verified to be; what convicts a signer is not remembered.
        keys: Keys that are trusted now.

    Returns:
        Whether it is accepted, and what that says.

    Raises:
        VerificationError: As :meth:`CheckpointState.take`.
    """
    trusted = [key.public if isinstance(key, TrustedKey) else key for key in keys]
    if isinstance(verified, Equivocation):
        return Taken()
    if isinstance(verified, CheckpointPair):
        is_fork = verified.outcome is Outcome.FORK
        return Taken() if is_fork else state.take_pair(verified, trusted)
    signed = (
        verified.checkpoint if isinstance(verified, Verified) else verified.attestation.checkpoint
    )
    return state.take(history_in(parse(data), signed), trusted, name)


def read_state(path: Path) -> dict[str, str]:
    """Return the notes in the file that ``--state`` names, by origin; none when it is not there.

    Raises:
        UsageError: It cannot be read, is something else, or others can write to it.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
            open_to_others = os.fstat(file.fileno()).st_mode & 0o022
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UsageError(
            f"--state {path}: {(error.strerror or str(error)).lower()}", _HINT
        ) from None
    if open_to_others:
        raise UsageError(f"--state {path}: others can write to it", f"chmod 600 {path}")
    return parse_state(data, f"--state {path}")


def parse_state(data: bytes, name: str) -> dict[str, str]:
    """Return the notes in the bytes of such a file, by origin.

    Raises:
        UsageError: They are something else.
    """
    try:
        value = read_json(data, "it", max_bytes=MAX_BYTES)
        members = read_object(value, "it", ("mediaType", "checkpoints"))
        texts = [read_text(note, "a note") for note in read_list(members["checkpoints"], "they")]
        notes = {checkpoint.parse(note)[0].origin: note for note in texts}
    except VerificationError as error:
        raise UsageError(f"{name}: {error.message}", _HINT) from None
    if members["mediaType"] != MEDIA_TYPE or len(notes) != len(texts):
        raise UsageError(f"{name}: is no file of --state, or has one ledger twice", _HINT)
    return notes
