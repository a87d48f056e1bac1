"""The engine as a library: the same decision and the same proof as the command line's.

Use :class:`Gate` for many decisions, :func:`decide` for one, :func:`gather` for the evidence and
:func:`verify` for the proof; all of them are names of ``engine``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from engine.decision.arguments import (
    content,
    instance,
    instant,
    optional_output,
    path,
    pem,
    refused,
    several,
    text,
)
from engine.decision.program import policies_of, session_of
from engine.decision.runtime import SystemRuntime
from engine.errors import DocumentError, Position, UsageError
from engine.model import Decision, Json
from engine.system.closing import Closing

if TYPE_CHECKING:
    from engine.decision.attest import RecordedAttestation
    from engine.decision.proof_files import ProofFiles
    from engine.evidence.input import Input, Question
    from engine.proof.expectations import Expectations
    from engine.proof.verify import Verified

_DOCUMENT = "document"
"""What evidence from Python is called in messages and records."""


class Gate(Closing):
    """Asks one gate, as often as you like; policies, OPA and ledger stay open in between.

    Safe to use from several threads: decisions that are recorded at the same moment share one
    commit.

    Args:
        gate: Policy package.
        profile: Table of limits.
        stage: ``candidate`` or ``production``.
        ledger: SQLite file or ``sqlite:///PATH``, created when it is not there; ``run:`` is a
            ledger that lives in the proofs that are exported; None decides without recording, and
            every decision says so.
        key: Private key, PEM; with ``ledger``.
        policies: Folder laid over the shipped policies, or the file that was built of one. Records
            name it: ``policies_overridden``, unless somebody approved it.
        policy_trust: Trust list of the keys that may approve that file (``engine policy sign``);
            where none did, a :class:`UserWarning` says why.
        cache: The user's own folder for the compiled policy, which saves compiling it each time;
            see :mod:`engine.policy.evaluators.module_cache`.

    Raises:
        GovernanceError: See :mod:`engine.errors`; nothing is ever promoted by an error.
    """

    def __init__(
        self,
        gate: str = "promotion",
        profile: str = "default",
        stage: str = "candidate",
        *,
        ledger: str | Path | None = None,
        key: bytes | None = None,
        policies: str | Path | None = None,
        policy_trust: str | Path | None = None,
        cache: str | Path | None = None,
    ) -> None:
        self._defaults = (text("gate", gate), text("profile", profile), text("stage", stage))
        self._session = session_of(ledger, key, policies, policy_trust=policy_trust, cache=cache)
        self._session.question(*self._defaults)
        if self._session.record_to is not None:
            self._session.open()

    def close(self) -> None:
        """Let go of policies and ledger."""
        self._session.close()

    def decide(
        self,
        document: Json,
        *,
        attestations: Sequence[bytes] = (),
        export: str | Path | None = None,
        now: datetime | None = None,
    ) -> Decision:
        """Ask the gate about one metrics document, and record the verdict.

        Args:
            document: What a metrics file says: subject, observed_at, metrics.
            attestations: Proof bundles, as ``engine attest --export`` writes them, for profiles
                that ask for one; those in the gate's own ledger are found without.
            export: Also write the proof bundle to this file, or into this folder.
            now: Decide as of this instant: a dry run, which is not recorded.

        Returns:
            The decision. It is durable when this returns, unless it says ``recorded=False``:
            without a ledger, or as of an instant. Its ``unread_metrics`` are what was given and
            no check of the gate reads.

        Raises:
            GovernanceError: See :mod:`engine.errors`.
        """
        from engine.decision.unread import explained

        question = self._session.question(*self._defaults, as_of=instant("now", now))
        export_to = self._proof_files(export, question)
        with self._session.attempt([_DOCUMENT], question):
            judgement = self._session.judge(self._input(document, question, attestations), question)
        decision = self._session.conclude(judgement, export_to=export_to)
        return explained(decision, judgement.input.document["metrics"], self._session.bundle)

    def attest(
        self, document: Json, *, ttl_s: int | None = None, export: str | Path | None = None
    ) -> RecordedAttestation:
        """Ask the gate about an artifact and sign its answer, for decisions to rest on.

        Args:
            document: What a metrics file says about a subject with a digest.
            ttl_s: Seconds for which it lasts; None is a day, or the profile's most if less.
            export: Also write its proof to this file, or into this folder, to be handed on.

        Returns:
            The attestation; durable when this returns.

        Raises:
            GovernanceError: See :mod:`engine.errors`.
        """
        from engine.decision.attest import ttl_of

        session = self._session
        question = session.question(*self._defaults)
        if ttl_s is not None:
            instance("ttl_s", ttl_s, int, "whole seconds")
        ttl_s = ttl_of(ttl_s, question.gate, question.profile, session.bundle)
        export_to = self._proof_files(export, question)
        with session.attempt([_DOCUMENT], question):
            judgement = session.judge(self._input(document, question), question)
        return session.attest(judgement, ttl_s, export_to=export_to)

    def _input(
        self, document: Json, question: Question, attestations: Sequence[bytes] = ()
    ) -> Input:
        from engine.decision.attestations import finder
        from engine.evidence.documents import parse

        if isinstance(document, str | bytes | Path):
            raise refused("document", document, "what is in the file: json.loads(…) of its text")
        given = several("attestations", attestations, "proofs, each the bytes of one")
        proofs = [("", partial(bytes, content("attestations", proof))) for proof in given]
        # Through text and back, so that a document from Python is read as strictly as a file.
        try:
            read = parse(_DOCUMENT, json.dumps(document).encode())
        except (TypeError, ValueError, RecursionError) as error:
            raise DocumentError(Position(_DOCUMENT), f"is no JSON: {error}") from None
        find = finder(self._session, question, proofs)
        try:
            return self._session.input_of(
                [read], question, self._session.figures(question), find=find
            )
        finally:
            if find is not None:
                find.close()

    def _proof_files(self, export: str | Path | None, question: Question) -> ProofFiles | None:
        target = optional_output("export", export)
        is_folder = target is not None and target.is_dir()
        return self._session.proof_files(target, question, several=is_folder)


def decide(
    document: Json,
    *,
    gate: str = "promotion",
    profile: str = "default",
    stage: str = "candidate",
    ledger: str | Path | None = None,
    key: bytes | None = None,
    policies: str | Path | None = None,
    policy_trust: str | Path | None = None,
    export: str | Path | None = None,
    now: datetime | None = None,
    attestations: Sequence[bytes] = (),
) -> Decision:
    """Ask a gate about one metrics document, and record the verdict: a :class:`Gate` for one call.

    Args:
        document: See :meth:`Gate.decide`.
        gate: See :class:`Gate`, as ``profile``, ``stage``, ``ledger``, ``key`` and ``policies``.
        profile: Table of limits.
        stage: ``candidate`` or ``production``.
        ledger: Where it is recorded; None records nothing.
        key: Private key, PEM; with ``ledger``.
        policies: Folder laid over the shipped policies, or the file that was built of one.
        policy_trust: See :class:`Gate`.
        export: See :meth:`Gate.decide`, as ``now`` and ``attestations``.
        now: An instant to decide as of: a dry run.
        attestations: Proof bundles of attestations.

    Returns:
        The decision. It is durable when this returns, unless it says ``recorded=False``.

    Raises:
        GovernanceError: See :mod:`engine.errors`; nothing is ever promoted by an error.
    """
    with Gate(
        *(gate, profile, stage),
        ledger=ledger,
        key=key,
        policies=policies,
        policy_trust=policy_trust,
    ) as opened:
        return opened.decide(document, attestations=attestations, export=export, now=now)


def gather(
    config: str | Path | Sequence[str | Path],
    *,
    subject: str | None = None,
    environ: Mapping[str, str] | None = None,
    policies: str | Path | None = None,
) -> Json:
    """Measure what a configuration or reports say, and return the document for :func:`decide`.

    Args:
        config: TOML, as for ``engine gather``; paths in it are relative to it. Or a report, a
            folder of reports, or several: their kinds are recognised by their content.
        subject: With reports, what is released; None is the name of the repository.
        environ: Variables that it may name; the process's own if left out.
        policies: Folder laid over the shipped policies; its catalogue types the metrics.

    Raises:
        GovernanceError: A key is wrong, or a source cannot be read; says where.
    """
    from engine.evidence import detect
    from engine.evidence import gather as gathering
    from engine.evidence.documents import read_bytes
    from engine.policy.bundle import shipped_schema
    from engine.settings.table import MAX_BYTES

    is_one = isinstance(config, str | bytes) or not isinstance(config, Sequence)
    given = [config] if is_one else several("config", config, "paths of reports")
    names = [str(path("config", file)) for file in given]
    if not names:
        raise UsageError("config is empty", "config: give a configuration, or reports")
    if environ is not None:
        instance("environ", environ, Mapping, "names and their values")  # type: ignore[type-abstract]
    if is_one and detect.is_configuration(names[0]):
        if subject is not None:
            raise UsageError("subject is of reports", "a configuration has its own: write it there")
        name, folder = names[0], Path(names[0]).parent
        data = read_bytes(name, stdin=BytesIO(), max_bytes=MAX_BYTES)
    else:
        about = detect.subject_of_reports(None if subject is None else text("subject", subject))
        data = detect.detect(names).configuration(about).encode()
        name, folder = detect.DETECTED, Path()
    now = SystemRuntime().now()
    variables = os.environ if environ is None else environ
    plan = gathering.read_plan(name, data, folder, now, variables)
    catalogue = policies_of(policies).bundle.catalogue()
    schema = shipped_schema("metrics.schema.json")
    return gathering.gather(name, plan, catalogue, schema).document


def verify(
    proof: bytes, public_keys: Sequence[bytes], expect: Expectations | None = None
) -> Verified:
    """Verify a proof bundle offline.

    Args:
        proof: The file's bytes.
        public_keys: PEM (SubjectPublicKeyInfo), each of them trusted.
        expect: What is wanted of the record; None wants nothing. Without ``now`` it is the
            system's time: no record from the future and none past its validity is as wanted.

    Returns:
        What the record says, with the expectations it does not meet.

    Raises:
        VerificationError: Not genuine.
    """
    from dataclasses import replace

    from engine.proof import verify as verifier
    from engine.proof.expectations import Expectations
    from engine.proof.keys import load_public_pem

    given = several("public_keys", public_keys, "public keys, each a PEM file's bytes")
    keys = [load_public_pem(pem("public_keys", key)) for key in given]
    if expect is not None:
        instance("expect", expect, Expectations, "engine.Expectations(…)")
        if expect.now is None:
            expect = replace(expect, now=SystemRuntime().now())
    return verifier.verify(content("proof", proof), keys, expect or Expectations())
