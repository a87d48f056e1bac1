"""``engine ledger compare``: whether two states of one ledger are one history."""

from __future__ import annotations

import argparse
import json
import textwrap
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from engine import exit_codes
from engine.cli import workspace
from engine.cli.checkpoint_state import MEDIA_TYPE as STATE
from engine.cli.checkpoint_state import Notes, ledger_and_keys, parse_state
from engine.cli.console.shell import Shell
from engine.cli.inputs import read_key
from engine.errors import UsageError
from engine.evidence.documents import read_bytes
from engine.formats.printable import plain
from engine.ledger import Ledger, open_ledger
from engine.ledger.history import history_of
from engine.model import Json
from engine.proof import bundle, checkpoint
from engine.proof.bundle import ProofBundle
from engine.proof.created import read_created
from engine.proof.history import (
    History,
    Outcome,
    history_in,
    pair_of,
    require_one_tree,
    shared_size,
)
from engine.proof.inclusion import placed
from engine.proof.keys import key_id
from engine.settings.config import Config
from engine.system.files import require_apart, write_whole
from engine.system.reading import open_to_read

_KINDS = "a ledger, a proof, a checkpoint, a signed head or a file of --state"


@dataclass(frozen=True, slots=True)
class Source:
    """One of the two, read and not verified.

    Attributes:
        name: As it was typed.
        content: A ledger, a proof bundle, or signed notes by ledger and key.
    """

    name: str
    content: Ledger | ProofBundle | Notes

    @property
    def first_entry(self) -> bytes | None:
        """Entry 0, where the source has it."""
        if isinstance(self.content, Ledger):
            return self.content.entry(0)
        if isinstance(self.content, ProofBundle) and self.content.ledger:
            return self.content.ledger[0]
        return None

    @property
    def origins(self) -> set[str]:
        """Ledgers that it may speak of."""
        if isinstance(self.content, Ledger):
            return {checkpoint.origin_of(self.content.id)}
        if isinstance(self.content, ProofBundle):
            return {checkpoint.parse(self.content.checkpoint)[0].origin}
        return {origin for origin, _ in self.content}

    def history(self, origin: str, keys: Sequence[bytes]) -> History:
        """Return what it shows, verified: all of a ledger, a proof's place, a note's signature."""
        if isinstance(self.content, Ledger):
            self.content.verify(public_keys=keys)
            return history_of(self.content, keys)
        if isinstance(self.content, ProofBundle):
            return history_in(self.content, placed(self.content, keys))
        notes = [note for (ledger, _), note in self.content.items() if ledger == origin]
        signed = [note for note in notes if any(checkpoint.signed_by(note, key) for key in keys)]
        note = signed[0] if signed else notes[0]
        return History(note, checkpoint.verify(note, keys))


def compare(args: argparse.Namespace, config: Config, shell: Shell) -> int:
    """Say what the two are to each other; exit 4 when the history forked."""
    with ExitStack() as opened:
        if args.output is not None:
            workspace.require_output(Path(args.output), config, shell)
            require_apart([Path(args.output)], [Path(args.a), Path(args.b)])
        first, second = (_read(name, opened, shell) for name in (args.a, args.b))
        both = first.origins & second.origins
        if len(both) != 1:
            raise UsageError(
                f"{first.name} is of {_listed(first)}, and {second.name} of {_listed(second)}",
                "give two states of one ledger",
            )
        (origin,) = both
        keys, whose = _keys(args, first, second)
        histories = [source.history(origin, keys) for source in (first, second)]
        pair = pair_of(*histories)
        if pair.outcome is Outcome.UNKNOWN:
            require_one_tree(*histories)
            sizes = [history.checkpoint.size for history in histories]
            larger = (first, second)[sizes.index(max(sizes))]
            raise UsageError(
                f"{larger.name} does not show what the first {min(sizes)} of its {max(sizes)} "
                "entries are: it may continue the other or not",
                "give the ledger that it is of, or a proof that holds all of it",
            )
        shared = shared_size(*histories) if pair.outcome is Outcome.FORK else None
        if args.output is not None:
            write_whole(Path(args.output), pair.encode())
    answer = _answer(pair.outcome, [first, second], histories, shared)
    answer |= {"keys": [key_id(key) for key in keys], "keys_given": bool(args.key)}
    if args.format == "json":
        shell.print_json(answer)
    else:
        shell.print_lines("\n".join(_lines(answer, histories, whose, args.output)))
    return exit_codes.NOT_GENUINE if pair.outcome is Outcome.FORK else exit_codes.PASS


def _listed(source: Source) -> str:
    return ", ".join(map(plain, sorted(source.origins)))


def _read(name: str, opened: ExitStack, shell: Shell) -> Source:
    """What ``name`` is: a URL and a database are ledgers, anything else is a file."""
    if name != "-" and (":" in name.partition("/")[0] or _is_database(Path(name))):
        ledger = open_ledger(name, signer=None, heads=None)
        return Source(name, opened.enter_context(closing(ledger)))
    data = read_bytes(name, stdin=shell.stdin, max_bytes=bundle.MAX_BYTES)
    if not data.strip():
        raise UsageError(f"{name}: is empty, and none of these: {_KINDS}")
    if not data.lstrip().startswith(b"{"):
        return Source(name, _noted(_dedented(data, name)))
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise UsageError(f"{name}: is none of these: {_KINDS}") from None
    if value.get("mediaType") == STATE:
        return Source(name, parse_state(data, name))
    if value.keys() == {"ledger", "checkpoint"} and isinstance(value["checkpoint"], str):
        return Source(name, _noted(value["checkpoint"]))
    return Source(name, bundle.parse(data))


def _is_database(path: Path) -> bool:
    if not path.is_file():  # of a pipe, what was read is gone
        return False
    try:
        with open_to_read(path) as file:
            return file.read(16) == b"SQLite format 3\0"
    except OSError:  # who reads it says it better
        return False


def _dedented(data: bytes, name: str) -> str:
    try:
        return note_in(data.decode())
    except UnicodeDecodeError:
        raise UsageError(f"{name}: is none of these: {_KINDS}") from None


def note_in(text: str) -> str:
    """Return a checkpoint as a file holds it, or as a CI log shows it: indented."""
    lines = [line.rstrip() for line in textwrap.dedent(text).strip("\n").split("\n")]
    return "\n".join(lines) + "\n"


def _noted(note: str) -> Notes:
    return {ledger_and_keys(note): note}


_OF_ENTRY_0 = "verified with the key in entry 0: pass --key to say whose it is"


def _keys(args: argparse.Namespace, first: Source, second: Source) -> tuple[list[bytes], str]:
    """The keys given; else the first in entry 0 of either, by which both are verified."""
    if args.key:
        return [read_key(path) for path in args.key], f"verified with {', '.join(args.key)}"
    entry = first.first_entry or second.first_entry
    if entry is None:
        raise UsageError(
            "neither of the two holds entry 0, which names the ledger's key", "give --key PUB"
        )
    return [read_created(entry).public_key], _OF_ENTRY_0


def _answer(
    outcome: Outcome, sources: Sequence[Source], histories: Sequence[History], shared: int | None
) -> dict[str, Json]:
    first, second = (history.checkpoint for history in histories)
    return {
        "outcome": outcome,
        "ledger": first.origin,
        "sources": [
            {"name": source.name, "size": history.checkpoint.size,
             "root": history.checkpoint.root.hex(), "chain": history.checkpoint.chain.hex()}
            for source, history in zip(sources, histories, strict=True)
        ],
        "newer": None if first.size == second.size else sources[first.size < second.size].name,
        "entries": abs(first.size - second.size),
        "shared": shared,
    }  # fmt: skip


def _lines(
    answer: dict[str, Json], histories: Sequence[History], whose: str, output: str | None
) -> list[str]:
    first, second = answer["sources"]
    size = first["size"]
    older, newer = sorted((first, second), key=lambda source: source["size"])
    counted = "1 entry" if answer["entries"] == 1 else f"{answer['entries']} entries"
    titles = {
        Outcome.SAME: [f"SAME: both are the ledger at {size} entries"],
        Outcome.CONTINUES: [
            f"CONTINUES: {counted} more in", f"  {plain(newer['name'])}",
            f"than in the {older['size']} of", f"  {plain(older['name'])}",
        ],
        Outcome.FORK: ["FORK: this signer signed two histories of one ledger"],
    }  # fmt: skip
    lines = list(titles[answer["outcome"]])
    lines += [f"  ledger    {plain(str(answer['ledger']))}", f"  keys      {plain(whose)}"]
    if answer["shared"] is not None:
        lines.append(f"  shared    the first {answer['shared']} entries are the same")
    if answer["outcome"] is Outcome.FORK:
        for source, history in zip((first, second), histories, strict=True):
            lines += [plain(source["name"]), *map(plain, history.note.split("\n"))]
    if output is not None:
        lines.append(f"  proof     {plain(output)}: engine verify --key PUB")
    return lines
