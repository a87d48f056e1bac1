"""What an append and a proof cost in a ledger of a million entries, against one of a thousand.

Both are measured in this process, through the ledger that the engine writes to, with nothing
beside the ledger's own work: the entries are signed beforehand, and short, so that what grows
with the ledger is not lost among what does not.
"""

from __future__ import annotations

import hashlib
import random
import resource
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench import ledger_fill
from bench.contests import Result, row_of
from bench.errors import BenchError
from bench.process import Run
from engine.decision.export import export
from engine.ledger import Blob, EntryDraft, Ledger, Signer
from engine.ledger.sqlite.schema import ENTRIES_PER_MERGE
from engine.model import DECISION_TYPE
from engine.proof.envelope import seal
from engine.proof.input_document import salted_digest
from engine.proof.statement import statement

SMALL, LARGE = 1_000, 1_000_000
PROOFS, TIMES = 500, 2
APPENDS = max(ENTRIES_PER_MERGE)
"""In these the subject index is rewritten exactly once, at any size."""
_BODIES = 64
_MEASURED = ("append", "proof")
_POLICY = hashlib.sha256(b"policy").hexdigest()


class Drafts:
    """Short decisions, each on a subject of its own: the dearest case for the index."""

    def __init__(self, signer: Signer) -> None:
        document, salt = b"{}", bytes(32)
        predicate = {
            "policy": {"digest": {"sha256": _POLICY}},
            "input": {"digest": {"sha256": salted_digest(salt, document)}},
            "checks": [],
        }
        subjects = ({"name": f"s{n}", "digest": {"sha256": _POLICY}} for n in range(_BODIES))
        payloads = [statement([subject], DECISION_TYPE, predicate) for subject in subjects]
        self._entries = [seal(payload, signer.sign, signer.key_id) for payload in payloads]
        self._blobs = (
            Blob("input", document),
            Blob("salt", salt),
            Blob("policy", b"policy", _POLICY),
        )

    def draft(self, number: int) -> EntryDraft:
        """Return decision ``number``."""
        entry = self._entries[number % _BODIES]
        subject = hashlib.sha256(b"%d" % number).hexdigest()
        name = ledger_fill.decision_id(number)
        return EntryDraft(name, subject, "promotion", lambda _place: entry, self._blobs)

    def batches(self, numbers: range) -> Iterator[list[EntryDraft]]:
        """Yield them a commit's worth at a time."""
        for at in range(numbers.start, numbers.stop, ledger_fill.BATCH):
            last = min(at + ledger_fill.BATCH, numbers.stop)
            yield [self.draft(number) for number in range(at, last)]


def hold(
    key_folder: Path, home: Path, *, entries: int, rounds: int, say: Callable[[str], None]
) -> Result:
    """Measure both ledgers, in turn, and return the ratios.

    Each round appends as many entries as get the subject index rewritten exactly once, to the
    large ledger and to a fresh copy of the small one, and exports random decisions of each.

    Args:
        key_folder: A folder of the engine's with a key.
        home: Where the ledgers are made; removed again.
        entries: Of the large ledger.
        rounds: How many count.
        say: Narrates.

    Raises:
        BenchError: A proof is not of the decision it was asked for.
    """
    signer = ledger_fill.key_in(key_folder)
    drafts = Drafts(signer)
    sizes = {f"{SMALL:,}": SMALL, f"{entries:,}": entries}
    runs: dict[str, list[Run]] = {
        f"{what} at {n}": [] for what in ("append", "proof") for n in sizes
    }
    try:
        for size in sizes.values():
            _fill(home / str(size), size, signer, drafts, say)
        for number in range(rounds + 1):
            order = list(sizes.items())[:: -1 if number % 2 else 1]
            for name, size in order:
                with _one_use(home, size, SMALL) as folder:
                    appended, proved = _measured(folder, signer, drafts, number)
                say(f"ledger of {name}, round {number}: append {appended.wall_s * 1e6:.1f} µs, "
                    f"proof {proved.wall_s * 1e6:.1f} µs")  # fmt: skip
                if number:
                    runs[f"append at {name}"].append(appended)
                    runs[f"proof at {name}"].append(proved)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    rows = tuple(row_of(runs, *pair) for pair in pairs(entries))
    return Result("ledger scale", rows, runs, {})


def pairs(entries: int) -> tuple[tuple[str, str], ...]:
    """Return what is compared with what: ours, theirs."""
    return tuple((f"{what} at {entries:,}", f"{what} at {SMALL:,}") for what in _MEASURED)


def _fill(
    folder: Path, size: int, signer: Signer, drafts: Drafts, say: Callable[[str], None]
) -> None:
    (folder / ".engine").mkdir(parents=True)
    ledger = ledger_fill.open_in(folder, signer=signer)
    try:
        for done, some in enumerate(drafts.batches(range(1, size)), 1):
            ledger.append(some)
            if done % 800 == 0:
                say(f"filling a ledger: {done * ledger_fill.BATCH:,} of {size:,}")
    finally:
        ledger.close()


@contextmanager
def _one_use(home: Path, size: int, small: int) -> Iterator[Path]:
    """The large ledger as it is; of the small one a copy, so that it stays small."""
    folder = home / str(size)
    if size != small:
        yield folder
        return
    copy = home / "copy"
    shutil.copytree(folder, copy)
    try:
        yield copy
    finally:
        shutil.rmtree(copy)


def _measured(folder: Path, signer: Signer, drafts: Drafts, seed: int) -> tuple[Run, Run]:
    """Append and export in the ledger in ``folder``; return what one of each took."""
    ledger = ledger_fill.open_in(folder, signer=signer)
    try:
        size = ledger.size()
        batches = list(drafts.batches(range(size, size + APPENDS)))
        appended = _timed(lambda: [ledger.append(some) for some in batches], APPENDS)
        chance = random.Random(seed)  # noqa: S311  (no secret)
        numbers = [chance.randrange(1, size) for _ in range(PROOFS)]
        _export(ledger, numbers)  # both warm: a disk's own latency is not what grows
        proved = _timed(lambda: _export(ledger, numbers * TIMES), PROOFS * TIMES)
    finally:
        ledger.close()
    return appended, proved


def _export(ledger: Ledger, numbers: Sequence[int]) -> None:
    for number in numbers:
        proof = export(ledger, ledger_fill.decision_id(number))
        if proof.index != number or not proof.path:
            raise BenchError(f"the proof of entry {number} is one of entry {proof.index}")


def _timed(work: Callable[[], object], count: int) -> Run:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Run(wall / count, cpu / count, peak, b"")
