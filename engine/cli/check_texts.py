"""The words that a policy bundle has for its checks, as reports need them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from engine.decision.margins import written
from engine.decision.unread import explained
from engine.model import Decision, Json, Status
from engine.policy.bundle import PolicyBundle
from engine.report import Location, Report

if TYPE_CHECKING:
    from engine.cli.console.shell import Shell
    from engine.policy.manifest import CheckInfo


@lru_cache(maxsize=4)
def texts_of(bundle: PolicyBundle) -> dict[str, dict[str, str]]:
    """Return title, why, fix and code by check id."""
    return {
        check.id: {
            "title": check.title,
            "why": check.why,
            "fix": check.fix,
            **({"code": check.code} if check.code else {}),
        }
        for check in bundle.checks()
    }


@lru_cache(maxsize=16)
@lru_cache(maxsize=16)
def off_reasons(bundle: PolicyBundle, profile: str) -> Mapping[str, str]:
    """Return, by check id, why ``profile`` turned a check off; it crosses to other processes."""
    rows = bundle.profile(profile)["checks"]
    return {name: row["reason"] for name, row in rows.items() if row.get("severity") == "off"}


def _waivers_of_others(decision: Decision, bundle: PolicyBundle) -> tuple[str, ...]:
    """What each waiver of a failing check is for instead, where that is not what was decided on."""
    waivers = bundle.data["waivers"]["waivers"]
    failing = {check["id"] for check in decision.checks if check["status"] == Status.FAIL}
    if not waivers or not failing:
        return ()
    from engine.proof.input_document import subject_document
    from engine.proof.waivers import is_scoped, names_subject

    subject = subject_document(decision.subject)
    found = []
    for waiver in waivers:
        scope = waiver.get("subject")
        if not is_scoped(waiver) or waiver["check"] not in failing or names_subject(scope, subject):
            continue
        others = [f"{key} {scope[key]}" for key in sorted(scope) if scope[key] != subject.get(key)]
        found.append(f"{waiver['id']} is for {', '.join(others)}: not for {waiver['check']} here")
    return tuple(found)


def report_on(
    decision: Decision,
    bundle: PolicyBundle,
    *,
    file: str = "-",
    metrics: Mapping[str, Json] = MappingProxyType({}),
    locations: Mapping[str, Location] | None = None,
) -> Report:
    """Return ``decision`` with the texts of ``bundle``, by which it was made.

    Args:
        decision: Recorded, or pending.
        bundle: Its policies.
        file: That the evidence came from; ``-`` is standard input.
        metrics: All that was given, by id; none where that is not known any more.
        locations: Where each stands.
    """
    return Report(
        explained(decision, metrics, bundle),
        texts_of(bundle),
        off_reasons(bundle, decision.profile),
        file,
        locations or {},
        waivers_of_others=_waivers_of_others(decision, bundle),
    )


def operators_of(bundle: PolicyBundle, shell: Shell) -> dict[str, str]:
    """Return each check's operator: an empty input gets it from the compiled policies."""
    from engine.decision.workspace import module_cache
    from engine.policy.evaluators.wasm import WasmEvaluator

    evaluator = WasmEvaluator(bundle, cache=module_cache(shell))
    try:
        answers = [evaluator.answer(gate.name, b"{}") for gate in bundle.gates()]
    finally:
        evaluator.close()
    return {check["id"]: check["operator"] for answer in answers for check in answer["checks"]}


def bound(row: Json, info: CheckInfo, bundle: PolicyBundle) -> str:
    """Return a row's limit with its unit; ``its own baseline`` where that is the limit."""
    if "limit" not in row:
        return "its own baseline"
    unit = bundle.catalogue().get(info.metric, {}).get("unit", "none")
    return written(row["limit"]) + (f" {unit}" if unit not in ("1", "none") else "")
