"""Where ``engine decide`` finds attestations: files that were handed on, and its own ledger."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine.cli import workspace
from engine.decision.attest import last_words, newest
from engine.errors import KeyFileError, UsageError, VerificationError
from engine.evidence.documents import read_bytes
from engine.evidence.input import AttestationFacts
from engine.model import ATTESTATION_TYPES, Subject
from engine.proof.attestation import Attestation, verify_attestation
from engine.proof.attestation_rules import RequiredAttestation
from engine.proof.bundle import MAX_BYTES
from engine.settings.config import Config

if TYPE_CHECKING:
    from engine.cli.console.shell import Shell
    from engine.ledger import Ledger

MOST_FILES = 8


class Attestations:
    """Finds the attestations of one subject after another; verified, or not at all.

    Made before worker processes are: files are read once, the ledger is opened in the process
    that asks, when it asks first.

    Args:
        wanted: What the gate asks for.
        files: Proofs of attestations, as ``engine attest --export`` wrote them.
        config: Says where ledger and key are.
        shell: The world around.
        say: Told of files that are about another artifact; None where several are decided on.

    Raises:
        VerificationError: A file is not genuine.
        DocumentError, UsageError: A file cannot be read, or there are too many.
    """

    def __init__(
        self,
        wanted: Sequence[RequiredAttestation],
        files: Sequence[str],
        config: Config,
        shell: Shell,
        say: Callable[[str], None] | None,
    ) -> None:
        if len(files) > MOST_FILES:
            raise UsageError(
                f"{len(files)} attestations are given; {MOST_FILES} are read",
                "leave out those that have expired",
            )
        types = {each.type for each in wanted}
        self._gates = [gate for gate, kind in ATTESTATION_TYPES.items() if kind in types]
        self._config, self._shell, self._say = config, shell, say
        self._given = [(name, _verified(name, shell)) for name in files]
        self._own_key = _own_key(config, shell)
        self._ledger: Ledger | None = None
        self._looked = False

    def __call__(self, subject: Subject) -> Sequence[AttestationFacts]:
        """Return the last word of each key on ``subject``; nothing without its digest."""
        if subject.sha256 is None:
            return ()
        found = self._of_files(subject.sha256)
        own_key = self._own_key
        if (ledger := self._opened()) is not None:
            recorded = [newest(ledger, gate, subject.sha256) for gate in self._gates]
            found += [one for one in recorded if one is not None]
            if own_key is None:  # a dry run without a key: nobody but the ledger's key writes to it
                own_key = next((one.public_key for one in recorded if one is not None), None)
        return last_words(found, own_key)

    def _of_files(self, sha256: str) -> list[Attestation]:
        for name, one in self._given:
            if self._say is not None and one.subject_sha256 != sha256:
                self._say(
                    f"engine: --attestation {name} is about sha256:{one.subject_sha256}; "
                    "it says nothing about this artifact"
                )
        return [one for _, one in self._given if one.subject_sha256 == sha256]

    def _opened(self) -> Ledger | None:
        """The ledger, for reading; None where there is none yet, or one of this run only."""
        if not self._looked:
            self._looked = True
            url = workspace.ledger_url(self._config)
            path = Path(url.removeprefix("sqlite:///").removeprefix("sqlite:"))
            if url != workspace.RUN_LEDGER and path.exists():
                self._ledger = workspace.ledger_to_read(self._config, self._shell)
        return self._ledger

    def close(self) -> None:
        """Let go of the ledger."""
        if self._ledger is not None:
            self._ledger.close()


def _verified(name: str, shell: Shell) -> Attestation:
    data = read_bytes(name, stdin=shell.stdin, max_bytes=MAX_BYTES)
    try:
        found = verify_attestation(data, None).attestation
        found.carried()
    except VerificationError as error:
        raise VerificationError(f"--attestation {name}: {error.message}", error.hint) from None
    return found


def _own_key(config: Config, shell: Shell) -> bytes | None:
    """The key that will sign the decision; None where there is none yet."""
    try:
        return workspace.open_signer(config, shell).public_key
    except KeyFileError:
        return None
