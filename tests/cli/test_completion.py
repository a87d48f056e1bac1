"""What a shell offers at TAB, asked as the shell asks."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Engine

BIN = Path(sys.executable).parent
BASH = """
set -u
source <(engine completion bash)
declare -F _python_argcomplete > /dev/null
complete -p engine > /dev/null
COMP_LINE=$1
COMP_POINT=${#1}
COMP_TYPE=9
_python_argcomplete engine
printf '%s\\n' "${COMPREPLY[@]-}"
"""


def environ(home: Path) -> dict[str, str]:
    return {"PATH": f"{BIN}:/usr/bin:/bin", "HOME": str(home), "LANG": "C.UTF-8"}


def offered(line: str, cwd: Path) -> set[str]:
    """What bash, having sourced the script, offers at the end of ``line``."""
    done = subprocess.run(
        ["bash", "--norc", "-c", BASH, "bash", line],
        cwd=cwd, env=environ(cwd), capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    return {word.strip() for word in done.stdout.splitlines()} - {""}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("engine de", {"decide"}),
        ("engine ledger ver", {"verify"}),
        ("engine ledger verify --sig", {"--signatures"}),
        ("engine decide --dr", {"--dry-run"}),
        ("engine decide --gate sl", {"slo"}),
        ("engine decide m.json --profile s", {"service", "strict"}),
        ("engine decide --stage ", {"candidate", "production"}),
        ("engine explain slo.dec_p", {"slo.dec_p95_ms"}),
        ("engine example pr", {"promote"}),
        ("engine completion f", {"fish"}),
        ("engine nonsense --v", {"--version"}),
    ],
)
def test_bash_offers(tmp_path: Path, line: str, expected: set[str]) -> None:
    assert offered(line, tmp_path) == expected


def test_bash_offers_every_verb_and_format(tmp_path: Path) -> None:
    from engine.cli.verbs import VERBS
    from engine.report import FORMATS

    assert offered("engine ", tmp_path) >= VERBS.keys()
    assert offered("engine decide --format ", tmp_path) == FORMATS.keys()


def test_bash_offers_files_and_the_profiles_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "metrics.json").write_text("{}")
    (tmp_path / "engine.toml").write_text('policies = "policies"\n')
    own = tmp_path / "policies" / "limits" / "shop" / "data.yaml"
    own.parent.mkdir(parents=True)
    own.write_text("extends: default\nchecks: {}\n")
    assert offered("engine decide met", tmp_path) == {"metrics.json"}
    assert offered("engine decide --profile sh", tmp_path) == {"shop"}


def test_broken_policies_offer_what_is_shipped(tmp_path: Path) -> None:
    (tmp_path / "engine.toml").write_text('policies = "nowhere"\n')
    assert offered("engine decide --gate prom", tmp_path) == {"promotion"}


def test_the_environment_of_a_completion_never_replaces_a_decision(tmp_path: Path) -> None:
    """INV-EXIT-1: with arguments, a command runs; without, its code is never 0 by accident."""
    ran = environ(tmp_path) | {"_ARGCOMPLETE": "1", "COMP_LINE": "engine ", "COMP_POINT": "7"}
    done = subprocess.run(
        [BIN / "engine", "decide", "nothing.json"], cwd=tmp_path, env=ran, capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "nothing.json" in done.stderr


def test_a_shell_that_is_not_known(engine: Engine) -> None:
    assert engine("completion", "tcsh").code == 2


@pytest.mark.system
def test_fish_offers(tmp_path: Path) -> None:
    for line, expected in (("engine de", "decide"), ("engine decide --gate sl", "slo")):
        script = f"engine completion fish | source; complete -C {shlex.quote(line)}"
        done = subprocess.run(
            ["fish", "--no-config", "-c", script],
            cwd=tmp_path, env=environ(tmp_path), capture_output=True, text=True, timeout=60,
            check=True,
        )  # fmt: skip
        assert [word.split("\t")[0] for word in done.stdout.split("\n")[:-1]] == [expected]


@pytest.mark.system
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_can_read_its_script(tmp_path: Path, shell: str) -> None:
    script = subprocess.run(
        [BIN / "engine", "completion", shell],
        env=environ(tmp_path),
        capture_output=True,
        check=True,
    ).stdout
    assert len(script) > 200
    subprocess.run([shell, "-n"], input=script, check=True)


@pytest.mark.system
def test_zsh_offers(tmp_path: Path) -> None:
    """The function that zsh calls, with the widget that draws its answer replaced."""
    script = (
        "autoload -U compinit; compinit -u -D; source <(engine completion zsh);"
        "_describe() { print -l -- ${(P)2} };"
        "words=(engine); BUFFER='engine decide --gate sl'; CURSOR=${#BUFFER};"
        "_python_argcomplete"
    )
    done = subprocess.run(
        ["zsh", "-f", "-c", script],
        cwd=tmp_path, env=environ(tmp_path), capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["slo:"], done.stderr


def test_a_decision_pays_nothing_for_it(tmp_path: Path) -> None:
    """Neither the completion nor the doctor nor the questions are imported to decide."""
    script = (
        "import contextlib, sys\n"
        "from engine.cli import run\n"
        "with open('metrics.json', 'w') as file, contextlib.redirect_stdout(file):\n"
        "    run(['example', 'promote'])\n"
        "code = run(['decide', 'metrics.json', '--dry-run'])\n"
        "spare = {'argcomplete', 'rich', 'yaml', 'engine.cli.completion',  "
        "'engine.cli.decide.on_change', 'engine.cli.doctor.verb', 'engine.cli.console.dialog', "
        "'engine.cli.starter_files', 'engine.cli.console.refusals'}\n"
        "print(code, sorted(spare & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path, env=environ(tmp_path), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "5 []"
