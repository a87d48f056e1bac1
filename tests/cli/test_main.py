"""Exit codes of the process itself: what is not a verdict never looks like one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

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


def test_a_reader_that_went_away_is_3(tmp_path: Path) -> None:
    """A verdict's code is given only after standard output took the verdict."""
    example = subprocess.run(
        [*ENGINE, "example", "promote"], cwd=tmp_path, capture_output=True, check=True
    ).stdout
    (tmp_path / "m.json").write_bytes(example)
    reader, writer = os.pipe()
    os.close(reader)
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    done = subprocess.run(
        [*ENGINE, "decide", "m.json"],
        cwd=tmp_path, env=environ, stdout=writer, stderr=subprocess.PIPE, timeout=60, check=False,
    )  # fmt: skip
    os.close(writer)
    assert done.returncode == 3


def test_a_full_standard_output_is_3(tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*ENGINE, "example", "promote"],
            cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 3


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
        " 'opa_client', 'sqlite_utils', 'argparse', 'json'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
