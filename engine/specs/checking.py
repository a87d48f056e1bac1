"""Run the rows of the manifest, and compare TLC's results with the expected ones."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from engine.specs import complete, config, limits, manifest
from engine.specs.conform import dot, graph, tlc
from engine.specs.conform.tlc import EXITS, TlcResult, Tools
from engine.specs.manifest import RunRow
from engine.system.files import write_whole
from engine.system.reading import read_whole

WORTH_AN_ARCHIVE = 6
"""From this many runs on, an archive of loaded classes saves more than its making costs."""


@dataclass(frozen=True)
class Result:
    """What one row's run was.

    Attributes:
        row: The row.
        outcome: TLC's result.
        faults: Where that differs from the row; empty when it does not.
        seconds: How long it took.
    """

    row: RunRow
    outcome: TlcResult
    faults: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class SpecFindings:
    """What a check of the specs found.

    Attributes:
        results: Of every run, in the manifest's order.
        unproved: What no run proves, see ``engine.specs.complete``.
        never_taken: Actions that no ok run of their spec takes, as ``Spec: Action``.
    """

    results: tuple[Result, ...]
    unproved: tuple[str, ...]
    never_taken: tuple[str, ...]

    @property
    def as_expected(self) -> bool:
        """Whether all is as expected."""
        return not (self.unproved or self.never_taken or any(r.faults for r in self.results))


def check(
    folder: Path,
    rows: Sequence[RunRow],
    selected: Sequence[RunRow],
    tools: Tools,
    clock: Callable[[], float],
    *,
    jobs: int = 0,
    write_graphs: bool = False,
    on_start: Callable[[RunRow], None] = lambda _: None,
    on_result: Callable[[Result], None] = lambda _: None,
) -> SpecFindings:
    """Run ``selected`` of ``rows`` and say what is not as expected.

    Args:
        folder: Where the specs lie.
        rows: The whole manifest.
        selected: Those to run.
        tools: What TLC is run with.
        clock: Seconds on a clock that only goes forward.
        jobs: JVMs at a time; 0 is one per core, at most two.
        write_graphs: Write the snapshots anew instead of comparing.
        on_start: Called when a run begins, from another thread.
        on_result: Called with each result as it comes, from the calling thread.

    Raises:
        ConfigError: A module or a .cfg file is missing.
        SpecError: TLC could not be run.
    """
    unproved = complete.complaints(folder, rows, {row.spec for row in selected})
    results: dict[str, Result] = {}
    with (
        tempfile.TemporaryDirectory(prefix="engine-spec-") as name,
        ThreadPoolExecutor(jobs or min(2, os.cpu_count() or 1)) as pool,
    ):
        scratch = Path(name)
        for row in selected:
            (scratch / f"{row.name}.cfg").write_text(config.derived(folder, row), encoding="utf-8")
        if len(selected) >= WORTH_AN_ARCHIVE:
            first = selected[0]
            tools = tlc.with_classes(
                tools, scratch / "tlc.jsa", folder, first.module, scratch / f"{first.name}.cfg"
            )

        def run(row: RunRow) -> Result:
            on_start(row)
            began = clock()
            outcome, kept = _run(folder, row, tools, scratch)
            faults = (*differences(row, outcome), *_graph_faults(folder, row, kept, write_graphs))
            return Result(row, outcome, faults, clock() - began)

        running = [pool.submit(run, row) for row in selected]
        try:
            for done in as_completed(running):
                result = done.result()
                results[result.row.name] = result
                on_result(result)
        except BaseException:
            for future in running:
                future.cancel()
            raise
    ordered = tuple(results[row.name] for row in selected)
    return SpecFindings(ordered, tuple(unproved), tuple(_never_taken(rows, ordered)))


def hold(
    folder: Path, rows: Sequence[RunRow], limits_text: str, tools: Tools
) -> Iterator[tuple[RunRow, TlcResult]]:
    """Run those of ``rows`` that must be ok with other limits, and yield what TLC says.

    Raises:
        ConfigError: A module or a .cfg file is missing.
        SpecError: TLC could not be run.
    """
    with tempfile.TemporaryDirectory(prefix="engine-spec-") as name:
        scratch = Path(name)
        for path in (*folder.glob("*.tla"), *folder.glob("*.cfg")):
            (scratch / path.name).write_bytes(read_whole(path, manifest.MAX_BYTES))
        (scratch / f"{limits.MODULE}.tla").write_text(limits_text, encoding="utf-8")
        for row in rows:
            if row.expect == "ok":
                text = config.derived(scratch, row)
                (derived := scratch / f"run-{row.name}.cfg").write_text(text, encoding="utf-8")
                yield row, tlc.run(tools, scratch, row.module, derived)


def _run(folder: Path, row: RunRow, tools: Tools, scratch: Path) -> tuple[TlcResult, bytes | None]:
    dump = scratch / f"{row.name}.dot" if row.graph else None
    outcome = tlc.run(
        tools, folder, row.module, scratch / f"{row.name}.cfg", covers=row.expect == "ok", dump=dump
    )
    if dump is None or outcome.word != "ok":
        return outcome, None
    return outcome, graph.write(dot.read(dump.read_text(encoding="utf-8"), row.graph))


def differences(row: RunRow, outcome: TlcResult) -> list[str]:
    """Return where ``outcome`` is not what ``row`` says: word, exit code, states, depth."""
    word = row.expect if _is_same(row, outcome) else outcome.word
    found = []
    if word != row.expect:
        found.append(f"expected {row.expect}, TLC said {word} (exit code {outcome.exit_code})")
    elif outcome.exit_code != EXITS[word.partition(" ")[0]]:
        found.append(f"TLC said {word}, but its exit code is {outcome.exit_code}")
    elif (row.states, row.depth) != (outcome.states, outcome.depth):
        claim = f"states = {row.states}, depth = {row.depth}" if row.states >= 0 else "nothing"
        found.append(
            f"the manifest says {claim}; found states = {outcome.states}, depth = {outcome.depth}"
        )
    return found


def _is_same(row: RunRow, outcome: TlcResult) -> bool:
    """Whether TLC said what is expected; it does not name a temporal property that failed.

    Such a run checks no other, see ``engine.specs.config``.
    """
    return outcome.word == row.expect or (
        outcome.word == "property" and row.expect.startswith("property ")
    )


def _graph_faults(folder: Path, row: RunRow, found: bytes | None, write: bool) -> list[str]:
    if found is None:
        return []
    path = folder / "graph" / f"{row.graph}{graph.SUFFIX}"
    try:
        kept = graph.unpack(read_whole(path, graph.MAX_BYTES))
    except (OSError, EOFError):
        kept = None
    if kept == found:
        return []
    if write:
        path.parent.mkdir(exist_ok=True)
        write_whole(path, graph.pack(found))
        return []
    if kept is None:
        return [f"graph {row.graph}: no snapshot in {path}; write it: --write-graphs"]
    return [
        f"graph {row.graph}: {_compared(row.graph, kept, found)}; if that is meant: --write-graphs"
    ]


def _compared(name: str, kept: bytes, found: bytes) -> str:
    old, new = graph.read(name, kept), graph.read(name, found)
    states = len(old.numbers.keys() ^ new.numbers.keys())
    steps = len(_steps(old) ^ _steps(new))
    return f"{states} states and {steps} steps differ from the snapshot"


def _steps(of: graph.Graph) -> set[tuple[bytes, str, bytes]]:
    keys = list(of.numbers)
    return {(keys[edge.source], edge.action, keys[edge.target]) for edge in of.edges}


def _never_taken(rows: Sequence[RunRow], results: Sequence[Result]) -> list[str]:
    """Return the actions that no ok run takes, of each module whose ok runs were all run."""
    found = []
    ran = {result.row.name for result in results}
    for module in dict.fromkeys(result.row.module for result in results):
        of_module = [row for row in rows if row.module == module and row.expect == "ok"]
        if not of_module or not {row.name for row in of_module} <= ran:
            continue
        counts: dict[str, int] = {}
        for result in results:
            if result.row in of_module:
                for action, count in result.outcome.actions.items():
                    counts[action] = counts.get(action, 0) + count
        found += [f"{of_module[0].spec}: {name}" for name, count in counts.items() if not count]
    return found
