"""The newest checkpoint of each ledger that a consumer has seen, remembered in a file of theirs.

A proof shows that something was signed, and not that it is the newest. Who remembers how far a
ledger came notices that it went backwards, forked, or was put back to an older copy.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import NamedTuple

from engine.errors import LedgerBusyError, RollbackError, UsageError, VerificationError
from engine.formats.printable import plain
from engine.formats.signed_json import read_json, read_list, read_object, read_text
from engine.proof import checkpoint
from engine.proof.attestation import VerifiedAttestation
from engine.proof.history import CheckpointPair, History, Outcome, SignedCheckpoint, pair_of
from engine.proof.trusted_keys import CHECKPOINT, Keys, keys_for
from engine.proof.verify import Equivocation, Verified
from engine.system.files import real_path, write_whole
from engine.system.locking import FileLock
from engine.system.ownership import others_can_write, others_can_write_to
from engine.system.reading import read_whole

MEDIA_TYPE = "application/vnd.governance-engine.checkpoint-state+json;version=1"
MAX_BYTES = 4 * 1024 * 1024
_WAIT_S = 30.0
_HINT = "name a file that --state wrote, or one that is not there yet"


class Taken(NamedTuple):
    """What became of a checkpoint that was held against the remembered one.

    Attributes:
        refusal: Why it is not accepted, one sentence: it could not be compared. Empty when it is.
        lines: What it continues, and what is remembered now; or what to ask for. Lines.
        is_known: Whether its ledger was remembered already, and this is the same one.
    """

    refusal: str = ""
    lines: tuple[str, ...] = ()
    is_known: bool = False


Notes = dict[tuple[str, frozenset[bytes]], str]
"""Signed notes by ledger and key: the origin, and the key hashes that signed under its name."""


class _Candidate(NamedTuple):
    """A checkpoint to be compared.

    Attributes:
        history: It, with what is shown of earlier sizes.
        keys: Raw keys, one of which at least signed it.
        of_record: Whether its ledger holds the record, and so must not go back.
        must_be_shown: Whether it is accepted only where it could be compared.
    """

    history: History
    keys: tuple[bytes, ...]
    of_record: bool = False
    must_be_shown: bool = True


class CheckpointState:
    """The file that ``--state`` names; every checkpoint that is taken is durable at once.

    Args:
        path: The file; made with mode 0600 when a first checkpoint is taken.

    Raises:
        UsageError: It is something else, or others can write to it.
    """

    def __init__(self, path: Path) -> None:
        self._path = real_path(path)
        self._shown: list[History] = []
        read_state(self._path)

    def take_pair(self, pair: CheckpointPair, public_keys: Sequence[bytes]) -> Taken:
        """Take the newer checkpoint of a pair, and use the pair for the files that follow.

        Raises:
            VerificationError: As :meth:`take`.
        """
        newer = checkpoint.verify(pair.newer, public_keys)
        size = checkpoint.verify(pair.older, public_keys).size
        history = History(
            pair.newer,
            newer,
            lambda then: pair.tree if then == size else None,
            lambda then: pair.chain if then == size else None,
        )
        self._shown.append(history)
        return self.take(history, public_keys)

    def take(
        self,
        history: History,
        public_keys: Sequence[bytes],
        proof: str | None = None,
        others: Sequence[SignedCheckpoint] = (),
    ) -> Taken:
        """Hold a verified history against the checkpoint that its key signed for its ledger.

        One that continues it, or is the first of its ledger and key, is remembered. Of what is
        not accepted nothing is.

        Args:
            history: The checkpoint, and what its holder shows of earlier sizes.
            public_keys: Raw keys, one of which at least signed it.
            proof: Name of the file that shows it; None where the ledger itself is at hand.
            others: Further checkpoints that the same record rests on.

        Returns:
            Whether it is accepted, and what that says.

        Raises:
            RollbackError: It goes back behind what is remembered, or one of them forks from it.
            UsageError: The file would be larger than what is read of one.
            VerificationError: What is remembered is not signed by the key that it names.

        Source: spec/predicate-v1.md section 14.3.
        """
        candidates = [_Candidate(history, tuple(public_keys), of_record=True)]
        candidates += [
            _Candidate(other.history, other.keys, must_be_shown=not other.is_attested)
            for other in others
        ]
        lock = FileLock(self._path.with_name(f"{self._path.name}.lock"), _WAIT_S)
        try:
            with lock.hold():
                return self._taken(candidates, proof)
        except LedgerBusyError:
            raise LedgerBusyError(
                f"{self._path}: another process has held it for {_WAIT_S:g} s",
                "wait for it to finish; nothing was remembered",
            ) from None

    def _taken(self, candidates: Sequence[_Candidate], proof: str | None) -> Taken:
        before = read_state(self._path)
        notes, known = dict(before), [key for found in candidates for key in found.keys]
        shown = [*self._shown, *(found.history for found in candidates)]
        answers = []
        for found in candidates:
            new = found.history.checkpoint
            for key in dict.fromkeys(found.keys):
                note = checkpoint.signed_by(found.history.note, key)
                if note is None:
                    continue
                old = self._remembered(notes, new.origin, key, known)
                outcome = Outcome.CONTINUES if old is None else _outcome(found.history, old, shown)
                answers.append(self._answer(found, old, outcome, proof))
                if outcome is Outcome.CONTINUES and (old is None or new.size > old.checkpoint.size):
                    key_hash = checkpoint.note_key_hash(new.origin, key)
                    notes[new.origin, frozenset([key_hash])] = note
        if refused := [answer for answer in answers if answer.refusal]:
            reasons = dict.fromkeys(answer.refusal for answer in refused)
            return Taken("; ".join(reasons), refused[0].lines)
        if notes != before:
            self._write(notes)
        return answers[0]

    def _answer(
        self, found: _Candidate, old: History | None, outcome: Outcome, proof: str | None
    ) -> Taken:
        """What a checkpoint is to the one that is remembered, and whether that is accepted."""
        size, file = found.history.checkpoint.size, self._path.name
        if old is None:
            return Taken(
                lines=(f"first checkpoint of this ledger: {file} now remembers {counted(size)}",)
            )
        known = old.checkpoint.size
        goes_back = found.of_record and size < known
        if outcome is Outcome.FORK or (outcome is Outcome.UNKNOWN and goes_back):
            raise self._refused(found.history, old, outcome, proof)
        if outcome is Outcome.UNKNOWN and found.must_be_shown:
            relation = "continues" if size > known else "is the beginning of"
            return Taken(
                f"nothing shows that the ledger of {size} entries {relation} the "
                f"{known} that {file} remembers",
                self._advice(proof) if found.of_record else self._advice_on(found, proof),
            )
        if outcome is Outcome.UNKNOWN:
            return Taken()
        if outcome is Outcome.SAME:
            line = f"the {counted(size)} that {file} remembers"
        elif size < known:
            line = f"part of the {counted(known)} that {file} remembers"
        else:
            line = f"continues the {counted(known)} that {file} remembered; it now remembers {size}"
        return Taken(lines=(line,), is_known=True)

    def _advice(self, proof: str | None, shown: str | None = None) -> tuple[str, ...]:
        """What to ask the ledger's holder for, and what to do with it."""
        kept, name = quote(self._path.name), quote(proof or "PROOF")
        return (
            "ask who has the ledger for both files:",
            f"engine ledger compare {kept} LEDGER -o went-on.json",
            f"engine ledger compare {shown or name} LEDGER -o placed.json",
            f"then: engine verify went-on.json placed.json {name} …",
        )

    def _advice_on(self, found: _Candidate, proof: str | None) -> tuple[str, ...]:
        """The same of an import, whose file names the ledger that it came from by a note."""
        return (
            "that is the ledger it was imported from; its checkpoint, to be kept as origin.note:",
            *found.history.note.splitlines(),
            *self._advice(proof, "origin.note"),
        )

    def _remembered(
        self, notes: Notes, origin: str, key: bytes, known: Sequence[bytes]
    ) -> History | None:
        """The newest checkpoint of a ledger that a key signed; keys may share a hash."""
        own = []
        for (ledger, hashes), note in notes.items():
            if ledger != origin or checkpoint.note_key_hash(origin, key) not in hashes:
                continue
            try:
                signed = checkpoint.verify(note, known)
            except VerificationError as error:
                raise VerificationError(
                    f"{self._path}: what it remembers: {error.message}", error.hint
                ) from None
            if checkpoint.signed_by(note, key) is not None:
                own.append(History(note, signed))
        return max(own, key=lambda history: history.checkpoint.size, default=None)

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

    def _write(self, notes: Notes) -> None:
        document = {"mediaType": MEDIA_TYPE, "checkpoints": sorted(notes.values())}
        data = (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode()
        if len(data) > MAX_BYTES:
            raise UsageError(
                f"--state {self._path}: it is full: with one ledger more it would have "
                f"{len(data):,} bytes, and {MAX_BYTES:,} are read; nothing was written",
                "keep it for the ledgers it knows, and name another file for new ones",
            )
        write_whole(self._path, data, mode=0o600)


def _outcome(history: History, old: History, shown: Sequence[History]) -> Outcome:
    """What a checkpoint is to the remembered one; of a smaller one others may show it."""
    if history.checkpoint.size >= old.checkpoint.size:
        return pair_of(old, history).outcome
    outcomes = [
        pair_of(history, other).outcome for other in shown if other.checkpoint == old.checkpoint
    ]
    return next(
        (outcome for outcome in outcomes if outcome is not Outcome.UNKNOWN), Outcome.UNKNOWN
    )


def counted(entries: int) -> str:
    """Return how many entries a ledger has, in words."""
    return "1 entry" if entries == 1 else f"{entries} entries"


def state_lines(taken: Taken) -> list[str]:
    """Return the lines of an answer that say what became of its checkpoint; notes are not cut."""
    return [
        f"  {'' if number else 'state':<9} {plain(line)}" for number, line in enumerate(taken.lines)
    ]


def compare_with_state(
    state: CheckpointState,
    name: str,
    verified: Verified | VerifiedAttestation | Equivocation | CheckpointPair,
    keys: Keys,
) -> Taken:
    """Hold what a file was verified to be against what is remembered.

    Args:
        state: What is remembered.
        name: The file's name.
        verified: What it was verified to be; what convicts a signer is not remembered.
        keys: Keys that are trusted now.

    Returns:
        Whether it is accepted, and what that says.

    Raises:
        VerificationError: As :meth:`CheckpointState.take`.
    """
    if isinstance(verified, Equivocation):
        return Taken()
    if isinstance(verified, CheckpointPair):
        is_fork = verified.outcome is Outcome.FORK
        trusted = keys_for(keys, CHECKPOINT)
        return Taken() if is_fork else state.take_pair(verified, trusted)
    own, *others = verified.checkpoints
    return state.take(own.history, own.keys, name, others)


def read_state(path: Path) -> Notes:
    """Return the notes in the file that ``--state`` names; none when it is not there.

    Raises:
        UsageError: It cannot be read, is something else or another user's, or others can write
            to it or replace it.
    """
    name = f"--state {path}"
    try:
        facts, data = path.stat(), b""
        if is_file := stat.S_ISREG(facts.st_mode):  # a pipe would be waited for
            data = read_whole(path, MAX_BYTES)
    except FileNotFoundError:
        if not path.parent.is_dir():
            raise UsageError(f"{name}: its folder does not exist", _HINT) from None
        if others_can_write_to(path):
            raise _exposed(name, path.parent) from None
        return {}
    except OSError as error:
        raise UsageError(f"{name}: {(error.strerror or str(error)).lower()}", _HINT) from None
    if not is_file:
        raise UsageError(f"{name}: is no regular file", _HINT)
    if facts.st_uid not in (os.geteuid(), 0):
        raise UsageError(
            f"{name}: belongs to another user (uid {facts.st_uid})",
            "look at what it remembers, then copy it into a file of yours",
        )
    if others_can_write(facts):
        raise UsageError(f"{name}: others can write to it", f"chmod 600 {path}")
    if others_can_write_to(path):
        raise _exposed(name, path.parent)
    return parse_state(data, f"--state {path}")


def _exposed(name: str, folder: Path) -> UsageError:
    return UsageError(
        f"{name}: others can write to the folder it lies in, and replace it",
        f"look at what it remembers, then: chmod go-w {folder}",
    )


def parse_state(data: bytes, name: str) -> Notes:
    """Return the notes in the bytes of such a file, by ledger and key.

    Raises:
        UsageError: They are something else.
    """
    try:
        value = read_json(data, "it", max_bytes=MAX_BYTES)
        members = read_object(value, "it", ("mediaType", "checkpoints"))
        texts = [read_text(note, "a note") for note in read_list(members["checkpoints"], "they")]
        notes = {ledger_and_keys(note): note for note in texts}
    except VerificationError as error:
        raise UsageError(f"{name}: {error.message}", _HINT) from None
    if members["mediaType"] != MEDIA_TYPE or len(notes) != len(texts):
        raise UsageError(f"{name}: is no file of --state, or has one ledger twice", _HINT)
    return notes


def ledger_and_keys(note: str) -> tuple[str, frozenset[bytes]]:
    """Return whose a signed note says it is: its origin, and the hashes of that name's keys.

    Raises:
        VerificationError: It is no checkpoint.
    """
    found, _, lines = checkpoint.parse(note)
    hashes = (line.key_hash for line in lines if line.name == found.origin)
    return found.origin, frozenset(hashes)
