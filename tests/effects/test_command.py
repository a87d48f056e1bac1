"""A command: without a shell, in a small environment, and ended with all that it started."""

from __future__ import annotations

import json
import os
import select
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.effects import AttemptOutcome, AttemptStatus
from engine.errors import ConfigError
from tests.effects.orders import hook, order

PYTHON = sys.executable


def program(folder: Path, text: str, name: str = "hook.py") -> Path:
    path = folder / name
    path.write_text(f"#!{PYTHON}\n{text}")
    path.chmod(0o755)
    return path


def performed(folder: Path, text: str, more: str = "", **environ: str) -> AttemptOutcome:
    program(folder, text)
    table = f'[[hook]]\nkind = "command"\nargv = ["./hook.py", "$HOME; echo *"]\n{more}'
    return hook(table, folder, **environ).perform(order())


def test_it_is_told_what_to_do_and_what_it_said_is_kept(tmp_path: Path) -> None:
    outcome = performed(
        tmp_path,
        "import json, os, sys\n"
        "print('first line')\n"
        "json.dump({'argv': sys.argv[1:], 'stdin': json.load(sys.stdin), 'cwd': os.getcwd(),\n"
        "           'environ': dict(os.environ)}, open('seen.json', 'w'))\n"
        "print('rolled\\tback\\x1b[31m to 2.4.0')\n",
    )
    assert outcome == AttemptOutcome(AttemptStatus.DONE, "rolled back[31m to 2.4.0")
    seen = json.loads((tmp_path / "seen.json").read_text())
    assert seen["argv"] == ["$HOME; echo *"]  # no shell has looked at it
    assert seen["stdin"] == order().document()
    assert seen["stdin"]["idempotency_key"] == "0197-page-1"
    assert seen["cwd"] == str(tmp_path)


def test_it_sees_little_of_the_environment(tmp_path: Path) -> None:
    """INV-WATCH-4: the key that signs is not among it."""
    program(tmp_path, "import json, os; json.dump(dict(os.environ), open('seen.json', 'w'))")
    text = '[[hook]]\nkind = "command"\nargv = ["./hook.py"]\nenv = ["KUBECONFIG"]\n'
    around = {"PATH": "/usr/bin", "ENGINE_KEY": "secret", "AWS_TOKEN": "secret", "KUBECONFIG": "k"}
    assert hook(text, tmp_path, **around).perform(order()).ended is AttemptStatus.DONE
    seen = json.loads((tmp_path / "seen.json").read_text())
    assert {name: value for name, value in seen.items() if name != "LC_CTYPE"} == {
        "PATH": "/usr/bin", "KUBECONFIG": "k",
        "ENGINE_ACTION": "page", "ENGINE_IDEMPOTENCY_KEY": "0197-page-1",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("raise SystemExit(7)", "exit code 7"),
        ("print('no such release'); raise SystemExit(1)", "exit code 1: no such release"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "signal 9"),
    ],
)
def test_whatever_is_not_success_may_be_tried_again(tmp_path: Path, text: str, detail: str) -> None:
    assert performed(tmp_path, text) == AttemptOutcome(AttemptStatus.FAILED, detail)


def test_a_program_that_went_away_is_a_failure(tmp_path: Path) -> None:
    program(tmp_path, "")
    made = hook('[[hook]]\nkind = "command"\nargv = ["./hook.py"]\n', tmp_path)
    (tmp_path / "hook.py").unlink()
    assert made.perform(order()).ended is AttemptStatus.FAILED


GRANDCHILD = """\
import os, signal, sys
reader, writer = os.pipe()
if os.fork() == 0:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.open("alive", os.O_WRONLY)
    os.write(writer, b"x")
    while True: signal.pause()
os.read(reader, 1)
print("working on it", flush=True)
"""


@pytest.fixture
def grandchild_ends(tmp_path: Path) -> Callable[[], bool]:
    """Whether the grandchild ends: it holds the pipe ``alive`` open until then."""
    os.mkfifo(tmp_path / "alive")
    descriptor = os.open(tmp_path / "alive", os.O_RDONLY | os.O_NONBLOCK)

    def ends() -> bool:
        watch = select.poll()
        watch.register(descriptor, select.POLLIN)
        found = watch.poll(10_000)
        os.close(descriptor)
        return found == [(descriptor, select.POLLHUP)]

    return ends


def test_what_takes_too_long_is_ended_with_all_it_started(
    tmp_path: Path, grandchild_ends: Callable[[], bool]
) -> None:
    """INV-WATCH-4"""
    outcome = performed(tmp_path, GRANDCHILD + "signal.pause()\n", "timeout_s = 3\n")
    assert outcome == AttemptOutcome(AttemptStatus.FAILED, "ended after 3 s: working on it")
    assert grandchild_ends()


def test_what_a_program_leaves_behind_is_ended_too(
    tmp_path: Path, grandchild_ends: Callable[[], bool]
) -> None:
    """INV-WATCH-4"""
    outcome = performed(tmp_path, GRANDCHILD + "sys.exit(0)\n")
    assert outcome == AttemptOutcome(AttemptStatus.DONE, "working on it")
    assert grandchild_ends()


def test_a_flood_of_output_is_read_and_forgotten(tmp_path: Path) -> None:
    text = "import sys\nfor _ in range(400): sys.stdout.write('x' * 9_999 + '\\n')\nprint('end')"
    assert performed(tmp_path, text) == AttemptOutcome(AttemptStatus.DONE, "end")
    line = performed(tmp_path, "print('y' * 1_000_000)").detail
    assert len(line) == 300


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('argv = ["./absent.py"]', "no program './absent.py'"),
        ('argv = ["no-such-program-anywhere"]', "no program"),
        ("argv = []", "names no program"),
        ('argv = "./hook.py"\ntimeout_s = 0', "a number from 0.1 to 600"),
        ('argv = ["./hook.py"]\nenv = ["ENGINE_KEY"]', "the engine's own"),
        ('argv = ["./hook.py"]\nenv = ["NOT_SET"]', "is not set"),
        ('argv = ["./hook.py"]\ntimout_s = 5', "did you mean 'timeout_s'?"),
        ('argv = ["./plain.txt"]', "no program"),
    ],
)
def test_a_table_that_cannot_work_is_refused_with_its_line(
    tmp_path: Path, text: str, reason: str
) -> None:
    program(tmp_path, "")
    (tmp_path / "plain.txt").write_text("not executable")
    with pytest.raises(ConfigError, match=r"w\.toml:\d: key ") as caught:
        hook(f'[[hook]]\nkind = "command"\n{text}\n', tmp_path, PATH="/usr/bin")
    assert reason in str(caught.value)


def test_a_kind_that_nobody_performs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'command'"):
        hook('[[hook]]\nkind = "comand"\n', tmp_path)
