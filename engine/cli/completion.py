"""``engine completion``: words that a shell offers at TAB, by the verbs' own parsers."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, cast

from engine import exit_codes
from engine.cli.console.shell import Shell, VerbModule, current_shell
from engine.errors import GovernanceError

if TYPE_CHECKING:
    from engine.policy.bundle import PolicyBundle

DESCRIPTION = (
    "Print the completion script of a shell: verbs, flags, files, and the gates, profiles and\n"
    "checks of the policies in use. Put the line below into your shell's start-up file;\n"
    "fish: engine completion fish | source"
)
EXAMPLE = '  eval "$(engine completion bash)"'

SHELLS = ("bash", "zsh", "fish")
_Values = Callable[..., Iterable[str]]


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare flags."""
    parser.add_argument("shell", choices=SHELLS, help="shell that reads the script")


def run(args: argparse.Namespace, shell: Shell) -> int:
    """Print the script; it asks this command for the words."""
    from argcomplete.shell_integration import shellcode

    script = shellcode(["engine"], shell=args.shell)
    shell.print_lines(script.strip())
    return exit_codes.PASS


def complete() -> int:
    """Answer the completion script, which calls ``engine`` without arguments; never returns.

    The line so far, and where to write, are in the environment, as argcomplete needs.
    """
    import argcomplete

    shell = current_shell()
    argcomplete.autocomplete(whole_parser(_verb_of(shell.environ.get("COMP_LINE", "")), shell))
    return exit_codes.UNDECIDED  # no completion script called


def _verb_of(line: str) -> str:
    words = line.split()
    return words[1] if len(words) > 1 else ""


def whole_parser(verb: str, shell: Shell) -> argparse.ArgumentParser:
    """Return a parser that knows every verb, and the flags of ``verb``."""
    from engine.cli.verbs import VERBS

    parser = argparse.ArgumentParser(prog="engine", allow_abbrev=False)
    parser.add_argument("-V", "--version", action="store_true")
    verbs = parser.add_subparsers(dest="verb")
    for name, row in VERBS.items():
        inner = verbs.add_parser(name, help=row.summary, allow_abbrev=False)
        if name == verb:
            cast(VerbModule, importlib.import_module(row.module)).arguments(inner)
            _offer(inner, verb, shell)
    return parser


def _offer(parser: argparse.ArgumentParser, verb: str, shell: Shell) -> None:
    """Attach to the flags of ``parser`` and its sub-verbs what their values can be."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                _offer(inner, verb, shell)
        elif values := _VALUES.get((verb, action.dest)) or _VALUES.get(("", action.dest)):
            cast(Any, action).completer = _reading(values, shell)


def _reading(values: Callable[[PolicyBundle], Iterable[str]], shell: Shell) -> _Values:
    def completer(parsed_args: argparse.Namespace, **_: object) -> Iterable[str]:
        return values(_policies(parsed_args, shell))

    return completer


def _policies(args: argparse.Namespace, shell: Shell) -> PolicyBundle:
    """The policies in use; the shipped ones where those would have to be compiled first."""
    from engine.cli import workspace
    from engine.policy.bundle import shipped_bundle
    from engine.policy.overlay import load_policies

    try:
        return load_policies(workspace.settings(args, shell).path("policies"), opa=None)
    except GovernanceError:
        return shipped_bundle()


def _gates(bundle: PolicyBundle) -> Iterable[str]:
    return [gate.name for gate in bundle.gates()]


def _profiles(bundle: PolicyBundle) -> Iterable[str]:
    return sorted(bundle.data["limits"])


def _checks(bundle: PolicyBundle) -> Iterable[str]:
    return [check.id for check in bundle.checks()]


def _stages(_bundle: PolicyBundle) -> Iterable[str]:
    from engine.model import Stage

    return list(Stage)


def _formats(_bundle: PolicyBundle) -> Iterable[str]:
    from engine.report import FORMATS

    return list(FORMATS)


def _outputs(_bundle: PolicyBundle) -> Iterable[str]:
    return [f"{name}=" for name in _formats(_bundle)]


def _examples(_bundle: PolicyBundle) -> Iterable[str]:
    from engine.policy.bundle import shipped_folder

    return [path.stem for path in shipped_folder("examples").glob("*.json")]


_VALUES: dict[tuple[str, str], Callable[[PolicyBundle], Iterable[str]]] = {
    ("", "gate"): _gates,
    ("", "profile"): _profiles,
    ("", "stage"): _stages,
    ("decide", "format"): _formats,
    ("decide", "output"): _outputs,
    ("convert", "format"): _formats,
    ("explain", "what"): _checks,
    ("example", "name"): _examples,
}
"""Values by verb (empty: any) and argument, where argparse does not list them itself."""
