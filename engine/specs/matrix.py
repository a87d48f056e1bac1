"""The kill matrix: what each guard and fairness condition is there for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from engine.specs import source
from engine.specs.checking import SpecFindings


def lines(folder: Path, findings: SpecFindings) -> Iterator[str]:
    """Return, for each spec, each mutant that was run and the property that killed it."""
    for module in dict.fromkeys(result.row.module for result in findings.results):
        mutants = [
            result
            for result in findings.results
            if result.row.module == module and result.row.mutant
        ]
        if not mutants:
            continue
        defined = source.read(folder, module)
        killed = [result for result in mutants if not result.faults]
        spec = mutants[0].row.spec
        yield f"kill matrix of {spec}: {len(killed)} of {len(mutants)} mutants killed"
        for result in mutants:
            row = result.row
            by = "SURVIVED" if result.faults else row.expect
            ids = defined[row.violated].ids if row.violated in defined else ()
            yield f"  {row.mutant:<44} {by:<40} {' '.join(ids)}".rstrip()
