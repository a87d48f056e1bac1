"""Testing policies as the shipped ones are: strict, formatted, tested, every line covered."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from engine.errors import GovernanceError, UsageError
from engine.model import Json
from engine.policy.build import in_the_authors_paths, run_opa, shown_path
from engine.policy.bundle import shipped_folder
from engine.policy.laying import laid_sources
from engine.policy.opa_advice import advice
from engine.policy.overlay import load_policies
from engine.policy.sources import CAPABILITIES, DATA, Source, check_rego, is_source, read_source
from engine.policy.tables.rows import GATES
from engine.system.walk import files_below

_CAPABILITIES = ("--capabilities", f"policies/{CAPABILITIES}")
_PATIENT = ("--timeout", "100s")
"""For each test; OPA's own limit of 5 s ends sound ones on a busy machine."""
_SHIPPED_TEST = (
    "a shipped test holds what a shipped rule promises; where yours differs on purpose, "
    "lay a test of the same path over it"
)


@dataclass(frozen=True, slots=True)
class Step:
    """One demand on policies.

    Attributes:
        name: ``check``, ``format``, ``tests``, ``coverage`` or ``build``.
        passed: What was found good; empty when something is wrong.
        wrong: What is wrong, a line each.
        hint: What to do about it.
    """

    name: str
    passed: str = ""
    wrong: tuple[str, ...] = ()
    hint: str = ""


def examine(folder: Path | None, opa: Path) -> Iterator[Step]:
    """Yield what was found, demand by demand; what builds on a failed one is left out.

    The folder's tests run on its rules and its data. The shipped tests run on its rules and the
    shipped data: they hold what the rules promise, whatever limits and domains a folder chooses.

    Args:
        folder: Laid over the shipped policies, tests included; None is the shipped ones alone.
        opa: OPA's binary.

    Raises:
        UsageError: No such folder, or no Rego and no data in it.
        ConfigError: A file cannot be read, or there is too much Rego.
        PolicyBuildError: OPA could not be run.
    """
    shipped = _sources(shipped_folder("policies"))
    given = _sources(folder) if folder else {}
    rules = {path: source for path, source in given.items() if path.endswith(".rego")}
    # A gate that does not ship is a rule and the rows of what it asks: neither is whole alone.
    new = {path: source for path, source in given.items() if path not in shipped}
    gates = {path: source for path, source in new.items() if path.startswith(f"{GATES}/")}
    on_shipped_data = laid_sources(shipped, rules | gates)
    laid = laid_sources(shipped, given)
    check_rego({path: source for path, source in laid.items() if is_source(path)})
    with tempfile.TemporaryDirectory(prefix="engine-policy-test-") as root:
        suites = [
            _suite("yours", laid, given.keys(), Path(root, "yours")),
            _suite("shipped", on_shipped_data, shipped.keys() - given, Path(root)),
        ]
        # Shipped tests run a line of the folder's only where it replaces a shipped file.
        counted = suites if folder is None or rules.keys() & shipped.keys() else suites[:1]
        own = list(rules) if folder else None
        work = _written(laid, Path(root, "all"))
        checked = _check(work, laid, opa)
        yield checked
        if checked.wrong:
            return
        yield _format(work, opa, own)
        tested = _test(suites, opa)
        yield tested
        if not tested.wrong:
            yield _coverage(counted, opa, own, laid)
    yield _build(folder, opa)


@dataclass(frozen=True, slots=True)
class _Suite:
    """Tests of one author, in a folder with the rules and the data that they are about."""

    name: str
    work: Path
    sources: Mapping[str, Source]


def _has_tests(suite: _Suite) -> bool:
    return any(map(_is_test, suite.sources))


def _suite(name: str, sources: Mapping[str, Source], tests: Set[str], work: Path) -> _Suite:
    kept = {path: source for path, source in sources.items() if path in tests or not _is_test(path)}
    return _Suite(name, _written(kept, work), kept)


def _written(sources: Mapping[str, Source], work: Path) -> Path:
    for path, source in sources.items():
        target = work / "policies" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.content)
    return work


def _sources(folder: Path) -> dict[str, Source]:
    return {path: read_source(file) for path, file in _files(folder).items()}


def _files(folder: Path) -> dict[str, Path]:
    """The policy's files and their tests below ``folder``, by path."""
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder", "engine policy new NAME makes one")
    found = {
        path.relative_to(folder).as_posix(): path
        for path in map(Path, files_below(folder).files)
        if path.suffix == ".rego" or path.name in (DATA, CAPABILITIES)
    }
    if not found:
        raise UsageError(f"{folder}: no policy in this folder", "engine policy new NAME adds one")
    return found


def _check(work: Path, sources: Mapping[str, Source], opa: Path) -> Step:
    done = run_opa(opa, ("check", "--strict", *_CAPABILITIES, "policies"), work)
    if done.returncode == 0:
        return Step("check", "strict, with the built-ins that OPA and its Wasm answer alike")
    words = done.stderr or done.stdout
    shown = _lines(in_the_authors_paths(words, sources))
    return Step("check", wrong=shown, hint=advice(words, sources))


def _format(work: Path, opa: Path, own: list[str] | None) -> Step:
    paths = ["policies"] if own is None else [f"policies/{path}" for path in own]
    if not paths:
        return Step("format", "no Rego of your own")
    done = run_opa(opa, ("fmt", "--fail", "--list", *paths), work)
    if done.returncode == 0:
        return Step("format", "as `opa fmt` writes it")
    return Step("format", wrong=_lines(done.stdout or done.stderr), hint="run `opa fmt --write`")


def _test(suites: Sequence[_Suite], opa: Path) -> Step:
    command = ("test", *_CAPABILITIES, *_PATIENT, "--fail-on-empty", "--format", "json", "policies")
    wrong: list[str] = []
    passed: list[str] = []
    hint = ""
    for suite in filter(_has_tests, suites):
        done = run_opa(opa, command, suite.work)
        try:
            results: list[Json] = json.loads(done.stdout)
        except ValueError:
            results = []
        failed = [
            f"{suite.name}: {shown_path(result['location']['file'], suite.sources)}:"
            f"{result['location']['row']}: {result['name']}"
            for result in results
            if result.get("fail") or result.get("error")
        ]
        if failed or done.returncode != 0:
            wrong += failed or _lines(done.stderr or done.stdout or "no test was found")
            hint = _SHIPPED_TEST if suite.name == "shipped" else hint
        passed.append(f"{len(results)} {suite.name}")
    if not suites:
        return Step("tests", "none")
    return (
        Step("tests", wrong=tuple(wrong), hint=hint)
        if wrong
        else Step("tests", f"{' and '.join(passed)} passed")
    )


def _coverage(
    suites: Sequence[_Suite], opa: Path, own: list[str] | None, laid: Mapping[str, Source]
) -> Step:
    """Every line of a rule runs in one suite or the other."""
    command = ("test", *_CAPABILITIES, *_PATIENT, "--coverage", "--format", "json", "policies")
    lines: dict[str, set[int]] = {}
    for suite in filter(_has_tests, suites):
        done = run_opa(opa, command, suite.work)
        try:
            report = json.loads(done.stdout)["files"]
        except (ValueError, KeyError):  # a test that passed before: OPA gives each a time limit
            return Step("coverage", wrong=_lines(done.stderr or done.stdout or "OPA said nothing"))
        for file, covered in report.items():
            missed = {
                row
                for span in covered.get("not_covered", [])
                for row in range(span["start"]["row"], span["end"]["row"] + 1)
            }
            path = file.removeprefix("policies/")
            lines[path] = lines.get(path, missed) & missed
    paths = sorted(lines) if own is None else [path for path in sorted(own) if not _is_test(path)]
    missing: list[str] = []
    for path in paths:
        shown = laid[path].shown
        if path not in lines:
            missing.append(f"{shown}: no test runs it")
        missing += [f"{shown}:{row}: no test runs this line" for row in sorted(lines.get(path, ()))]
    if missing:
        return Step("coverage", wrong=tuple(missing), hint="write a test, or drop the rule")
    return Step("coverage", "every line")


def _is_test(path: str) -> bool:
    return path.endswith("_test.rego")


def _build(folder: Path | None, opa: Path) -> Step:
    try:
        bundle = load_policies(folder, opa=opa)
    except GovernanceError as error:
        return Step("build", wrong=_lines(error.message), hint=error.hint)
    return Step("build", f"policy {bundle.digest}")


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.replace("policies/", "") for line in text.splitlines() if line.strip())
