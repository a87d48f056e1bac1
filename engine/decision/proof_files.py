"""Where proofs are written."""

from __future__ import annotations

from pathlib import Path

from engine.errors import UsageError
from engine.system.files import require_writable, write_whole


class ProofFiles:
    """A file for one proof, or a folder for many; it can be written, as far as that can be known.

    Args:
        target: The file or the folder.
        several: Whether it is a folder.

    Raises:
        UsageError: It cannot be written.
    """

    def __init__(self, target: Path, *, several: bool) -> None:
        if several and not target.is_dir():
            raise UsageError(
                f"--export {target}: is no folder, and several decisions have several proofs",
                "name a folder that exists",
            )
        self._target, self._several = target, several
        require_writable(self.file_of("proof"))

    def file_of(self, decision_id: str) -> Path:
        """Return the file that the proof of a decision is written to."""
        return self._target / f"{decision_id}.proof.json" if self._several else self._target

    def write(self, decision_id: str, proof: bytes) -> None:
        """Write a proof: whole or not at all, and durable when this returns.

        Raises:
            OutputError: It cannot be written after all.
        """
        write_whole(self.file_of(decision_id), proof)
