"""What must hold after a fault: what the verb says, against what is there."""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from engine.model import Json
from tests.system.faults.cases import Case
from tests.system.faults.injection import Ended, Fault, Place, called, in_fork

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ANSWER = "; standard output: "
"""What stands before it is done, and only the answer did not get through."""
_UNSIGNED = "has no checkpoint yet"
"""A ledger whose writer was stopped before its first checkpoint, which the next one signs."""
_MAY = "may or may not be recorded"
_RECORDED = re.compile(r"(?<!nothing )\b(?:is|are|was|were) recorded\b|\brecorded as\b")
_NOTHING = re.compile(r"nothing (?:was|is) (?:recorded|decided)|not recorded")
_CRASHES = ("Traceback", "a defect of the engine", "sqlite3.", "OperationalError", "[Errno ")
_NAMED = ("decision", "ethics-attestation")
"""Kinds of entries that are looked up by their id."""

Entries = tuple[tuple[str, str], ...]
"""Kind and id of each entry of a ledger; empty where there is none."""


@dataclass(frozen=True, slots=True)
class Found:
    """What is there before the call.

    Attributes:
        entries: Of the ledger.
        ids: Every id that an entry has in it.
        files: Content of each file of the working folder outside of ``.engine``.
    """

    entries: Entries
    ids: frozenset[str] = field(repr=False)
    files: dict[str, bytes] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Look:
    """The ledger as its own verbs see it, then the same call once more, then the ledger again."""

    verified: Ended
    entries: Entries
    ids: frozenset[str]
    again: Ended
    verified_again: Ended


@dataclass(frozen=True, slots=True)
class Whole:
    """What the call does when nothing fails.

    Attributes:
        ended: How it ends.
        new: Kinds of the entries that it appends.
        files: What is there afterwards.
    """

    ended: Ended
    new: tuple[str, ...]
    files: dict[str, bytes]


def files_in(place: Place) -> dict[str, bytes]:
    """Every file of the working folder that is neither the ledger's nor a lock."""
    found = {}
    for root, folders, names in os.walk(place.work):
        if ".engine" in folders:
            folders.remove(".engine")
        for path in (Path(root, name) for name in names if not name.endswith(".lock")):
            found[str(path.relative_to(place.work))] = path.read_bytes()
    return found


def look(place: Place, argv: tuple[str, ...]) -> Look:
    """Ask the ledger in ``place``, and run the call once more."""
    kept = place.scratch / "look"

    def ask() -> None:
        verified, entries, ids = _ledger()
        again = called(argv)
        verified_again = _verified()
        ended = [(end.code, end.out, end.err) for end in (verified, again, verified_again)]
        kept.write_text(json.dumps([ended, entries, sorted(ids)]))

    in_fork(place, ask)
    ended, entries, ids = json.loads(kept.read_text())
    verified, again, verified_again = (Ended(*end) for end in ended)
    named = tuple((kind, name) for kind, name in entries)
    return Look(verified, named, frozenset(ids), again, verified_again)


def _verified() -> Ended:
    is_there = Path(".engine/ledger.db").exists()
    return called(("ledger", "verify", "--format", "json")) if is_there else Ended(0, "", "")


def _ledger() -> tuple[Ended, list[tuple[str, str]], set[str]]:
    verified = _verified()
    if not verified.out and _UNSIGNED not in verified.err:
        return verified, [], set()
    log = called(("ledger", "log", "--limit", "0", "--format", "jsonl")).out
    rows: list[Json] = [json.loads(line) for line in reversed(log.splitlines())]
    ids: set[str] = set()
    for row in rows:
        if row["kind"] != "ledger-created":
            ids.update(_ID.findall(called(("ledger", "show", str(row["index"]))).out))
    return verified, [(row["kind"], row["id"] or "") for row in rows], ids


@dataclass(frozen=True)
class Judgement:
    """What a call that met a fault did, against what it does when nothing fails.

    Attributes:
        case: The verb.
        fault: The fault.
        ended: How the call ended.
        before: What was there.
        whole: What happens without the fault.
        seen: The ledger afterwards.
        files: The files afterwards.
    """

    case: Case
    fault: Fault
    ended: Ended
    before: Found
    whole: Whole
    seen: Look
    files: dict[str, bytes]

    @cached_property
    def new(self) -> Entries:
        """The entries that the call has appended."""
        return self.seen.entries[len(self.before.entries) :]

    @cached_property
    def kept(self) -> frozenset[str]:
        """Every id that is recorded: in the ledger, or in a proof."""
        return self.seen.ids | _ids_of_proofs(self.files)

    @property
    def as_without(self) -> bool:
        """Whether the call says that all went well."""
        return self.ended.code == self.whole.ended.code

    def broken(self) -> Iterator[str]:
        """Yield each promise that does not hold."""
        yield from self._ledger()
        yield from self._next_run()
        for name, content in self.files.items():
            yield from self._file(name, content)
        for name in sorted(self.before.files.keys() - self.files.keys()):
            yield f"{name} is gone"
        if self.ended.code < 0:
            if self.fault.kind != "KILL" or self.ended.code != -signal.SIGKILL:
                yield f"ended by signal {-self.ended.code}"
        elif self.as_without:
            yield from self._success()
        else:
            yield from self._failure()

    def _ledger(self) -> Iterator[str]:
        seen, before = self.seen, self.before
        if seen.entries[: len(before.entries)] != before.entries:
            yield f"the ledger lost entries: {before.entries} became {seen.entries}"
        acknowledged = set(_ID.findall(self.ended.out)) - before.ids
        if self.case.records and (lost := acknowledged - self.kept):
            yield f"acknowledged and lost: {sorted(lost)}"
        begun = bool(before.entries or len(seen.entries) > 1)
        for name, report in (("", seen.verified), (" after the next run", seen.verified_again)):
            beginning = "there is no ledger" in report.err or _UNSIGNED in report.err
            if report.code != 0 and (begun or not beginning):
                yield f"the ledger does not verify{name}: {report.code}: {report.err.strip()}"
            begun |= seen.again.code == 0

    def _next_run(self) -> Iterator[str]:
        done = self.as_without or self.fault.kind == "KILL" or _ANSWER in self.ended.err
        done |= bool(self.new) and len(self.new) == len(self.whole.new)
        again = self.seen.again
        if again.code not in (self.whole.ended.code, *(self.case.again if done else ())):
            yield f"the next run ends with {again.code}: {again.err.strip()}"

    def _file(self, name: str, content: bytes) -> Iterator[str]:
        before = self.before.files.get(name)
        expected = _alike(name, self.whole.files)
        if before is None and expected is None:
            if self.fault.kind != "KILL" and "unlink" not in self.fault.name:
                yield f"{name} is left behind"
        elif content != before and not _is_whole(name, content, expected):
            yield f"{name} is neither old nor whole: {len(content)} bytes"

    def _success(self) -> Iterator[str]:
        code, out = self.ended.code, self.ended.out
        kinds = tuple(kind for kind, _ in self.new)
        if kinds != self.whole.new and (kinds or self.whole.new != ("decision-failed",)):
            yield f"exit code {code}, but appended {kinds} and not {self.whole.new}"
        if len(out.splitlines()) != len(self.whole.ended.out.splitlines()):
            yield f"exit code {code}, but standard output is cut short: {out!r}"
        for name, expected in self.whole.files.items():
            before, found = self.before.files.get(name), _alike(name, self.files)
            if expected != before and found in (None, before):
                yield f"exit code {code}, but {name} is not written"

    def _failure(self) -> Iterator[str]:
        code, said = self.ended.code, self.ended.err.strip()
        if code not in (2, 3):
            yield f"exit code {code}: {said}"
        if not said:
            yield f"exit code {code} and not a word"
        if found := [word for word in _CRASHES if word in said]:
            yield f"says {found}: {said}"
        yield from self._about_outputs(said)
        if made := [entry for entry in self.new if entry[0] != "ledger-created"]:
            yield from self._about_entries(made, said)
        elif self.case.records:
            yield from self._about_none(said)

    def _about_outputs(self, said: str) -> Iterator[str]:
        for name in self.case.outputs:
            below = [file for file in self.files if file == name or file.startswith(f"{name}/")]
            is_new = any(self.files[file] != self.before.files.get(file) for file in below)
            if not is_new and f"{name} is written" in said:
                yield f"{name} is said to be written, and is not: {said}"
            told = re.search(f"written are .*{re.escape(name)}|{_ANSWER}|engine: standard", said)
            if is_new and "standard output" in said and not told:
                yield f"{name} is written, and nothing says so: {said}"

    def _about_entries(self, made: list[tuple[str, str]], said: str) -> Iterator[str]:
        names = {name for kind, name in made if kind in _NAMED}
        claimed = _RECORDED.search(said) or _MAY in said
        if not claimed or (names and not any(name in self.ended.out + said for name in names)):
            yield f"recorded {made} and does not say so: {said}"
        if self.ended.code == 2 and self.case.records:
            yield f"recorded {made}, and exit code 2: {said}"

    def _about_none(self, said: str) -> Iterator[str]:
        claimed = _RECORDED.search(said) and _MAY not in said
        if claimed and not (self.new or self.kept.intersection(_ID.findall(said))):
            yield f"recorded nothing and claims it: {said}"
        elif self.ended.code == 3 and not (claimed or _MAY in said or _NOTHING.search(said)):
            yield f"recorded nothing and does not say so: {said}"


def _ids_of_proofs(files: dict[str, bytes]) -> frozenset[str]:
    """Ids in the entries of every whole proof."""
    found: set[str] = set()
    for name, content in files.items():
        if name.endswith(".json") and b'"mediaType"' in content:
            with suppress(ValueError, KeyError):
                entry = base64.b64decode(json.loads(content)["entry"])
                found.update(_ID.findall(base64.b64decode(json.loads(entry)["payload"]).decode()))
    return frozenset(found)


def _alike(name: str, files: dict[str, bytes]) -> bytes | None:
    """The content of the file of that name, or of one whose name differs by its id only."""
    if name in files or not _ID.search(name):
        return files.get(name)
    bare = _ID.sub("", name)
    return next((files[other] for other in files if _ID.sub("", other) == bare), None)


def _is_whole(name: str, content: bytes, expected: bytes | None) -> bool:
    """Whether ``content`` is as complete as what the call writes when nothing fails.

    Ids, times and signatures differ from run to run, and hardly ever the length.
    """
    if name in ("summary", "output"):  # which are appended to, and say how it ended
        return content.startswith(b"before\n")
    if not expected:
        return not content
    try:
        if name.endswith((".json", ".sarif", ".gitlab")):
            json.loads(content)
            return True
        if name.endswith(".gz"):
            return gzip.decompress(content) == gzip.decompress(expected)
    except (ValueError, OSError, EOFError):
        return False
    near = abs(len(content) - len(expected)) <= len(expected) // 20
    return near and content[-1:] == expected[-1:]
