"""What a million test cases or findings cost, against a parser that only reads the same bytes.

Both are whole programs: ours recognises the file, counts every case, digests it and writes the
metrics; theirs is expat with handlers that do nothing, or ijson's events, one by one.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from bench.bars import bar_for
from bench.contests import Result, Row
from bench.errors import BenchError
from bench.process import Run, measure
from bench.ratios import ratio

CASES = 1_000_000
MAX_PEAK_BYTES = 200 * 1024 * 1024
"""That ours may take at most, however large the report."""
_EXPAT = """\
import pyexpat
parser = pyexpat.ParserCreate()
parser.StartElementHandler = lambda name, attributes: None
parser.EndElementHandler = lambda name: None
with open("junit", "rb") as opened:
    while piece := opened.read(262144):
        parser.Parse(piece, False)
parser.Parse(b"", True)
"""
_IJSON = """\
import ijson
with open("sarif", "rb") as opened:
    for event in ijson.basic_parse(opened):
        pass
"""
_FORMS = {
    "junit": ("engine gather, JUnit", "expat, empty handlers", _EXPAT, "quality.tests_run"),
    "sarif": ("engine gather, SARIF", "ijson, events", _IJSON, "security.medium_findings"),
}
_PER_SUITE = 1_000


def write_junit(file: Path, cases: int) -> int:
    """Write ``cases`` test cases, a hundredth of them skipped, and return how many ran."""
    skipped = 0
    with file.open("w") as opened:
        opened.write("<testsuites>")
        for suite in range(-(-cases // _PER_SUITE)):
            numbers = range(suite * _PER_SUITE, min((suite + 1) * _PER_SUITE, cases))
            opened.write(f'<testsuite name="s{suite}" tests="{len(numbers)}" failures="0">')
            for number in numbers:
                is_skipped = number % 100 == 7
                skipped += is_skipped
                inside = "><skipped/></testcase>" if is_skipped else "/>"
                name = f'classname="shop.cart.Test{suite}" name="test_{number}" time="0.01"'
                opened.write(f"<testcase {name}{inside}")
            opened.write("</testsuite>")
        opened.write("</testsuites>")
    return cases - skipped


def write_sarif(file: Path, results: int) -> int:
    """Write ``results`` findings of a hundred rules, and return how many are of medium severity."""
    place = {"artifactLocation": {"uri": "src/shop.py"}, "region": {"startLine": 1}}
    rules = [{"id": f"rule-{number}"} for number in range(100)]
    with file.open("w") as opened:
        tool = json.dumps({"driver": {"name": "scan", "rules": rules}})
        opened.write(f'{{"version": "2.1.0", "runs": [{{"tool": {tool}, "results": [')
        for number in range(results):
            result = {
                "ruleId": f"rule-{number % 100}",
                "ruleIndex": number % 100,
                "level": "warning",
                "message": {"text": "a shell"},
                "locations": [{"physicalLocation": place}],
            }
            opened.write(("," if number else "") + json.dumps(result))
        opened.write("]}]}")
    return results


def gathered(folder: Path, form: str, expected: int, environ: Mapping[str, str]) -> Run:
    """Return what gathering the report of ``form`` in ``folder`` took.

    Raises:
        BenchError: It counted something else, or took too much memory.
    """
    engine = Path(sys.executable).with_name("engine")
    command = (engine, "gather", form, "-o", "metrics.json")
    run = measure(command, cwd=folder, environ=environ, scratch=folder)
    found = json.loads((folder / "metrics.json").read_text())["metrics"][_FORMS[form][3]]["value"]
    if found != expected:
        raise BenchError(f"{form}: {found} where {expected} were written")
    if run.peak_bytes > MAX_PEAK_BYTES:
        raise BenchError(f"{form}: {run.peak_bytes:,} bytes where {MAX_PEAK_BYTES:,} may be taken")
    return run


def hold(
    home: Path, environ: Mapping[str, str], *, cases: int, rounds: int, say: Callable[[str], None]
) -> Result:
    """Measure every form against its parser in turn and return the ratios.

    Args:
        home: Where the reports are written; removed again.
        environ: All that the programs see of the environment, but compiled Python is kept.
        cases: How many test cases and findings.
        rounds: How many count.
        say: Narrates.
    """
    environ = {key: text for key, text in environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    runs: dict[str, list[Run]] = {}
    rows = []
    try:
        home.mkdir(parents=True, exist_ok=True)
        for form, (ours, theirs, program, _) in _FORMS.items():
            say(f"writing {cases:,} cases of {form}")
            write = write_junit if form == "junit" else write_sarif
            expected = write(home / form, cases)
            runs |= {ours: [], theirs: []}
            parsing = (sys.executable, "-c", program)
            for number in range(rounds + 1):
                for name in (ours, theirs)[:: -1 if number % 2 else 1]:
                    if name == ours:
                        run = gathered(home, form, expected, environ)
                    else:
                        run = measure(parsing, cwd=home, environ=environ, scratch=home)
                    say(f"{name}, round {number}: {run.wall_s:.3f} s, {run.peak_bytes:,} bytes")
                    if number:
                        runs[name].append(run)
            wall, cpu = (
                ratio(*([getattr(run, of) for run in runs[name]] for name in (ours, theirs)))
                for of in ("wall_s", "cpu_s")
            )
            bar = bar_for(ours, theirs, cases)
            rows.append(Row(ours, theirs, cases, "wall", wall, cpu, bar))
            (home / form).unlink()
    finally:
        shutil.rmtree(home, ignore_errors=True)
    return Result("reading", tuple(rows), runs, {})


def pairs() -> tuple[tuple[str, str], ...]:
    """Return what is compared with what: ours, theirs."""
    return tuple((ours, theirs) for ours, theirs, _, _ in _FORMS.values())
