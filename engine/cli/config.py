"""``engine config``: every setting and where it comes from; schemas of files that people write."""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass, replace

from engine import exit_codes
from engine.cli import workspace
from engine.cli.arguments import (
    approval_arguments,
    ledger_arguments,
    policy_arguments,
    question_arguments,
)
from engine.cli.console.shell import Shell
from engine.decision.workspace import key_path, ledger_url, module_cache
from engine.errors import UsageError
from engine.formats.printable import plain
from engine.policy.bundle import shipped_schema
from engine.settings.config import SETTINGS, Config

_SCHEMAS = {
    "engine.toml": "engine-toml",
    "gather.toml": "gather-toml",
    "limits": "limits",
    "metrics": "metrics",
    "trust": "trust",
    "verify.toml": "verify-toml",
    "waivers": "waivers",
    "watch.toml": "watch-toml",
}
"""Files that people write, and the JSON Schema of each."""

DESCRIPTION = (
    "Show every setting, its value, and where it came from: a flag, a variable of the\n"
    "environment, engine.toml, or the default, in that order. Flags of other verbs may be given.\n"
    "`engine explain ENGINE_GATE` says what a variable means; docs/settings.md lists them all.\n"
    "`schema FILE` prints the JSON Schema of a file that you write, for your editor."
)
EXAMPLE = "  engine config show --profile strict\n  engine config schema limits"


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting as it is in force.

    Attributes:
        value: What counts; None where nothing does.
        origin: ``--flag``, ``$VARIABLE``, a file, or ``default``.
        type: What it may be in ``engine.toml``, as JSON Schema calls it; None where it is no key.
        variable: Environment variable that sets it; empty when none does.
        meaning: One clause.
    """

    value: str | int | None
    origin: str
    type: str | list[str] | None
    variable: str
    meaning: str


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare flags."""
    parser.add_argument("action", choices=["show", "schema"], help="what to do")
    parser.add_argument("file", nargs="?", choices=sorted(_SCHEMAS), help="of schema: whose")
    parser.add_argument("--format", choices=["text", "json"], default="text", help="(text)")
    question_arguments(parser)
    policy_arguments(parser)
    approval_arguments(parser)
    ledger_arguments(parser)


def run(args: argparse.Namespace, shell: Shell) -> int:
    """Print one line per setting, or a schema."""
    if (args.action == "schema") != (args.file is not None):
        raise UsageError(
            "config schema takes the file whose schema it prints, and show takes none",
            f"such as: engine config schema limits; there are {', '.join(sorted(_SCHEMAS))}",
        )
    if args.file is not None:
        shell.print_json(shipped_schema(f"{_SCHEMAS[args.file]}.schema.json"), indent=2)
        return exit_codes.PASS
    config = workspace.settings(args, shell)
    rows = _rows(config, shell)
    if args.format == "json":
        settings = {name: asdict(row) for name, row in rows.items()}
        shell.print_json(settings, indent=2)
        return exit_codes.PASS
    shown = {
        name: "-" if row.value is None else plain(str(row.value)) for name, row in rows.items()
    }
    names = max(map(len, rows))
    widest = max(map(len, shown.values()))
    origins = max(len(plain(row.origin)) for row in rows.values())
    lines = [
        f"{name:<{names}}  {shown[name]:<{widest}}  {plain(row.origin):<{origins}}  {row.meaning}"
        for name, row in rows.items()
    ]
    if shell.stdout.isatty() and max(map(len, lines)) > shell.width:  # a pipe has a line for each
        lines = [
            f"{name}: {shown[name]}\n    by {plain(row.origin)}\n    {row.meaning}"
            for name, row in rows.items()
        ]
    shell.print_lines("\n".join(lines))
    return exit_codes.PASS


def _rows(config: Config, shell: Shell) -> dict[str, SettingRow]:
    """The settings, and the places that follow from them."""
    keys = shipped_schema("engine-toml.schema.json")["properties"]
    rows = {
        setting.name: SettingRow(
            config.values[setting.name].value,
            config.values[setting.name].origin,
            keys.get(setting.name, {}).get("type"),
            setting.variable,
            setting.meaning,
        )
        for setting in SETTINGS
    }
    for name, value in (
        ("ledger", ledger_url(config)),
        ("key_file", str(key_path(config))),
    ):
        rows[name] = replace(rows[name], value=value)
    if shell.environ.get("ENGINE_KEY"):
        rows["key_file"] = SettingRow(
            None, "$ENGINE_KEY", None, "ENGINE_KEY", "private key, never shown"
        )
    found = "found" if config.folder.exists() else "default"
    rows["folder"] = SettingRow(str(config.folder), found, None, "", "key, ledger and heads")
    cache = module_cache(shell)
    rows["cache"] = SettingRow(
        str(cache) if cache else None,
        "$XDG_CACHE_HOME" if shell.environ.get("XDG_CACHE_HOME") and cache else "default",
        None,
        "XDG_CACHE_HOME",
        "compiled policies; kept nowhere in CI",
    )
    return rows
