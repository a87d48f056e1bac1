"""``engine policy show`` and ``diff``: the rows of the policies in use, and what they change."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine import exit_codes
from engine.cli import workspace
from engine.cli.console.shell import Shell
from engine.errors import UsageError, suggest
from engine.model import Json

if TYPE_CHECKING:
    from engine.policy.bundle import PolicyBundle
    from engine.policy.changes import RowChange
    from engine.settings.config import Config

SHIPPED = "shipped"
_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{64})")


def show(args: argparse.Namespace, shell: Shell) -> int:
    """Print the rows of the policies in use below a name, with what ships where they differ.

    A name of a built file shows that one's.
    """
    from engine.policy.bundle import shipped_bundle
    from engine.policy.changes import changes, tables
    from engine.policy.overlay import BUILT

    config = workspace.settings(args, shell)
    if args.name is not None and args.name.endswith(BUILT):
        bundle, args.name = _named(args.name, config, shell), None
    else:
        bundle = workspace.open_policies(config, shell)
    rows = {
        f"{topic}/{name}": row
        for topic, table in tables(bundle).items()
        for name, row in table.items()
    }
    found = _below(args.name or f"limits/{config.text('profile')}", rows)
    changed = {change.row: change for change in changes(shipped_bundle(), bundle)}
    if args.format == "json":
        document = {
            name: {"row": row, "changed": name in changed, "shipped": _before(changed.get(name))}
            for name, row in found.items()
        }
        shell.print_json({"digest": bundle.digest, "rows": document}, indent=2)
        return exit_codes.PASS
    shell.print(f"policy {bundle.digest}")
    for name, row in found.items():
        mark = f"   ({_in_words(changed[name])})" if name in changed else ""
        shell.print(f"  {name:<36} {_members(row)}{mark}")
    return exit_codes.PASS


def diff(args: argparse.Namespace, shell: Shell) -> int:
    """Print what the policies in use change against others, a line for each row.

    Of a folder or a built file, where no policies of one's own are in use: what it changes itself.
    """
    from engine.policy.changes import changes

    config = workspace.settings(args, shell)
    against = args.name or SHIPPED
    before, after = _named(against, config, shell), workspace.open_policies(config, shell)
    if config.path("policies") is None and Path(against).exists() and against != SHIPPED:
        before, after, against = after, before, SHIPPED
    found = changes(before, after)
    if args.format == "json":
        rows = [change._asdict() for change in found]
        shell.print_json(
            {"before": before.digest, "after": after.digest, "changes": rows}, indent=2
        )
        return exit_codes.PASS
    for name, words in _together(found):
        shell.print(f"{name:<36} {words}")
    counted = f"{len(found):,} {'row' if len(found) == 1 else 'rows'}" if found else "nothing"
    shell.print(
        f"{counted} changed: policy {before.digest[:12]}… ({against}) to {after.digest[:12]}…"
        + _OF_PROFILES * any(change.row.startswith("limits/") for change in found)
    )
    return exit_codes.PASS


_OF_PROFILES = "; limits count once for each profile"


def _named(against: str, config: Config, shell: Shell) -> PolicyBundle:
    """The policies that a word, a folder or a digest names."""
    from engine.decision.workspace import policies_in
    from engine.policy.bundle import PolicyBundle, shipped_bundle

    if against == SHIPPED:
        return shipped_bundle()
    if match := _DIGEST.fullmatch(against):
        with workspace.open_ledger_to_read(config, shell) as ledger:
            return PolicyBundle.kept_as(match[1], ledger.blob("policy", match[1]))
    if not Path(against).exists():
        hint = (
            suggest(against, [SHIPPED])
            or f"give {SHIPPED}, a folder, a built file, or a policy's digest"
        )
        raise UsageError(f"{against}: no such folder or file", hint)
    return policies_in(shell.here / against, shell)


def _below(path: str, rows: Mapping[str, Json]) -> dict[str, Json]:
    """The rows at or below a name; a row may be named without its topic."""
    path = path.strip("/")
    found = {
        name: row
        for name, row in rows.items()
        if name == path or name.startswith(f"{path}/") or name.endswith(f"/{path}")
    }
    if not found:
        topics = sorted({name.rpartition("/")[0] for name in rows})
        hint = suggest(path, [*rows, *topics, *(name.rpartition("/")[2] for name in rows)])
        raise UsageError(
            f"{path!r} is no row of these policies", hint or f"topics: {', '.join(topics)}"
        )
    return found


def _before(change: RowChange | None) -> Json:
    return None if change is None else change.before


def _together(found: Sequence[RowChange]) -> Iterator[tuple[str, str]]:
    """Each change by name and in words; one that several profiles inherit is a line of one."""
    same: dict[tuple[str, str], list[str]] = {}
    for change in found:
        topic, _, name = change.row.partition("/")
        profile, _, row = name.partition("/") if topic == "limits" else ("", "", name)
        same.setdefault(
            (f"{topic}/{row}" if profile else change.row, _in_words(change)), []
        ).append(profile)
    for (name, words), profiles in same.items():
        yield name, words + (f"  [{', '.join(profiles)}]" if profiles != [""] else "")


def _in_words(change: RowChange) -> str:
    before, after = change.before, change.after
    if before is None:
        return f"added: {_members(after)}" if after else "added"
    if after is None:
        return f"taken away; it was {_members(before)}" if before else "taken away"
    if not isinstance(before, dict) or not isinstance(after, dict):
        return (
            "changed" if change.row.startswith("rules/") else f"{_word(before)} to {_word(after)}"
        )
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return "; ".join(
        f"{name} {_member(name, before.get(name))} to {_member(name, after.get(name))}"
        for name in names
    )


def _members(row: Json) -> str:
    if not isinstance(row, dict):
        return _word(row)
    return ", ".join(f"{name} {_member(name, value)}" for name, value in row.items())


def _member(name: str, value: Json) -> str:
    """A member of a row; the range of a metric in words, as its open ends are no numbers."""
    from engine.decision.margins import written
    from engine.formats.ranges import range_in_words

    if name != "range" or not isinstance(value, list) or len(value) != 2:
        return _word(value)
    return range_in_words(*(None if bound is None else written(bound) for bound in value))


def _word(value: Json) -> str:
    from engine.decision.margins import written
    from engine.formats.printable import plain

    if isinstance(value, dict):
        return "{" + _members(value) + "}"
    if isinstance(value, list) and any(not isinstance(item, int | float) for item in value):
        return f"[{', '.join(map(_word, value))}]"
    return "none" if value is None else plain(written(value))
