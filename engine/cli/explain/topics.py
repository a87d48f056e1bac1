"""``engine explain`` of what is no check: a metric, gate, profile, setting, exit code and so on."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from engine import exit_codes
from engine.cli.explain.reference import metric_range
from engine.model import Verdict
from engine.report.relaxations import RELAXATIONS
from engine.settings.config import SETTINGS, VARIABLES

if TYPE_CHECKING:
    from engine.policy.bundle import PolicyBundle

VERDICTS = {
    Verdict.PROMOTE: "every blocking check passed, or is exempt or waived; exit code 0",
    Verdict.HOLD: "evidence is missing, stale or too little, or the profile does not tolerate how "
    "the run was weakened; nothing failed; exit code 5",
    Verdict.BLOCK: "a blocking check failed; exit code 1",
    Verdict.ROLLBACK: "a check failed with which production must not go on; exit code 6",
    Verdict.ALLOW: "an access gate lets the request through; exit code 0",
    Verdict.DENY: "an access gate does not: a check failed, or could not be answered; exit code 1",
}

Topic = list[tuple[str, str]]
"""Label and text, a row each; the first is the headline."""


def topics(bundle: PolicyBundle) -> dict[str, list[Topic]]:
    """Return what is neither check nor decision, by name; gate and profile may share one."""
    found: defaultdict[str, list[Topic]] = defaultdict(list)
    for name, row in bundle.catalogue().items():
        found[name].append(
            [
                (f"metric {name}", row["description"]),
                ("given as", f"{row['type']}, {metric_range(row)}, unit {row['unit']}"),
                ("checks", ", ".join(c.id for c in bundle.checks() if c.metric == name) or "none"),
            ]
        )
    for gate in bundle.gates():
        found[gate.name].append(
            [
                (f"gate {gate.name}", f"{gate.title}. {gate.description}"),
                ("checks", f"{len(gate.checks)}: engine policy list --gate {gate.name}"),
                (
                    "artifact",
                    "its digest is required" if gate.requires_digest else "may be left out",
                ),
            ]
        )
    for name, table in bundle.data["limits"].items():
        tolerated = ", ".join(table["relaxations_allowed"]) or "no relaxation"
        records = table.get("record_requests")
        found[name].append(
            [
                (f"profile {name}", table["description"]),
                ("tolerates", tolerated),
                ("valid for", f"{table['decision_ttl_s']:,} s"),
                ("requests", "recorded before the gate is asked" if records else "not recorded"),
                ("limits", f"engine policy list --profile {name}"),
            ]
        )
    for name, meaning in VARIABLES.items():
        found[name].append([(f"variable {name}", meaning)])
    for setting in SETTINGS:
        where = "given in the call alone" if setting.is_callers else "a key of engine.toml"
        found[setting.name].append(
            [
                (f"setting {setting.name}", setting.meaning),
                ("is", f"{where}; --{setting.name.replace('_', '-')}, {setting.variable}"),
                ("default", "none" if setting.default is None else str(setting.default)),
            ]
        )
    for code, meaning in exit_codes.MEANINGS.items():
        found[str(code)].append([(f"exit code {code}", meaning)])
    for verdict, meaning in VERDICTS.items():
        found[verdict].append([(f"verdict {verdict}", meaning)])
    for name, relaxation in RELAXATIONS.items():
        found[name].append(
            [
                (f"relaxation {name}", relaxation.effect),
                ("made by", relaxation.option),
                ("without", relaxation.instead),
            ]
        )
    return dict(found)
