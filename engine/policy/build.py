"""Compiling policies: Rego and data in, a policy bundle out, the same bytes on every machine.

OPA parses, checks and compiles; its words reach the author with the author's own paths.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from engine.errors import ConfigError, PolicyBuildError, PolicyError, UsageError
from engine.policy import sources
from engine.policy.annotations import gates_and_checks
from engine.policy.bundle import DATA_JSON, MANIFEST, SERVER_ARCHIVE, SOURCES, WASM, PolicyBundle
from engine.policy.includes import with_includes
from engine.policy.manifest import CheckInfo, GateInfo, Manifest, encode
from engine.policy.opa_advice import advice
from engine.policy.sources import CAPABILITIES, Sources
from engine.policy.tables import data

OPA_VERSION = "1.22.0"
"""The OPA that the shipped policy is compiled with; ``tools/go.mod`` pins the same."""

_TIME_LIMIT_S = 120
_TOTAL_PROBES = (b"{}", b"null", b'{"metrics":{"":0},"profile":0,"waivers":[0]}')


def build(directory: Path, out: Path, opa: Path, *, keep_sources: bool = True) -> PolicyBundle:
    """Compile the policies in ``directory`` and write the bundle to ``out``.

    Writes ``manifest.json``, ``data.json``, ``policy.wasm``, ``policy-rego.tar.gz`` (what an
    OPA server loads) and, with ``keep_sources``, the sources to ``policies/``. Nothing is
    written when anything is wrong.

    Args:
        directory: A whole policy folder.
        out: Made if need be; files of these names are replaced, ``policies/`` only of a bundle.
        opa: OPA's binary.
        keep_sources: Whether ``out`` should hold all that the bundle's archive needs.

    Raises:
        UsageError, ConfigError, PolicyBuildError: As :func:`compile_policies`.
    """
    files = sources.read_sources(directory)
    bundle = compile_policies(files, opa)
    write(bundle, out, keep_sources=keep_sources)
    return bundle


def write(bundle: PolicyBundle, out: Path, *, keep_sources: bool) -> None:
    """Write the files of ``bundle`` into the folder ``out``; see :func:`build`."""
    if keep_sources and (out / "policies").exists() and not (out / MANIFEST).is_file():
        raise UsageError(
            f"{out / 'policies'}: is of no bundle, and is not written over",
            "name a new folder, or that of an earlier build",
        )
    files = {
        DATA_JSON: bundle.data_bytes,
        WASM: bundle.wasm,
        SERVER_ARCHIVE: bundle.server_archive(),
    }
    if keep_sources:
        for path in bundle.source_digests:
            files[f"policies/{path}"] = bundle.file(f"{SOURCES}{path}")
    try:
        if keep_sources:
            shutil.rmtree(out / "policies", ignore_errors=True)
        # The manifest last: a folder without one is not taken for a bundle, nor half of a new one.
        (out / MANIFEST).unlink(missing_ok=True)
        for name, content in (*files.items(), (MANIFEST, bundle.manifest)):
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            (out / name).write_bytes(content)
    except OSError as error:
        raise UsageError(f"{error.filename}: {(error.strerror or str(error)).lower()}") from None


def compile_policies(files: Sources, opa: Path) -> PolicyBundle:
    """Return the bundle of a whole set of policy files, in memory.

    Raises:
        ConfigError: Data is wrong; says file, line and key. Or there is too much Rego.
        PolicyBuildError: OPA refuses the Rego, in its own words; METADATA is not whole; the
            module needs built-ins of its host; or a gate's answer to an empty input is not
            whole.
    """
    files = with_includes(files)
    sources.check_paths(files)
    sources.check_rego(files)
    if CAPABILITIES not in files:
        raise ConfigError(
            f"{CAPABILITIES} is missing",
            "it lists the built-ins that OPA and its Wasm answer alike; copy the shipped one",
        )
    with _workspace(files) as folder:
        run = _Opa(opa, folder, files)
        version = run.version()
        run("check", "--strict", "--capabilities", "../capabilities.json", ".")
        inspected = json.loads(run("inspect", "--annotations", "--format", "json", "."))
        gates, checks = gates_and_checks(inspected, files, run.shown)
        module = _compiled(run, gates.values())
    data_json = data.resolve(files, checks)
    digests = sources.hashes(files)
    manifest = Manifest(
        opa_version=version,
        revision=sources.revision(digests.items()),
        capabilities_sha256=digests[CAPABILITIES],
        sources=digests,
        files={WASM: sources.sha256(module), DATA_JSON: sources.sha256(data_json)},
        gates=gates,
        checks=checks,
    )
    kept = {f"{SOURCES}{path}": source.content for path, source in files.items()}
    contents = {WASM: module, DATA_JSON: data_json, **kept}
    operators = _operators(PolicyBundle(encode(manifest), contents.__getitem__), files)
    checks = {name: check._replace(operator=operators.get(name)) for name, check in checks.items()}
    data.check_metrics(checks, json.loads(data_json)["catalogue"]["metrics"], files)
    return PolicyBundle(encode(manifest._replace(checks=checks)), contents.__getitem__)


def _compiled(run: _Opa, gates: Iterable[GateInfo]) -> bytes:
    """The Wasm module; unoptimised, as OPA's optimiser makes Wasm several times slower."""
    entrypoints = [part for gate in gates for part in ("--entrypoint", gate.entrypoint)]
    run(
        *("build", "--target", "wasm", "--capabilities", "../capabilities.json"),
        *(*entrypoints, "--output", "../bundle.tar.gz", "."),
    )
    archive = (run.folder.parent / "bundle.tar.gz").read_bytes()
    with tarfile.open(fileobj=io.BytesIO(archive)) as bundle:
        member = bundle.extractfile("/policy.wasm")
        if member is None:
            raise PolicyBuildError("OPA's bundle holds no policy.wasm")
        return member.read()


def _operators(bundle: PolicyBundle, files: Sources) -> dict[str, str]:
    """Ask every gate about nothing: METADATA and rules name the same checks, each one operator."""
    from engine.policy.evaluators.wasm import WasmEvaluator

    evaluator, operators = WasmEvaluator(bundle, cache=None), dict[str, str]()
    try:
        for gate in bundle.gates():
            for probe in _TOTAL_PROBES:
                for check in json.loads(evaluator.evaluate(gate.name, probe))["checks"]:
                    name, operator = check["id"], check["operator"]
                    if operators.setdefault(name, operator) != operator:
                        raise PolicyBuildError(
                            f"check {name!r} compares by {operators[name]} or {operator}",
                            "the operator of a check is one, whatever the input",
                        )
    except PolicyBuildError:
        raise
    except PolicyError as error:
        raise _not_whole(error, bundle.checks(), files) from None
    finally:
        evaluator.close()
    return operators


def _not_whole(error: PolicyError, checks: Iterable[CheckInfo], files: Sources) -> PolicyBuildError:
    """What is wrong with a gate's answer, at the rule that it is due to where that is known."""
    hint = "a gate must answer any input with every check that its METADATA lists"
    missing = re.search(r"is incomplete: (.*) missing", error.message)
    for check in checks:
        is_missing = missing is not None and check.id in missing[1].split(", ")
        if is_missing and (place := data.rule_place(check.id, files)):
            return PolicyBuildError(
                f"{place}: {error.message}",
                f"the rule under this METADATA answers by the id {check.id}, whatever the input: "
                f'write `checks contains check.at_most("{check.id}")`, with no condition behind it',
            )
    if unlisted := re.search(r"does not list: (.*)", error.message):
        name = unlisted[1].partition(",")[0]
        hint = f"put METADATA with `check: {name}` above its rule, or take the rule out"
        if place := data.bare_rule(files, f'"{name}"'):
            return PolicyBuildError(f"{place}: {error.message}", hint)
    if re.search("a check that is not whole|insert conflict", error.message):
        named = error.message.rpartition(": ")[2]
        place = data.odd_rule(files) or data.rule_place(named, files)
        return PolicyBuildError(
            f"{place}: {error.message}" if place else error.message,
            "every element of `checks` is what one function of lib/check gives, such as "
            "`checks contains check.at_most(ID)`, with METADATA above its rule",
        )
    return PolicyBuildError(error.message, hint)


@contextmanager
def _workspace(files: Sources) -> Iterator[Path]:
    """A folder with the Rego alone. Paths inside it are what OPA prints and embeds."""
    with tempfile.TemporaryDirectory(prefix="engine-policy-") as root:
        folder = Path(root, "policies")
        folder.mkdir()
        Path(root, "capabilities.json").write_bytes(files[CAPABILITIES].content)
        for path, source in files.items():
            if path.endswith(".rego"):
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(source.content)
        yield folder


class _Opa:
    """OPA's command line in a workspace; whatever it refuses is a PolicyBuildError."""

    def __init__(self, binary: Path, folder: Path, files: Sources) -> None:
        self.folder = folder
        self._binary = binary
        self._files = files

    def __call__(self, *arguments: str) -> str:
        done = run_opa(self._binary, arguments, self.folder)
        if done.returncode != 0:
            words = done.stderr.strip() or done.stdout.strip()
            shown = in_the_authors_paths(words, self._files)
            raise PolicyBuildError(
                f"Rego refused by opa {arguments[0]}: {shown}", advice(words, self._files)
            )
        return done.stdout

    def version(self) -> str:
        return opa_version(self._binary)

    def shown(self, path: str) -> str:
        return shown_path(path, self._files)


def in_the_authors_paths(words: str, files: Sources) -> str:
    """Return OPA's ``words`` with each file named as its author would look for it."""
    return re.sub(
        r"(?m)(?<![\w./-])(?:\./)?([\w./-]+\.rego)(?=:\d)",
        lambda match: shown_path(match[1], files),
        words,
    )


def shown_path(path: str, files: Sources) -> str:
    """Return a path as OPA prints it as its author would look for it."""
    relative = path.removeprefix("./").removeprefix("/").removeprefix("policies/")
    return files[relative].shown if relative in files else path


def run_opa(
    binary: Path, arguments: Sequence[str], folder: Path
) -> subprocess.CompletedProcess[str]:
    """Run OPA in ``folder`` and return what it said, whatever its exit code.

    Raises:
        PolicyBuildError: It could not be run, or took longer than two minutes.
    """
    # No environment: OPA takes flags from OPA_* variables.
    try:
        return subprocess.run(
            [binary.absolute(), *arguments],
            cwd=folder,
            env={},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIME_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise PolicyBuildError(
            f"opa {arguments[0]}: was stopped after {_TIME_LIMIT_S} s",
            "leave out what takes it so long: tables of values are data, and lie in "
            f"<topic>/{sources.DATA}; a test tries few inputs",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyBuildError(f"{binary}: could not run OPA: {error}", GET_OPA) from None


GET_OPA = (
    f"get OPA {OPA_VERSION}, one file, from "
    f"github.com/open-policy-agent/opa/releases/tag/v{OPA_VERSION} (in a clone of the engine: "
    "make opa, into .tools/opa), and put it on PATH as `opa`, or name it in ENGINE_OPA; --opa is a "
    "server's, and compiles nothing\n"
    "or compile where OPA is, and give the file here: engine policy build --policies DIR --out "
    "NAME.tar"
)


def opa_version(binary: Path) -> str:
    """Return the version that ``binary`` says it is.

    Raises:
        PolicyBuildError: It cannot be run, or is not OPA.
    """
    done = run_opa(binary, ("version",), Path("/"))
    match = re.match(r"Version: (\S+)\n", done.stdout)
    if done.returncode != 0 or match is None:
        raise PolicyBuildError(f"{binary}: is not OPA", GET_OPA)
    return match[1]


OWN_OPA = Path(__file__).resolve().parents[2] / ".tools" / "opa"
"""In the engine's own clone; nothing that lies in or above a working folder is run."""


def find_opa(environ: Mapping[str, str], own: Path | None = None) -> Path:
    """Return OPA's binary: ``ENGINE_OPA``, else the pinned version on PATH or in ``.tools``.

    Args:
        environ: The environment; ``ENGINE_OPA`` and ``PATH`` are read.
        own: OPA of the engine's own clone; None is :data:`OWN_OPA`.

    Raises:
        UsageError: ``ENGINE_OPA`` names no program, or none was found; names all places.
    """
    if named := environ.get("ENGINE_OPA"):
        path = Path(named)
        if not path.is_file() or not os.access(path, os.X_OK):
            raise UsageError(f"ENGINE_OPA={named}: no such program", "give the path of OPA")
        return path
    candidates = [
        Path(folder, "opa") for folder in environ.get("PATH", "").split(os.pathsep) if folder
    ]
    candidates.append(own or OWN_OPA)
    passed_over: list[str] = []
    for path in candidates:
        if path.is_file() and os.access(path, os.X_OK):
            try:
                version = opa_version(path)
            except PolicyBuildError:
                version = "no OPA"
            if version == OPA_VERSION:
                return path
            passed_over.append(f"{path} is {version}")
    raise UsageError(f"no OPA {OPA_VERSION} found", "\n".join((*passed_over, GET_OPA)))
