"""Mutate the policies one place at a time: a mutant that no policy test notices is a hole in them.

Every operator is applied everywhere it fits, in every Rego source and in the default limits.
``opa test`` must fail for each mutant. Survivors are allowed only as ``policies/mutants.toml``
lists them, with a reason, and at most 5 % of all; an entry that no survivor matches is stale.
Mutants that do not compile are counted apart: a compiler that refuses is not a test.

``--sample N`` takes N mutants by a seed, which is the commit unless ``--seed`` names another.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from engine.errors import GovernanceError  # noqa: E402
from engine.policy.build import find_opa  # noqa: E402
from tools.seeded_bugs import SeededError, commit, sample  # noqa: E402

POLICIES = ROOT / "policies"
ALLOWED = POLICIES / "mutants.toml"
LIMITS = "limits/default/data.yaml"
MOST_SURVIVORS = 0.05
OPA_TESTS_FAILED = 2

# (operator, what it finds, what it writes): each match is one mutant.
_SWAPS: tuple[tuple[str, str, str], ...] = (
    ("shift a comparison", r"(?<= )<=(?= )", "<"),
    ("shift a comparison", r"(?<= )<(?= )", "<="),
    ("shift a comparison", r"(?<= )>=(?= )", ">"),
    ("shift a comparison", r"(?<= )>(?= )", ">="),
    ("flip a comparison", r"(?<= )<=?(?= )", ">"),
    ("flip a comparison", r"(?<= )>=?(?= )", "<"),
    ("flip a comparison", r"(?<= )==(?= )", "!="),
    ("flip a comparison", r"(?<= )!=(?= )", "=="),
    ("drop a negation", r"\bnot ", ""),
    ("let every be some", r"\bevery (\w+) in (.+?) \{ (.+) \}", r"some \1 in \2; \3"),
    ("let a status pass", r'"(?:fail|unknown|stale|insufficient)"(?= if)', '"pass"'),
    ("let a verdict promote", r'"(?:HOLD|BLOCK|ROLLBACK)"(?= if|$)', '"PROMOTE"'),
    ("let a verdict allow", r'"DENY"', '"ALLOW"'),
    ("change a severity", r'"severity": "block"', '"severity": "off"'),
    ("shift a number", r"(?<![\w.\"-])-?\d+(?![\w.\"])", "{shifted}"),
    ("ask another comparison", r"\bcheck\.at_most\(", "check.at_least("),
    ("ask another comparison", r"\bcheck\.at_least\(", "check.at_most("),
    ("ask another comparison", r"\bcheck\.below\(", "check.at_most("),
    ("ask another comparison", r"\bcheck\.above\(", "check.at_least("),
    ("drop a qualifier", r"\bcheck\.evidence\((.+)\)$", r"\1"),
    ("drop a qualifier", r'\bcheck\.unless\("[\w.]+", (.+)\)$', r"\1"),
)
_DATA_SWAPS: tuple[tuple[str, str, str], ...] = (
    ("change a severity", r"severity: block", "severity: warn"),
    ("change a severity", r"severity: warn", "severity: block"),
    ("shift a limit", r"limit: -?[0-9.]+", "limit: 0.123"),
    ("shift a limit", r"limit: true", "limit: false"),
    ("shift a limit", r"limit: false", "limit: true"),
    ("let it be waived", r", unwaivable: true", ""),
    ("let it stay in production", r", in_production: rollback", ""),
)


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one file.

    Attributes:
        file: Path below ``policies/``.
        line: Where, counted from 1.
        operator: What was done.
        before: The line that was changed, without its indentation.
        text: The whole file, changed.
    """

    file: str
    line: int
    operator: str
    before: str
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.operator}: {self.before}"


def mutants(policies: Path) -> Iterator[Mutant]:
    """Yield every mutant of the policies, in the order of files and lines."""
    for path in sorted(policies.rglob("*.rego")):
        if not path.name.endswith("_test.rego"):
            yield from _of_rego(str(path.relative_to(policies)), path.read_text())
    yield from _of_lines(LIMITS, (policies / LIMITS).read_text(), _DATA_SWAPS)


def _of_rego(file: str, text: str) -> Iterator[Mutant]:
    yield from _of_lines(file, text, _SWAPS)
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if line.startswith("checks contains "):
            yield _without(file, lines, number, number, "drop a check")
        elif re.match(r"\} else := .* if \{$", line):
            end = next(n for n in range(number + 1, len(lines)) if lines[n].startswith("}"))
            yield _without(file, lines, number, end - 1, "drop a branch")
        elif re.match(r"\} else( := \S+| if \{.*)$", line) and not line.endswith("{"):
            yield _replaced(file, lines, number, "}", "drop a branch")
        elif _is_condition(lines, number):
            yield _without(file, lines, number, number, "drop a condition")


def _is_condition(lines: list[str], number: int) -> bool:
    """Whether line ``number`` is one condition of a body: not a binding, not part of an object."""
    line = lines[number]
    if not re.match(r"\t[^\t#]", line) or line.endswith(("{", ",", "(", "[")):
        return False
    return not re.search(r":=|^\t(some|[}\])|])", line) and not _in_object(lines, number)


def _in_object(lines: list[str], number: int) -> bool:
    opening = next((lines[n] for n in range(number, -1, -1) if not lines[n].startswith("\t")), "")
    return not opening.endswith("if {")


def _of_lines(file: str, text: str, swaps: Iterable[tuple[str, str, str]]) -> Iterator[Mutant]:
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if line.lstrip().startswith(("#", "package ", "import ")):
            continue
        for operator, pattern, replacement in swaps:
            for match in re.finditer(pattern, line):
                written = _written(match, replacement)
                changed = line[: match.start()] + written + line[match.end() :]
                if changed != line:
                    yield _replaced(file, lines, number, changed, operator)


def _written(match: re.Match[str], replacement: str) -> str:
    if replacement == "{shifted}":
        return str(int(match.group()) + 1)
    return match.expand(replacement)


def _replaced(file: str, lines: list[str], number: int, line: str, operator: str) -> Mutant:
    changed = [*lines[:number], line, *lines[number + 1 :]]
    return Mutant(file, number + 1, operator, lines[number].strip(), "\n".join(changed))


def _without(file: str, lines: list[str], first: int, last: int, operator: str) -> Mutant:
    changed = [*lines[:first], *lines[last + 1 :]]
    return Mutant(file, first + 1, operator, lines[first].strip(), "\n".join(changed))


class Judge:
    """Runs the policies' tests on mutants, each worker in a copy of its own."""

    def __init__(self, opa: Path, workers: int, folder: Path) -> None:
        self._opa = opa
        self._copies: SimpleQueue[Path] = SimpleQueue()
        for number in range(workers):
            copy = folder / str(number) / "policies"
            shutil.copytree(POLICIES, copy)
            self._copies.put(copy)

    def __call__(self, mutant: Mutant | None) -> str:
        """Return ``killed``, ``survived`` or ``invalid``; None is the unchanged policy."""
        copy = self._copies.get()
        try:
            if mutant is None:
                return self._test(copy, "--fail-on-empty")
            target = copy / mutant.file
            unchanged = target.read_text()
            target.write_text(mutant.text)
            try:
                nearest = self._test(copy, "--run", _nearest_tests(mutant.file))
                return nearest if nearest != "survived" else self._test(copy, "--fail-on-empty")
            finally:
                target.write_text(unchanged)
        finally:
            self._copies.put(copy)

    def _test(self, copy: Path, *options: str) -> str:
        command = [str(self._opa), "test", "--capabilities", str(copy / "capabilities.json")]
        done = subprocess.run(
            [*command, *options, copy.name],
            cwd=copy.parent,
            capture_output=True,
            check=False,
            timeout=120,
            env={**os.environ, "GOMAXPROCS": "1", "GOGC": "400"},
        )
        outcomes = {0: "survived", OPA_TESTS_FAILED: "killed"}
        return outcomes.get(done.returncode, "invalid")


def _nearest_tests(file: str) -> str:
    """A pattern for the tests most likely to notice a change of ``file``; they run first."""
    package = "promotion" if file == LIMITS else str(Path(file).parent).replace("/", r"\.")
    return rf"^data\.{package}\w*_test\."


def main() -> int:
    """Run every mutant; 0 when all survivors are listed, few, and none is stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", metavar="TEXT", default="", help="mutants whose place has TEXT")
    parser.add_argument("--sample", type=int, metavar="N", help="N of them, chosen by the seed")
    parser.add_argument("--seed", metavar="TEXT", help="of the sample; the commit by default")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N")
    args = parser.parse_args()
    made = [mutant for mutant in mutants(POLICIES) if args.only in str(mutant)]
    if not made:
        print("no mutant was made: the operators fit nowhere", file=sys.stderr)
        return 1
    try:
        chosen = made
        if args.sample is not None:
            seed = args.seed or commit(ROOT)
            chosen = sample(made, args.sample, seed)
            print(f"{len(chosen)} of {len(made)} mutants, chosen by --seed {seed}")
        opa = find_opa(os.environ)
    except (GovernanceError, SeededError) as error:
        print(error, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        judge = Judge(opa, args.jobs, Path(folder))
        if judge(None) != "survived":
            print("the unchanged policies fail their own tests", file=sys.stderr)
            return 1
        with ThreadPoolExecutor(args.jobs) as pool:
            outcomes = list(zip(chosen, pool.map(judge, chosen), strict=True))
    return _report(outcomes, whole=chosen == made and not args.only)


def _report(outcomes: list[tuple[Mutant, str]], *, whole: bool) -> int:
    counts = Counter((mutant.operator, outcome) for mutant, outcome in outcomes)
    operators = sorted({mutant.operator for mutant, _ in outcomes})
    print(f"{'operator':<28} {'killed':>7} {'survived':>9} {'invalid':>8}")
    for operator in operators:
        killed, survived, invalid = (
            counts[operator, outcome] for outcome in ("killed", "survived", "invalid")
        )
        print(f"{operator:<28} {killed:>7} {survived:>9} {invalid:>8}")
    survivors = [mutant for mutant, outcome in outcomes if outcome == "survived"]
    valid = sum(outcome != "invalid" for _, outcome in outcomes)
    print(f"{valid} mutants, {len(survivors)} survived, {len(outcomes) - valid} did not compile")
    return _judge_survivors(survivors, valid, whole=whole)


def _judge_survivors(survivors: list[Mutant], valid: int, *, whole: bool) -> int:
    allowed = _allowed()
    unlisted = [mutant for mutant in survivors if _key(mutant) not in allowed]
    stale = allowed.keys() - {_key(mutant) for mutant in survivors} if whole else set()
    for mutant in unlisted:
        print(f"survived: {mutant}", file=sys.stderr)
    for file, operator, code in sorted(stale):
        print(f"listed, and killed or gone: {file}: {operator}: {code}", file=sys.stderr)
    too_many = len(survivors) > MOST_SURVIVORS * valid
    if too_many:
        print(f"more than {MOST_SURVIVORS:.0%} survived", file=sys.stderr)
    return 1 if unlisted or stale or too_many else 0


def _key(mutant: Mutant) -> tuple[str, str, str]:
    return mutant.file, mutant.operator, mutant.before


def _allowed() -> dict[tuple[str, str, str], str]:
    """Survivors that are known, with the reason why no test can notice them."""
    listed = tomllib.loads(ALLOWED.read_text()).get("survivor", []) if ALLOWED.exists() else []
    allowed = {(row["file"], row["operator"], row["code"]): row["reason"] for row in listed}
    if not all(reason.strip() for reason in allowed.values()):
        raise SystemExit(f"{ALLOWED}: every survivor needs a reason")
    return allowed


if __name__ == "__main__":
    sys.exit(main())
