"""What every evaluator promises, and what it may be given."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from engine.model import Json

TIME_LIMIT_S = 5.0
MEMORY_LIMIT_BYTES = 64 * 1024 * 1024
DEADLINE_S = 10.0


class Evaluator(Protocol):
    """Asks one policy bundle."""

    @property
    def kind(self) -> str:
        """Word of the record: ``wasm`` or ``server``."""
        ...

    @property
    def opa_version(self) -> str:
        """Version of the OPA that compiled the policy, or that answered last."""
        ...

    def evaluate(self, gate: str, document: bytes) -> bytes:
        """Return the decision object of ``gate`` on ``document`` as canonical JSON.

        Args:
            gate: Name of a gate of the bundle.
            document: The input: canonical JSON, UTF-8.

        Returns:
            RFC 8785 bytes of ``{"checks", "obligations", "verdict", "waivers"}``; the lists
            sorted, the checks exactly the gate's. Equal for every evaluator of one bundle.

        Raises:
            UsageError: The bundle has no such gate.
            PolicyError: There is no whole answer, for whatever reason. Nothing is decided.
        """
        ...

    def answer(self, gate: str, document: bytes) -> dict[str, Json]:
        """Return what :meth:`evaluate` encodes, for a caller who compares nothing."""
        ...

    def close(self) -> None:
        """Let go of what the evaluator holds: connections, memory, threads."""
        ...


@dataclass(frozen=True, slots=True)
class EvaluatorOptions:
    """What an evaluator may need besides the bundle.

    Attributes:
        cache: The user's own cache folder for compiled modules; None keeps nothing.
        time_limit_s: Longest that one embedded evaluation may take.
        memory_limit_bytes: Most memory that the embedded policy may take.
        few: Whether only a few documents will follow, so that starting fast counts most.
        expendable: Whether the process may be ended where the time limit is reached.
        url: Address of an OPA server, for kind ``server``.
        token: Bearer token for it; None sends none.
        ca_file: Certificates that its own is checked against; None is the system's.
        deadline_s: Longest that one answer of the server may take, all in all.
    """

    cache: Path | None = None
    time_limit_s: float = TIME_LIMIT_S
    memory_limit_bytes: int = MEMORY_LIMIT_BYTES
    few: bool = False
    expendable: bool = False
    url: str = ""
    token: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    deadline_s: float = DEADLINE_S
