"""``engine verify``: check an exported proof with one public key, offline."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from engine import exit_codes
from engine.cli.arguments import detail_arguments, digest, duration, output
from engine.cli.console.shell import Shell
from engine.cli.inputs import digest_of, read_key
from engine.errors import UsageError
from engine.model import Verdict

if TYPE_CHECKING:
    from engine.cli.checkpoint_state import Taken
    from engine.errors import VerificationError
    from engine.proof.trusted_keys import Keys, TrustedKey
    from engine.proof.verify import Expectations

DESCRIPTION = (
    "Check exported proofs offline: who signed, what was decided about which artifact, in\n"
    "which ledger. Needs the file and a public key. Exit 0 when genuine and as expected,\n"
    "1 when genuine but not as expected, 4 when not genuine, or when a file, or two of them\n"
    "together, convict a signer of two decisions under one id or two histories of one ledger."
)
EXAMPLE = (
    "  engine verify proof.json --key release.pub.pem --require PROMOTE --artifact model.tar.gz\n"
    "  engine verify proof.json --expect verify.toml --artifact model.tar.gz"
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare flags."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="proof bundle, or -")
    parser.add_argument(
        "--key", action="append", metavar="PUB", help="public key, PEM (repeatable)"
    )
    parser.add_argument(
        "--expect", metavar="FILE", help="keys and demands in a file of your own, a verify.toml"
    )
    parser.add_argument(
        "--require",
        choices=[str(verdict) for verdict in Verdict],
        metavar="VERDICT",
        help="the verdict it must have, such as PROMOTE",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--artifact", metavar="PATH", help="the artifact that was decided on")
    what.add_argument("--digest", type=digest, metavar="sha256:HEX", help="its digest")
    parser.add_argument("--gate", metavar="G", help="the gate that must have been asked")
    parser.add_argument("--profile", metavar="P", help="the profile it must have been asked with")
    parser.add_argument("--stage", metavar="S", help="the stage it must have been asked for")
    parser.add_argument("--subject", metavar="NAME", help="the name of what it must be about")
    parser.add_argument("--decision", metavar="ID", help="its id; of a reservation, the lease")
    parser.add_argument(
        "--policy-digest", type=digest, metavar="D", help="of the policy it must rest on"
    )
    parser.add_argument(
        "--max-age", type=duration, metavar="DUR", help="greatest age, such as 90s, 12h, 7d"
    )
    parser.add_argument(
        "--policy",
        metavar="PATH",
        help="the policy, if the proof lacks it: an archive, or a folder by `policy build`",
    )
    parser.add_argument(
        "--state",
        type=output,
        metavar="FILE",
        help="remembers how far each ledger came: one that goes back or forks is exit 4",
    )
    parser.add_argument("--no-relaxations", action="store_true", help="nothing weakened the run")
    parser.add_argument("--no-waivers", action="store_true", help="no failure was waived")
    parser.add_argument("--format", choices=["text", "json"], default="text", help="(text)")
    detail_arguments(parser, "--all", "--checkpoint", "--verbose")


def run(args: argparse.Namespace, shell: Shell) -> int:
    """Verify every file; the worst outcome is the exit code."""
    from dataclasses import replace

    from engine.cli.checkpoint_state import CheckpointState, Taken, compare_with_state
    from engine.cli.console.refusals import error_text
    from engine.cli.verify.answer import print_attestation, print_record
    from engine.cli.verify.equivocation import (
        print_contradiction,
        print_equivocation,
        print_pair,
    )
    from engine.errors import DocumentError, VerificationError
    from engine.evidence.documents import read_bytes
    from engine.proof.bundle import MAX_BYTES
    from engine.proof.contradictions import Together
    from engine.proof.expectations import LEDGER
    from engine.proof.verify import NO_RECORD, CheckpointPair, Equivocation, Verified, verify_any

    keys, expected, named = _demands(args, shell)
    state = CheckpointState(Path(named)) if named is not None else None
    codes = set()
    pairs: list[tuple[str, CheckpointPair, Taken]] = []
    has_record = False
    together, contradictions = Together(keys), []
    for name in args.files:
        try:
            data = read_bytes(name, stdin=shell.stdin, max_bytes=MAX_BYTES)
            verified = verify_any(data, keys, expected)
            contradictions += (found := together.take(name, verified))
            taken = (
                Taken()
                if state is None or found
                else compare_with_state(state, name, verified, keys)
            )
        except (VerificationError, DocumentError) as error:
            if isinstance(error, VerificationError):
                error = _not_genuine(name, error, data, keys)
            shell.say(
                *error_text(error, "" if isinstance(error, VerificationError) else name).split("\n")
            )
            codes.add(error.exit_code)
            continue
        if isinstance(verified, Equivocation):
            print_equivocation(name, verified, args, shell)
            codes.add(exit_codes.NOT_GENUINE)
            continue
        if isinstance(verified, CheckpointPair):
            unmet = (*verified.failed_expectations, *filter(None, [taken.refusal]))
            pairs.append((name, verified._replace(failed_expectations=unmet), taken))
            continue
        has_record = True
        unmet = (*verified.failed_expectations, *filter(None, [taken.refusal]))
        known = {LEDGER} if taken.is_known else set()
        verified = replace(
            verified,
            failed_expectations=unmet,
            not_required=tuple(x for x in verified.not_required if x not in known),
        )
        if isinstance(verified, Verified):
            print_record(name, verified, taken, args, shell)
        else:
            print_attestation(name, verified, taken, args, shell)
        codes.add(exit_codes.FAIL if verified.failed_expectations else exit_codes.PASS)
    for name, pair, taken in pairs:
        # Beside a record a pair shows that its ledger goes on; alone it is what an attacker has.
        failed = [text for text in pair.failed_expectations if not has_record or text != NO_RECORD]
        shown = pair._replace(failed_expectations=tuple(failed))
        codes.add(print_pair(name, shown, taken, args, shell))
    codes |= {print_contradiction(found, args, shell) for found in contradictions}
    return exit_codes.worst(codes)


def _not_genuine(name: str, error: VerificationError, data: bytes, keys: Keys) -> VerificationError:
    """Return the error with the outcome in front; where no key fits, with the files of the keys."""
    from engine.errors import VerificationError
    from engine.proof.trusted_keys import TrustedKey
    from engine.proof.verify import verify_any

    message, hint = error.message, error.hint
    if message.startswith("none of the given keys signed"):
        hint = "ask the signer for it (there: engine keys list)"
        for key in keys:
            if isinstance(key, TrustedKey) and key.name:
                try:
                    verify_any(data, [key.public])
                except VerificationError:
                    continue
                message = f"key {key.name} signed it, {_untrusted(key, data)}"
                hint = "mend its [[key]], if that is meant; else do not act on the proof"
                break
        else:
            files = [key.name for key in keys if isinstance(key, TrustedKey) and key.name]
            message += f"; tried: {', '.join(files)}" if files else ""
    return VerificationError(f"NOT GENUINE: {name}: {message}", hint, error.notes)


def _untrusted(key: TrustedKey, data: bytes) -> str:
    """Why a key that signed ``data`` is not trusted for it, as the rest of a sentence."""
    from engine.errors import VerificationError
    from engine.formats.times import write_time
    from engine.proof.trusted_keys import ROLES
    from engine.proof.verify import verify_any

    try:
        verify_any(data, [key._replace(not_before=None, not_after=None)])
    except VerificationError:
        missing = [role for role in ROLES if role not in key.roles]
        return f"but verify.toml gives it no role {', '.join(missing)}"
    ends = [
        f"{word} {write_time(at)}"
        for word, at in (("not before", key.not_before), ("no more from", key.not_after))
        if at is not None
    ]
    return f"but by verify.toml it signs {', and '.join(ends)}"


def _demands(args: argparse.Namespace, shell: Shell) -> tuple[Keys, Expectations, str | None]:
    """Whom to trust and what to demand: by flags, by a file, or each thing by one of the two."""
    from dataclasses import replace

    from engine.proof.trusted_keys import TrustedKey
    from engine.proof.verify import Expectations

    keys: list[bytes | TrustedKey] = [
        TrustedKey(read_key(path), name=path) for path in args.key or ()
    ]
    expected, state = Expectations(now=shell.now()), args.state
    if args.expect is not None:
        from engine.cli.verify.expectations import read_expectations

        if keys:
            raise UsageError(
                "--key and --expect trust keys twice", "name every key in the file, with its roles"
            )
        file = read_expectations(args.expect, shell)
        keys, expected = [*file.keys], file.expected
        if file.state is not None and state is not None:
            raise UsageError(
                f"{args.expect} and --state name a file to remember checkpoints in",
                "name it once: in the file or by the flag",
            )
        state = state or file.state
    if not keys:
        raise UsageError(
            "no key is trusted", "give --key PUB, or --expect FILE with [[key]] tables in it"
        )
    flags = {
        "require": Verdict(args.require) if args.require is not None else None,
        "digest": digest_of(args.artifact) if args.artifact is not None else args.digest,
        "gate": args.gate,
        "profile": args.profile,
        "stage": args.stage,
        "subject": args.subject,
        "decision_id": args.decision,
        "policy_digests": (args.policy_digest,) if args.policy_digest is not None else None,
        "max_age_s": args.max_age,
        "relaxations": () if args.no_relaxations else None,
        "waivers": () if args.no_waivers else None,
        "policy": _policy(args.policy, shell) if args.policy is not None else None,
    }
    given = {name: value for name, value in flags.items() if value is not None}
    for name, value in given.items():
        if _contradicts(getattr(expected, name), value):
            what = name.removesuffix("_s").removesuffix("s").replace("_", " ")
            raise UsageError(
                f"{args.expect} and a flag demand another {what}",
                "demand each thing once: in the file or by a flag",
            )
    return keys, replace(expected, **given), state


def _contradicts(before: object, value: object) -> bool:
    """Whether a flag demands another thing than the file; of a list, it may take less."""
    if isinstance(before, tuple) and isinstance(value, tuple):
        return bool(before) and not set(value) <= set(before)
    return before not in (None, value)


def _policy(name: str, shell: Shell) -> bytes:
    """The archive at ``name``, which may be a folder of a built policy too."""
    from engine.evidence.documents import read_bytes
    from engine.proof.archive import MAX_BYTES
    from engine.proof.policy_archive import parse_given

    path = Path(name)
    if not path.is_dir():
        archive = read_bytes(name, stdin=shell.stdin, max_bytes=MAX_BYTES)
        parse_given(archive, f"--policy {name}")
        return archive
    from engine.policy.bundle import MANIFEST, opened

    if not (path / MANIFEST).is_file():
        raise UsageError(
            f"--policy {name}: no {MANIFEST} in it", "give what `engine policy build` wrote"
        )
    return opened(path, path / "policies").archive()
