"""``engine explain --all``: every gate, check, metric and limit in use, as one page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from engine.decision.margins import written
from engine.formats.printable import plain
from engine.formats.ranges import range_in_words
from engine.model import Json
from engine.proof.verdict_rules import PRODUCER, demands_signers
from engine.report.markdown import code, escape, table

if TYPE_CHECKING:
    from engine.policy.bundle import PolicyBundle

_OFF = "off: "
_PROFILE = ("description", "relaxations_allowed", "decision_ttl_s")


def reference(bundle: PolicyBundle, operators: Mapping[str, str]) -> dict[str, Json]:
    """Return gates, profiles, checks and metrics of ``bundle``; the same every time.

    Args:
        bundle: The policies.
        operators: By check id; see :func:`engine.cli.check_texts.operators_of`.
    """
    return {
        "policy": bundle.digest,
        "gates": [
            {
                "name": gate.name,
                "title": gate.title,
                "description": gate.description,
                "rule": gate.rule,
                "requires_digest": gate.requires_digest,
                "checks": list(gate.checks),
            }
            for gate in bundle.gates()
        ],
        "profiles": [
            {"name": name, **{key: table[key] for key in _PROFILE}}
            for name, table in sorted(bundle.data["limits"].items())
        ],
        "checks": [_about(bundle, name, operators[name]) for name in sorted(operators)],
        "metrics": [{"id": name, **row} for name, row in sorted(bundle.catalogue().items())],
    }


def _about(bundle: PolicyBundle, name: str, operator: str) -> dict[str, Json]:
    """What METADATA, catalogue and profiles say about one check."""
    info = bundle.check(name)
    return {
        "id": name,
        "title": info.title,
        "description": info.description,
        "metric": info.metric,
        "operator": operator,
        "unit": bundle.catalogue()[info.metric]["unit"],
        "kind": info.kind,
        "unless": info.unless,
        "why": info.why,
        "fix": info.fix,
        "invariant": info.invariant,
        "controls": list(info.controls or ()),
        "gates": [gate.name for gate in bundle.gates() if name in gate.checks],
        "limits": {
            profile: table["checks"][name]
            for profile, table in sorted(bundle.data["limits"].items())
        },
    }


def as_markdown(page: Mapping[str, Json]) -> str:
    """Return the page for a wiki or a repository."""
    return _page(page, _Markdown())


def as_text(page: Mapping[str, Json]) -> str:
    """Return the page for a terminal."""
    return _page(page, _Text())


class _Markdown:
    """Headings, tables and names as Markdown writes them."""

    def head(self, level: int, text: str) -> str:
        return f"{'#' * level} {text}"

    def name(self, text: str) -> str:
        return code(text)

    def words(self, text: str) -> str:
        return escape(text)

    def item(self, label: str, text: str) -> str:
        return f"- **{label}** {text}"

    def table(self, *rows: tuple[str, ...]) -> list[str]:
        head, *body = rows
        return table(head, body).split("\n")


class _Text:
    """The same, indented and in columns."""

    def head(self, level: int, text: str) -> str:
        return text.upper() if level < 3 else text

    def name(self, text: str) -> str:
        return plain(text)

    def words(self, text: str) -> str:
        return plain(text)

    def item(self, label: str, text: str) -> str:
        return f"  {label:<9} {text}"

    def table(self, *rows: tuple[str, ...]) -> list[str]:
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        padded = (
            [cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows
        )
        return [f"  {'  '.join(row)}".rstrip() for row in padded]


_Form = _Markdown | _Text


def _page(page: Mapping[str, Json], form: _Form) -> str:
    about = f"Policy {form.name(page['policy'])}. Written by `engine explain --all`."
    lines = [form.head(1, "Gates, checks, metrics and limits"), "", about, ""]
    lines += [form.head(2, "Gates"), "", *_gates(page["gates"], form), ""]
    lines += [form.head(2, "Profiles"), "", *_profiles(page["profiles"], form), ""]
    lines += [form.head(2, "Checks"), ""]
    for check in page["checks"]:
        lines += [*_check(check, form), ""]
    lines += [form.head(2, "Metrics"), "", *_metrics(page["metrics"], form)]
    return "\n".join(lines) + "\n"


def _gates(gates: Iterable[Json], form: _Form) -> list[str]:
    head = ("gate", "checks", "needs a digest", "decides")
    return form.table(
        head,
        *(
            (
                form.name(gate["name"]),
                str(len(gate["checks"])),
                "yes" if gate["requires_digest"] else "no",
                form.words(gate["description"]),
            )
            for gate in gates
        ),
    )


def _profiles(profiles: Iterable[Json], form: _Form) -> list[str]:
    head = ("profile", "tolerates", "valid for", "meant for")
    return form.table(
        head,
        *(
            (
                form.name(profile["name"]),
                ", ".join(map(form.name, profile["relaxations_allowed"])) or "nothing",
                f"{profile['decision_ttl_s']} s",
                form.words(profile["description"]),
            )
            for profile in profiles
        ),
    )


def _check(check: Json, form: _Form) -> list[str]:
    unit = f"({form.words(check['unit'])})" if check["unit"] != "none" else ""
    items = {
        "demands": form.words(check["description"]),
        "metric": " ".join(filter(None, [form.name(check["metric"]), unit])),
        "why": form.words(check["why"]),
        "fix": form.words(check["fix"]),
        "gates": ", ".join(map(form.name, check["gates"])),
        "promise": form.words(check["invariant"]),
    }
    if check["unless"]:
        items["exempt"] = f"while {form.name(check['unless'])} is true"
    rows = (
        (", ".join(map(form.name, names)), form.words(text) if text.startswith(_OFF) else text)
        for text, names in _grouped(check["limits"], check["operator"]).items()
    )
    return [
        form.head(3, f"{form.name(check['id'])}: {form.words(check['title'])}"),
        "",
        *(form.item(label, text) for label, text in items.items()),
        "",
        *form.table(("profile", "demand"), *rows),
    ]


def _grouped(limits: Mapping[str, Json], operator: str) -> dict[str, list[str]]:
    """Profiles by what they demand, so that equal demands are listed once."""
    groups: dict[str, list[str]] = {}
    for profile, row in limits.items():
        groups.setdefault(demand(row, operator), []).append(profile)
    return groups


def demand(row: Json, operator: str, unit: str = "") -> str:
    """Return in one line what a profile's row demands."""
    if row["severity"] == "off":
        return f"{_OFF}{row['reason']}"
    limit = written(row["limit"]) if "limit" in row else "its own baseline"
    facts = [
        row["severity"],
        f"{operator} {limit} {unit}".rstrip(),
        f"at most {row['max_age_s']} s old",
    ]
    if "min_n" in row:
        facts.append(f"n >= {row['min_n']}")
    if row.get("compare") == "ci":
        facts.append("its whole interval")
    if demands_signers(row):
        keys, role = row.get("producers", 1), row.get("signed_by", PRODUCER)
        facts.append(f"signed by {'a key' if keys == 1 else f'{keys} keys'} of role {role}")
    if "in_production" in row:
        facts.append(f"in production: {row['in_production']}")
    if row.get("unwaivable"):
        facts.append("cannot be waived")
    return ", ".join(facts)


def _metrics(metrics: Iterable[Json], form: _Form) -> list[str]:
    head = ("metric", "type", "unit", "can be", "better", "meaning")
    return form.table(
        head,
        *(
            (
                form.name(metric["id"]),
                form.words(metric["type"]),
                form.words(metric["unit"]),
                form.words(metric_range(metric)),
                form.words(metric["direction"]),
                form.words(metric["description"]),
            )
            for metric in metrics
        ),
    )


def metric_range(metric: Json) -> str:
    """Return which values a metric can have."""
    if "values" in metric:
        return ", ".join(metric["values"])
    if metric["type"] in ("boolean", "string"):
        return "true or false" if metric["type"] == "boolean" else "any text"
    low, high = (
        None if bound is None else written(bound) for bound in metric.get("range", (None, None))
    )
    return range_in_words(low, high)
