"""The verifier: whether one exported file is a genuine record, and what it says.

To trust :func:`engine.verify`, audit this folder and what it imports: ``formats``, ``errors``,
``exit_codes`` and ``model``, and no more (an import contract holds that). To trust the command
``engine verify``, audit in addition what reads its flags and files and prints:
``engine/cli/verify``, ``engine/cli/inputs.py``, ``engine/evidence/documents.py`` and what they
import. The verifier reads no file, no clock and no network, and evaluates no policy. Whoever
records or replays may enter; nothing here knows them. :func:`engine.proof.verify.verify` takes
bytes and raw public keys through these steps, each on what the step before has shown; the sections
are those of ``spec/predicate-v1.md``:

1. ``bundle`` reads the file in its one form: no duplicate key, no trailing byte (11).
2. ``inclusion`` places the entry: a key that was given signed the ``checkpoint``, and the
   ``merkle`` path leads from the entry's hash to its root (10).
3. ``envelope`` and ``statement`` open the entry: one of the keys signed these very bytes (2).
4. ``decision_predicate`` reads the predicate: every member is there, of its type and range (3).
5. ``input_document`` and ``derivation`` tie it to the attached input, whose salted digest the
   statement holds: each check's observation is the input's, each status follows from the
   comparison and the verdict from the statuses, by ``verdict_rules`` (4 to 8).
6. ``policy_files`` reads the policy, attached or the caller's own, and ``policy_archive`` ties it
   to that: limits, severities,
   lifetime, and the ``waivers`` of the input, which are the policy's (7, 9).
7. ``attestation`` and ``attestation_rules`` derive what it rests on besides, and by whose key
   according to ``trust`` (8.3, 12.4); ``approvals`` who approved its policies.
8. ``expectations`` lists what the caller wanted and the record is not (13.2).

What fails in steps 1 to 7 raises :class:`~engine.errors.VerificationError`: not genuine. What
step 8 finds is in the answer: genuine, but not what was wanted.

>>> from datetime import UTC, datetime
>>> from engine import Expectations, verify
>>> now = datetime(2026, 11, 30, 12, tzinfo=UTC)
>>> verified = verify(proof, [public_pem], Expectations(require="PROMOTE", now=now))
>>> verified.verdict, verified.failed_expectations
(<Verdict.PROMOTE: 'PROMOTE'>, ())
"""
