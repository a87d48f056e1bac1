"""What an author gets wrong is named with file, line, the nearest right name and what to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.cli.console.refusals import error_text
from engine.cli.explain.error_texts import nearest
from engine.errors import GovernanceError
from engine.policy.overlay import load_policies

REGO, LIMITS, CATALOGUE, GATE = (
    "acme/acme.rego",
    "limits/default/data.yaml",
    "catalogue/data.yaml",
    "gates/promotion/data.yaml",
)
OWN = {
    REGO: """\
# METADATA
# title: Acme
# description: Whether Acme's own rule holds.
package acme

import data.lib.check

# METADATA
# title: Open incidents
# description: No more incidents are open than the profile allows.
# custom:
#   check: acme.open
#   invariant: own rule
#   why: A release during an incident hides its cause.
#   fix: Close the incidents first.
checks contains check.at_most("acme.open")
""",
    CATALOGUE: """\
metrics:
  acme.open:
    type: integer
    unit: incidents
    direction: lower
    range: [0, null]
    description: Open incidents.
""",
    LIMITS: """\
checks:
  acme.open:
    limit: 0
    severity: block
    max_age_s: 3600
""",
    GATE: "includes:\n  acme: {}\n",
}
TWICE = OWN[REGO].replace("package acme", "package shop")
MINE = """\
# METADATA
# title: Mine
# description: Decides.
package mine

import data.lib.gate

# METADATA
# title: Decision
# description: The verdict.
# entrypoint: true
# custom:
#   gate:
#     rule: release/v1
#     requires_digest: false
decision := gate.release(_included, _obligations)
"""
OF_MINE: dict[str, str | None] = {
    "mine/mine.rego": MINE,
    "gates/mine/data.yaml": "includes:\n  acme: {}\n",
}
CHECK = 'checks contains check.at_most("acme.open")'
Edit = tuple[str, str, str]


def _mine(old: str, new: str) -> dict[str, str | None]:
    assert old in MINE
    return OF_MINE | {"mine/mine.rego": MINE.replace(old, new)}


MISTAKES: dict[str, tuple[Edit | dict[str, str | None], str, str]] = {
    # Rego
    "function misspelt": ((REGO, "at_most", "at_mots"), f"{REGO}:16", "check.at_most"),
    "function of elsewhere": (
        (REGO, "check.at_most", "check.highest"),
        f"{REGO}:16",
        "check.at_most, ",
    ),
    "built-in not allowed": (
        (REGO, CHECK, f"{CHECK} if time.now_ns() > 0"),
        f"{REGO}:16",
        "in Python",
    ),
    "no import": ((REGO, "import data.lib.check\n", ""), f"{REGO}:15", "import data.lib.check"),
    "no import, beside one that is used": (
        (REGO, CHECK, f"{CHECK}\n\n_denials := gate.denials({{}})"),
        f"{REGO}:18",
        "write `import data.lib.gate` below the line `package …`",
    ),
    "folder of a profile misspelt": (
        {"limits/strcit/data.yaml": "checks:\n  acme.open: {limit: 3}\n"},
        "limits/strcit/data.yaml:1",
        "did you mean 'strict'?",
    ),
    "byte order mark": (
        (REGO, "# METADATA\n# title: Acme", "\ufeff# METADATA\n# title: Acme"),
        f"{REGO}:1:1",
        "without one",
    ),
    "nothing in it": ({"acme/more.rego": " \n"}, "acme/more.rego", "remove it"),
    "a gate that includes itself": (
        {"gates/promotion/data.yaml": "includes:\n  acme: {}\n  promotion: {}\n"},
        "gates/promotion/data.yaml:3",
        "take the row out",
    ),
    "import misspelt": ((REGO, "lib.check", "lib.chek"), f"{REGO}:6", "import data.lib.check"),
    "import not used": (
        (REGO, "check\n\n", "check\nimport data.lib.gate\n\n"),
        f"{REGO}:7",
        "take",
    ),
    "rule misspelt": (
        (REGO, CHECK, "checks contains _chek\n\n_check := 1"),
        f"{REGO}:16",
        "_check",
    ),
    "one argument too many": ((REGO, '"acme.open")', '"acme.open", 3)'), f"{REGO}:16", "limits/"),
    "Rego of before 1.0": (
        (REGO, CHECK, 'checks[c] { c := check.at_most("acme.open") }'),
        f"{REGO}:16",
        "contains",
    ),
    "text for a check": (
        (REGO, CHECK, f'{CHECK}\n\nchecks contains "open"'),
        f"{REGO}:18",
        "lib/check",
    ),
    "object without an id": (
        (REGO, CHECK, f'{CHECK}\n\nchecks contains {{"status": "fail"}}'),
        f"{REGO}:18",
        "METADATA",
    ),
    "objects without an id": (
        (REGO, CHECK, f'{CHECK}\n\nchecks contains x if some x in [{{"status": "fail"}}, 1]'),
        f"{REGO}:18",
        "METADATA",
    ),
    "no contains": (
        (REGO, CHECK, CHECK.replace("contains", ":=")),
        f"{REGO}:16",
        "checks contains",
    ),
    "an id is no check": (
        (REGO, CHECK, 'checks contains x.id if {\n\tx := check.at_most("acme.open")\n}'),
        f"{REGO}:16",
        "check.at_most",
    ),
    "another id": ((REGO, '("acme.open")', '("acme.opne")'), f"{REGO}:16", "acme.open"),
    "asked sometimes": ((REGO, CHECK, f"{CHECK} if input.x"), f"{REGO}:16", "condition"),
    "quote missing": ((REGO, 'open")', "open)"), f"{REGO}:16", "rego_parse_error"),
    "quotes of a word processor": ((REGO, '"acme.open"', "“acme.open”"), f"{REGO}:16", '"'),
    "package missing": ((REGO, "package acme\n", ""), f"{REGO}:", "package acme"),
    "package misspelt": ((REGO, "package acme", "package acem"), f"{GATE}:2", "package acme"),
    "its own caller": (
        (REGO, CHECK, "checks contains c if some c in checks"),
        f"{REGO}:16",
        "itself",
    ),
    # METADATA
    "no METADATA": (
        (REGO, OWN[REGO][OWN[REGO].rindex("# METADATA") : OWN[REGO].index("checks c")], ""),
        f"{REGO}:8",
        "`# METADATA`",
    ),
    "no check in METADATA": (
        (REGO, "#   check: acme.open\n", ""),
        f"{REGO}:11",
        "`#   check: …` below `# custom:`",
    ),
    "no title": ((REGO, "# title: Open incidents\n", ""), f"{REGO}:8", "# title: "),
    "no why": (
        (REGO, "#   why: A release during an incident hides its cause.\n", ""),
        f"{REGO}:11",
        "`#   why: …` below `# custom:`",
    ),
    "no fix": (
        (REGO, "#   fix: Close the incidents first.\n", ""),
        f"{REGO}:11",
        "`#   fix: …` below `# custom:`",
    ),
    "no invariant": (
        (REGO, "#   invariant: own rule\n", ""),
        f"{REGO}:11",
        "`#   invariant: …` below `# custom:`",
    ),
    "a text that YAML reads as a number": (
        (REGO, "Close the incidents first.", "2.10"),
        f"{REGO}:15",
        "'fix' is no text",
    ),
    "second check without METADATA": (
        {
            REGO: OWN[REGO] + '\nchecks contains check.at_most("acme.late")\n',
            LIMITS: OWN[LIMITS] + "  acme.late: {limit: 0, severity: block, max_age_s: 9}\n",
        },
        f"{REGO}:18",
        "check 'acme.late' has no METADATA",
    ),
    "second check without METADATA and rows": (
        {REGO: OWN[REGO] + '\nchecks contains check.at_most("acme.late")\n'},
        f"{REGO}:18",
        "check: acme.late",
    ),
    "gate of a check without METADATA": (
        {
            "mine/mine.rego": MINE.replace("_included, _obligations", "[checks], set()")
            + '\nchecks contains {"id": "mine.open"}\n'
        },
        "mine/mine.rego:18",
        "`# METADATA`",
    ),
    "key misspelt": ((REGO, "#   why:", "#   wyh:"), f"{REGO}:14", "did you mean 'why'?"),
    "kind misspelt": ((REGO, "#   inv", "#   kind: evidnce\n#   inv"), f"{REGO}:13", "'evidence'"),
    "id without a domain": ((REGO, "check: acme.open", "check: open"), f"{REGO}:12", "acme.open"),
    "METADATA indented wrongly": ((REGO, "#   why:", "#  why:"), f"{REGO}:", "indent"),
    "METADATA with a tab": ((REGO, "#   why:", "#\twhy:"), f"{REGO}:", "tab"),
    "METADATA misspelt": (
        (REGO, "# METADATA\n# title: Open", "# METDATA\n# title: Open"),
        f"{REGO}:16",
        "# METADATA",
    ),
    "metric unknown": (
        (REGO, "#   inv", "#   metric: acme.opne\n#   inv"),
        f"{REGO}:13",
        "'acme.open'",
    ),
    "unless is no boolean": (
        (REGO, "#   inv", "#   unless: acme.open\n#   inv"),
        f"{REGO}:13",
        "boolean",
    ),
    "check twice": ({"shop/shop.rego": TWICE}, "shop/shop.rego:12", "acme/acme.rego"),
    "control misspelt": (
        (REGO, "#   inv", "#   controls: [gdpr/66]\n#   inv"),
        f"{REGO}:13",
        "'gdpr/6'",
    ),
    "controls are no list": (
        (REGO, "#   inv", "#   controls: gdpr/6\n#   inv"),
        f"{REGO}:13",
        "controls: [",
    ),
    # limits
    "no row of limits": ({LIMITS: "checks: {}\n"}, f"{REGO}:16", f"{LIMITS}"),
    "check misspelt": ((LIMITS, "acme.open", "acme.opne"), f"{LIMITS}:2", "'acme.open'"),
    "member misspelt": ((LIMITS, "limit:", "limt:"), f"{LIMITS}:3", "'limit'"),
    "severity misspelt": ((LIMITS, "block", "blok"), f"{LIMITS}:4", "'block'"),
    "no limit": ((LIMITS, "    limit: 0\n", ""), f"{LIMITS}:", "'limit'"),
    "no age": ((LIMITS, "    max_age_s: 3600\n", ""), f"{LIMITS}:", "'max_age_s'"),
    "off without a reason": ((LIMITS, "block", '"off"'), f"{LIMITS}:4", "why"),
    "off, which YAML 1.1 reads as false": ((LIMITS, "block", "off"), f"{LIMITS}:4", "reason"),
    "limit is a text": ((LIMITS, "limit: 0", 'limit: "0"'), f"{LIMITS}:3", "number"),
    "limit out of range": ((LIMITS, "limit: 0", "limit: -1"), f"{LIMITS}:3", "at least 0"),
    "limit against the direction": ((REGO, "at_most", "at_least"), f"{REGO}:16", "at_most"),
    "profile folder misspelt": (
        {LIMITS: None, "limits/defualt/data.yaml": OWN[LIMITS]},
        "limits/defualt/data.yaml:2",
        "did you mean limits/default/data.yaml?",
    ),
    "rows of one profile alone": (
        {LIMITS: None, "limits/strict/data.yaml": OWN[LIMITS]},
        "limits/strict/data.yaml:2",
        'of limits/default/data.yaml, in your folder: acme.open: {severity: "off", reason: …}',
    ),
    "a shipped row taken away": (
        {LIMITS: OWN[LIMITS] + "  ethics.ece: null\n"},
        f"{LIMITS}:6",
        'severity: "off"',
    ),
    "a shipped metric taken away": (
        {CATALOGUE: OWN[CATALOGUE] + "  slo.dec_rps: null\n"},
        f"{CATALOGUE}:8",
        "'slo.dec_rps' is not in the catalogue",
    ),
    "a whole table taken away": ({LIMITS: "checks: null\n"}, f"{LIMITS}:1", "`<row>: null`"),
    "null for a limit": ((LIMITS, "limit: 0", "limit: null"), f"{LIMITS}:3", "`null` takes away"),
    "tab": ((LIMITS, "    limit", "\tlimit"), f"{LIMITS}:3", "spaces"),
    "indented wrongly": ((LIMITS, "    severity", "   severity"), f"{LIMITS}:4", "indent"),
    "member twice": ((LIMITS, "    sev", "    limit: 1\n    sev"), f"{LIMITS}:4", "limit"),
    "no space after the colon": ((LIMITS, "limit: 0", "limit:0"), f"{LIMITS}:4", "`limit: 0`"),
    "profile misspelt": (
        {"limits/mine/data.yaml": "extends: defualt\n"},
        "limits/mine/data.yaml:1",
        "'default'",
    ),
    "relaxation misspelt": (
        {"limits/mine/data.yaml": "extends: default\nrelaxations_allowed: [policies_overriden]\n"},
        "limits/mine/data.yaml:2",
        "'policies_overridden'",
    ),
    # catalogue
    "no row of the catalogue": ({CATALOGUE: "metrics: {}\n"}, f"{REGO}:12", "acme.open: {type: "),
    "metric misspelt": ((CATALOGUE, "acme.open", "acme.opne"), f"{REGO}:12", "'acme.opne'"),
    "type misspelt": ((CATALOGUE, "integer", "int"), f"{CATALOGUE}:3", "'integer'"),
    "direction misspelt": ((CATALOGUE, "lower", "down"), f"{CATALOGUE}:5", "lower"),
    "no unit": ((CATALOGUE, "    unit: incidents\n", ""), f"{CATALOGUE}:", "unit"),
    "range of one number": ((CATALOGUE, "[0, null]", "[0]"), f"{CATALOGUE}:", "null"),
    # places
    "folder misspelt": (
        {"limit/default/data.yaml": "checks: {}\n"},
        "limit/default/data.yaml",
        "limits/",
    ),
    "another suffix": (
        {"limits/default/data.yml": "checks: {}\n"},
        "limits/default/data.yml",
        "data.yaml",
    ),
    "gate misspelt": (
        {"gates/promotoin/data.yaml": OWN[GATE]},
        "gates/promotoin/data.yaml:2",
        "'promotion'",
    ),
    "domain misspelt": ((GATE, "acme", "acm"), f"{GATE}:2", "'acme'"),
    "asked by no gate": ({GATE: None}, f"{REGO}:12", "gates/promotion/data.yaml"),
    "waiver of an unknown check": (
        {
            "waivers/data.yaml": "waivers:\n  - id: W-1\n    check: acme.opne\n"
            "    subject: {name: a}\n"
            '    reason: R.\n    approvers: [a]\n    expires_at: "2027-01-01T00:00:00Z"\n'
        },
        "waivers/data.yaml:3",
        "'acme.open'",
    ),
    # a gate
    "gate without rows": ({"mine/mine.rego": MINE}, "mine/mine.rego:16", "gates/mine/data.yaml"),
    "rule of verdicts misspelt": (
        _mine("release/v1", "relase/v1"),
        "mine/mine.rego:14",
        "release/v1",
    ),
    "no requires_digest": (
        _mine("#     requires_digest: false\n", ""),
        "mine/mine.rego:13",
        "requires_digest",
    ),
    "no entrypoint": (
        _mine("# entrypoint: true\n", ""),
        "gates/mine/data.yaml:2",
        "entrypoint: true",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_where_it_was_made(mistake: str, opa: Path, tmp_path: Path) -> None:
    change, place, words = MISTAKES[mistake]
    files: dict[str, str | None] = dict(OWN)
    if isinstance(change, tuple):
        path, old, new = change
        assert old in OWN[path]
        files[path] = OWN[path].replace(old, new)
    else:
        files |= change
    for path, text in files.items():
        if text is not None:
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text)

    with pytest.raises(GovernanceError) as caught:
        load_policies(tmp_path, opa=opa)

    message = f"{caught.value.message}\n  {caught.value.hint}"
    assert f"{tmp_path}/{place}" in message, message
    assert words in message, message
    assert "in place of `import data.lib.check`" not in message, "it is used"
    assert nearest(error_text(caught.value)) is not None, "engine explain knows it"


def test_a_rule_that_was_compiled_before_is_named_as_well(opa: Path, tmp_path: Path) -> None:
    folder, cache = tmp_path / "own", tmp_path / "cache"
    for path, text in OWN.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    load_policies(folder, opa=opa, cache=cache)
    (folder / LIMITS).write_text("checks: {}\n")

    with pytest.raises(GovernanceError) as caught:
        load_policies(folder, opa=lambda: Path("nowhere"), cache=cache)

    assert caught.value.message.startswith(f"{folder}/{REGO}:16:1: no profile has a row")
