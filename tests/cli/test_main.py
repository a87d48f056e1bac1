"""Exit codes of the process itself: what is not a verdict never looks like one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.report import FORMATS
from tests.repository import ROOT

ENGINE = (sys.executable, "-m", "engine")
EXAMPLES = ROOT / "examples"


def run(*argv: str, cwd: Path, code: str = "") -> subprocess.CompletedProcess[bytes]:
    environ = {"PATH": os.environ["PATH"], "HOME": str(cwd), "PYTHONPATH": str(cwd)}
    if code:
        (cwd / "sitecustomize.py").write_text(code)
    return subprocess.run(
        [*ENGINE, *argv], cwd=cwd, env=environ, capture_output=True, timeout=60, check=False
    )


def test_a_module_in_the_working_folder_is_not_taken_for_a_librarys(tmp_path: Path) -> None:
    """But for what Python itself loads to start, before any line of the engine runs."""
    started = "import runpy, sys; print(*sys.modules)"
    argv = [sys.executable, "-c", started]
    loaded = subprocess.run(argv, capture_output=True, check=True).stdout.decode().split()
    for name in sys.stdlib_module_names - set(loaded):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(0)\n")
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    argv = [*ENGINE, "example", "promote"]
    done = subprocess.run(argv, cwd=tmp_path, env=environ, capture_output=True, check=False)
    assert (done.returncode, b"observed_at" in done.stdout) == (0, True), done.stderr


def test_no_verb_and_an_unknown_verb_are_usage(tmp_path: Path) -> None:
    assert run(cwd=tmp_path).returncode == 2
    unknown = run("decied", cwd=tmp_path)
    assert unknown.returncode == 2
    assert b"did you mean 'decide'?" in unknown.stderr
    assert run("--help", cwd=tmp_path).returncode == 0
    assert run("decide", "--no-such-flag", cwd=tmp_path).returncode == 2


@pytest.mark.parametrize(
    ("crash", "words"),
    [
        ("raise RuntimeError('boom')", b"could not decide: RuntimeError: boom"),
        ("raise MemoryError", b"could not decide: MemoryError"),
        ("raise KeyboardInterrupt", b"interrupted"),
        ("raise SystemExit", b""),
        ("raise SystemExit('text')", b""),
        ("raise ImportError('no wasmtime')", b"could not decide: ImportError"),
    ],
)
def test_a_crash_of_the_engine_is_3(tmp_path: Path, crash: str, words: bytes) -> None:
    """INV-EXIT-1: every escape is "could not decide", never a verdict's code."""
    patched = (
        "import engine.cli.decide.verb as module\n"
        "def run(args, shell):\n"
        f"    {crash}\n"
        "module.run = run\n"
    )
    done = run("decide", "-", cwd=tmp_path, code=patched)
    assert done.returncode == 3
    assert words in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_broken_installation_is_3(tmp_path: Path) -> None:
    broken = "import sys\nsys.modules['engine.cli'] = None\n"
    assert run("decide", "-", cwd=tmp_path, code=broken).returncode == 3


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a metrics file, and a decision on it."""
    folder = tmp_path_factory.mktemp("decided")
    (folder / "m.json").write_bytes(run("example", "block", cwd=folder).stdout)
    (folder / "d.json").write_bytes(run("decide", "m.json", "--format=json", cwd=folder).stdout)
    return folder


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("decide m.json --dry-run", 1),
        ("decide m.json --dry-run --format sarif", 1),
        ("ledger log", 0),
        ("ledger verify", 0),
        ("doctor", 0),
        ("config show", 0),
        ("replay", 0),
        ("completion bash", 0),
        ("spec list", 0),
        ("policy list", 0),
        ("convert d.json --format sarif", 0),
        ("explain slo.dec_p95_ms", 0),
        ("--help", 0),
        ("decide --help", 0),
        ("--version", 0),
    ],
)
def test_a_reader_that_went_away_changes_nothing(decided: Path, command: str, code: int) -> None:
    """`engine ledger log | head` is quiet, and gives the code that it would have given."""
    assert unread(decided, command) == (code, "")


def unread(folder: Path, command: str) -> tuple[int, str]:
    """The exit code and standard error of a command whose standard output nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*ENGINE, *command.split()],
        cwd=folder, env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        stdout=writer, stderr=subprocess.PIPE, timeout=60, check=False,
    )  # fmt: skip
    os.close(writer)
    return done.returncode, done.stderr.decode()


@pytest.mark.parametrize(
    ("command", "recorded"),
    [
        ("decide m.json", "recorded as {id}"),
        ("decide m.json --format sarif", "recorded as {id}"),
        ("budget reserve --provider p --model m --usd 1 --tokens 1", "recorded as {id}, DENY"),
    ],
)
def test_an_answer_about_what_is_recorded_is_not_lost_in_silence(
    decided: Path, command: str, recorded: str
) -> None:
    """INV-LEDGER-1: with `| head` it is exit code 3, and the id to look it up by."""
    code, said = unread(decided, command)

    first, hint = said.splitlines()[-2:]
    log = run("ledger", "log", cwd=decided).stdout.decode()
    newest = next(line for line in log.splitlines() if "decision  " in line).split()
    (id_,) = [word for word in newest if word.count("-") == 4]
    assert code == 3
    assert first == f"engine: {recorded.format(id=id_)}; standard output: its reader went away"
    assert hint == "  what was recorded stays so: engine ledger log, engine ledger show ID"


def test_a_listener_that_went_away_changes_nothing(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*ENGINE, "decide", "none.json"], cwd=tmp_path, stderr=writer, timeout=60, check=False
    )
    os.close(writer)
    assert done.returncode == 2


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ("decide m.json >&-", 1),
        ("decide m.json 2>&-", 1),
        ("decide m.json <&- >&- 2>&-", 1),
        ("decide - <&-", 2),
        ("ledger log >&-", 0),
        ("decide none.json 2>&-", 2),
    ],
)
def test_a_closed_stream_is_no_defect(decided: Path, call: str, code: int) -> None:
    """And no file of the engine gets its number: the ledger is whole afterwards."""
    script = f"{sys.executable} -m engine {call}"
    done = subprocess.run(
        ["bash", "-c", script], cwd=decided, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == code, done.stderr
    assert b"defect" not in done.stderr
    assert run("ledger", "verify", cwd=decided).returncode == 0


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_or_a_pipe_gets_utf_8_whatever_the_locale(decided: Path, form: str) -> None:
    """JSON, HTML and XML are what they say of themselves; no verdict is lost for a "ρ"."""
    document = (decided / "m.json").read_text()
    (decided / "rho.json").write_text(document.replace('"scoring-model"', '"ρ-model"'))
    call = ["decide", "rho.json", "--dry-run", "--format", form, "--output", "json=out.json"]
    environ = {"PATH": os.environ["PATH"], "HOME": str(decided), "PYTHONIOENCODING": "latin-1"}

    done = subprocess.run(
        [*ENGINE, *call], cwd=decided, env=environ, capture_output=True, timeout=60, check=False
    )

    assert done.returncode == 1, done.stderr
    assert "ρ-model" in done.stdout.decode()
    assert json.loads((decided / "out.json").read_bytes())["verdict"] == "BLOCK"


def test_a_full_standard_output_is_3(tmp_path: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}  # no PYTHONUNBUFFERED
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*ENGINE, "example", "promote"],
            cwd=tmp_path, env=environ, stdout=full, stderr=subprocess.PIPE, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 3
    assert b"standard output: no space left on device" in done.stderr
    assert b"defect" not in done.stderr


def test_an_interrupt_leaves_no_verdict_code(tmp_path: Path) -> None:
    slow = (
        "import engine.cli.decide.verb as module, time, sys\n"
        "def run(args, shell):\n"
        "    print('ready', flush=True)\n"
        "    time.sleep(60)\n"
        "    return 0\n"
        "module.run = run\n"
    )
    (tmp_path / "sitecustomize.py").write_text(slow)
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(tmp_path)}
    process = subprocess.Popen(
        [*ENGINE, "decide", "-"], cwd=tmp_path, env=environ, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, narration = process.communicate(timeout=60)
    assert process.returncode == 3
    assert b"interrupted" in narration


def test_version_and_help_import_nothing_that_costs(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "import engine.cli\n"
        "engine.cli.run(['--version'])\n"
        "heavy = {'wasmtime', 'jsonschema', 'rich', 'yaml', 'sqlite3', 'cryptography',"
        " 'opa_client', 'sqlite_utils', 'argparse', 'json', 'engine.errors'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
