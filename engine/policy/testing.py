"""Testing policies as the shipped ones are: strict, formatted, tested, every line covered."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.errors import GovernanceError, UsageError
from engine.model import Json
from engine.policy.build import run_opa
from engine.policy.bundle import shipped_folder
from engine.policy.overlay import laid_sources, load_policies
from engine.policy.sources import CAPABILITIES, DATA, Source, check_rego, is_source, read_source
from engine.system.walk import files_below

_CAPABILITIES = ("--capabilities", f"policies/{CAPABILITIES}")
_PATIENT = ("--timeout", "100s")
"""For each test; OPA's own limit of 5 s ends sound ones on a busy machine."""
_SHIPPED_TEST = (
    "a shipped test names the shipped rules and limits; where yours differ on purpose, "
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

    Args:
        folder: Laid over the shipped policies, tests included; None is the shipped ones alone.
        opa: OPA's binary.

    Raises:
        UsageError: No such folder, or no Rego and no data in it.
        ConfigError: A file cannot be read, or there is too much Rego.
        PolicyBuildError: OPA could not be run.
    """
    given = _files(folder) if folder else {}
    with tempfile.TemporaryDirectory(prefix="engine-policy-test-") as root:
        work = Path(root)
        sources = laid_sources(_sources(_files(shipped_folder("policies"))), _sources(given))
        check_rego({path: source for path, source in sources.items() if is_source(path)})
        for path, source in sources.items():
            target = work / "policies" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.content)
        own = [path for path in given if path.endswith(".rego")] if folder else None
        checked = _check(work, opa)
        yield checked
        yield _format(work, opa, own)
        if checked.wrong:
            return
        tested = _test(work, opa)
        yield tested
        if not tested.wrong:
            yield _coverage(work, opa, own)
    yield _build(folder, opa)


def _sources(files: Mapping[str, Path]) -> dict[str, Source]:
    return {path: read_source(file) for path, file in files.items()}


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


def _check(work: Path, opa: Path) -> Step:
    done = run_opa(opa, ("check", "--strict", *_CAPABILITIES, "policies"), work)
    if done.returncode == 0:
        return Step("check", "strict, with the built-ins that OPA and its Wasm answer alike")
    return Step("check", wrong=_lines(done.stderr or done.stdout))


def _format(work: Path, opa: Path, own: list[str] | None) -> Step:
    paths = ["policies"] if own is None else [f"policies/{path}" for path in own]
    if not paths:
        return Step("format", "no Rego of your own")
    done = run_opa(opa, ("fmt", "--fail", "--list", *paths), work)
    if done.returncode == 0:
        return Step("format", "as `opa fmt` writes it")
    return Step("format", wrong=_lines(done.stdout or done.stderr), hint="run `opa fmt --write`")


def _test(work: Path, opa: Path) -> Step:
    command = ("test", *_CAPABILITIES, *_PATIENT, "--fail-on-empty", "--format", "json", "policies")
    done = run_opa(opa, command, work)
    try:
        results: list[Json] = json.loads(done.stdout)
    except ValueError:
        return Step("tests", wrong=_lines(done.stderr or done.stdout or "no test was found"))
    failed = tuple(
        f"{result['location']['file'].removeprefix('policies/')}:{result['location']['row']}: "
        f"{result['name']}"
        for result in results
        if result.get("fail") or result.get("error")
    )
    if failed or done.returncode != 0:
        return Step("tests", wrong=failed or _lines(done.stderr), hint=_SHIPPED_TEST)
    return Step("tests", f"{len(results)} passed")


def _coverage(work: Path, opa: Path, own: list[str] | None) -> Step:
    command = ("test", *_CAPABILITIES, *_PATIENT, "--coverage", "--format", "json", "policies")
    done = run_opa(opa, command, work)
    try:
        report = json.loads(done.stdout)["files"]
    except (ValueError, KeyError):  # a test that passed before: OPA gives each a time limit
        return Step("coverage", wrong=_lines(done.stderr or done.stdout or "OPA said nothing"))
    missing = []
    for file, covered in sorted(report.items()):
        path = file.removeprefix("policies/")
        if own is not None and path not in own:
            continue
        for span in covered.get("not_covered", []):
            missing.append(f"{path}:{span['start']['row']}: no test runs this line")
    if own is not None:
        unseen = {path for path in own if f"policies/{path}" not in report}
        missing += [f"{path}: no test runs it" for path in sorted(unseen) if not _is_test(path)]
    if missing:
        return Step("coverage", wrong=tuple(missing), hint="write a test, or drop the rule")
    return Step("coverage", "every line")


def _is_test(path: str) -> bool:
    return path.endswith("_test.rego")


def _build(folder: Path | None, opa: Path) -> Step:
    try:
        bundle = load_policies(folder, opa=opa)
    except GovernanceError as error:
        return Step("build", wrong=_lines(str(error)))
    return Step("build", f"policy {bundle.digest}")


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.replace("policies/", "") for line in text.splitlines() if line.strip())
