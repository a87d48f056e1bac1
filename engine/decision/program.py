"""The session of a program that uses the engine as a library: what it names, it chose itself."""

from __future__ import annotations

import os
import warnings
from functools import partial
from pathlib import Path

from engine.decision.arguments import optional_path, path, pem, text
from engine.decision.policies_in_use import ChosenBy, PoliciesInUse, in_use
from engine.decision.record_to import RecordTo
from engine.decision.runtime import Runtime
from engine.decision.session import Session
from engine.errors import UsageError
from engine.policy.bundle import PolicyBundle
from engine.policy.evaluator import Evaluator, EvaluatorOptions
from engine.policy.evaluators import EVALUATORS
from engine.policy.overlay import load_policies


def session_of(
    ledger: str | Path | None,
    key: bytes | None,
    policies: str | Path | None = None,
    *,
    policy_trust: str | Path | None = None,
    cache: str | Path | None = None,
    runtime: Runtime | None = None,
) -> Session:
    """Return a session; policies are read, ledger and evaluator are opened when they are needed.

    Args:
        ledger: SQLite file, a URL, or None to record nothing.
        key: Private key, PEM; with ``ledger``.
        policies: Folder laid over the shipped policies, or the file that was built of one.
        policy_trust: Trust list of the keys that may approve a built file; None asks nobody. Where
            none did, a :class:`UserWarning` says why.
        cache: The user's own folder for the compiled policy; None compiles it anew.
        runtime: Clock and chance; the system's if left out.

    Raises:
        UsageError: A ledger without a key, or a key without a ledger.
        GovernanceError: The policies cannot be used.
    """
    kept = optional_path("cache", cache)
    session = Session(
        policies_of(policies, policy_trust),
        partial(_open_evaluator, cache=kept and kept.absolute()),
        record_to=record_to(ledger, key),
        runtime=runtime,
    )
    for reason in session.not_approved():
        warnings.warn(f"the policies are not approved: {reason}", UserWarning, stacklevel=3)
    return session


def policies_of(
    policies: str | Path | None, policy_trust: str | Path | None = None
) -> PoliciesInUse:
    """Return the shipped policies, or them with the caller's folder laid over.

    Args:
        policies: As :func:`session_of`.
        policy_trust: As :func:`session_of`.
    """
    return in_use(
        optional_path("policies", policies),
        optional_path("policy_trust", policy_trust),
        ChosenBy.CALLER,
        partial(load_policies, opa=None),
    )


def record_to(ledger: str | Path | None, key: bytes | None) -> RecordTo | None:
    """Return where a program records.

    Raises:
        UsageError: A ledger without a key, or a key without a ledger.
    """
    if (ledger is None) != (key is None):
        raise UsageError("a ledger needs a key, and a key a ledger", "give both, or neither")
    if ledger is None or key is None:
        return None
    from engine.signers.ed25519 import from_pem

    url = str(path("ledger", ledger)) if isinstance(ledger, Path) else text("ledger", ledger)
    return RecordTo(url, partial(from_pem, pem("key", key), "key"), environ=os.environ)


def _open_evaluator(
    bundle: PolicyBundle, *, cache: Path | None, few: bool = False, expendable: bool = False
) -> Evaluator:
    options = EvaluatorOptions(cache=cache, few=few, expendable=expendable)
    return EVALUATORS["wasm"](bundle, options)
