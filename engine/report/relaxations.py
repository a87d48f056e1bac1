"""What weakens a run: by name, which option does it, and how to do without.

``docs/relaxations.md`` is the same table for people; a test compares them.
"""

from __future__ import annotations

from typing import NamedTuple


class Relaxation(NamedTuple):
    """One way to weaken a run.

    Attributes:
        option: What makes a record name it.
        effect: What is weaker then.
        instead: How to do without.
    """

    option: str
    effect: str
    instead: str


RELAXATIONS = {
    "ephemeral_ledger": Relaxation(
        "--ledger run:",
        "The record lives in the exported proof only; no ledger keeps the order of decisions.",
        "name a ledger on a disk that stays: --ledger FILE",
    ),
    "folder_writable_by_others": Relaxation(
        "engine.toml, or a policy folder, that others can write to",
        "Somebody else on the machine may have changed what was asked.",
        "take the right from them: chmod -R go-w FOLDER; in CI, clone with umask 022",
    ),
    "input_limit_raised": Relaxation(
        "--max-bytes, or max_bytes in engine.toml, over 1 MiB",
        "A metrics file may be larger than the limit that holds everywhere else.",
        "leave the limit as it is, and split the metrics file",
    ),
    "policies_configured": Relaxation(
        "policies in engine.toml",
        "A file in or above the working folder chose the policies; they are not the shipped ones.",
        "have them built and approved (docs/policies.md): engine policy sign, then "
        "--policy-trust; or a profile that tolerates it",
    ),
    "policies_overridden": Relaxation(
        "--policies, or ENGINE_POLICIES",
        "Whoever made the call chose the policies, and they are not the shipped ones.",
        "have them built and approved (docs/policies.md): engine policy sign, then "
        "--policy-trust; or the shipped policies",
    ),
    "recognisers_off": Relaxation(
        "evidence of a scan by a profile with recognisers_off",
        "The scan did not look for every family of personal data and secrets.",
        "scan without that profile; or a profile that tolerates it",
    ),
    "self_attested": Relaxation(
        "an attestation by the key that signs the decision",
        "Nobody but the one who releases has looked.",
        "let another key attest, and list it in policies/trust/data.yaml as an attestor",
    ),
}
