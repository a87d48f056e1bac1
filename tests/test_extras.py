"""A plain install lacks the packages of the extras: what needs them says which to install."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator

import pytest

from engine import exit_codes
from engine.errors import MissingExtraError, requires_extra
from tests.repository import MODULES, ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
IMPORTED_AS = {"opa-python-client": "opa_client", "pyyaml": "yaml"}

PLAIN_INSTALL = """
import sys

class NotInstalled:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {packages!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, NotInstalled())
from engine.__main__ import main
main()
"""


def packages(requirements: list[str]) -> set[str]:
    """The names that requirements such as ``numpy>=2`` are imported by."""
    names = {re.split(r"[<>=!~\[; ]", requirement)[0] for requirement in requirements}
    return {IMPORTED_AS.get(name, name.replace("-", "_")) for name in names}


DEPENDENCIES = packages(PROJECT["dependencies"])
EXTRAS = {name: packages(of) for name, of in PROJECT["optional-dependencies"].items()}


@pytest.mark.parametrize("flags", [(), ("--sql",)], ids=["measured", "as SQL"])
def test_gather_in_a_plain_install_names_the_extra(flags: tuple[str, ...]) -> None:
    program = PLAIN_INSTALL.format(packages=EXTRAS["data"])
    config = str(ROOT / "examples" / "gather" / "gather.toml")
    answer = subprocess.run(
        [sys.executable, "-c", program, "gather", config, *flags],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert answer.returncode == exit_codes.INVALID
    assert "pip install '.[data]'" in answer.stderr
    assert "defect" not in answer.stderr


def test_only_a_missing_package_becomes_a_missing_extra() -> None:
    worded = pytest.raises(MissingExtraError, match=r"(?s)needs the package numpy.*\[data\]")
    with worded, requires_extra("data"):
        raise ModuleNotFoundError("No module named 'numpy.linalg'", name="numpy.linalg")
    with pytest.raises(ValueError, match="another"), requires_extra("data"):
        raise ValueError("another")


def third_party(
    tree: ast.AST, guards: tuple[str, ...] = ()
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each package that is imported from outside, with what guards the import."""
    for node in ast.iter_child_nodes(tree):
        around = guards
        if isinstance(node, ast.With):
            around += tuple(ast.unparse(item.context_expr) for item in node.items)
        elif isinstance(node, ast.If):
            around += (ast.unparse(node.test),)
        elif isinstance(node, ast.Try):
            around += tuple(f"except {ast.unparse(h.type)}" for h in node.handlers if h.type)
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [str(node.module)]
        for package in {name.partition(".")[0] for name in names}:
            if package not in sys.stdlib_module_names and package != "engine":
                yield package, guards
        yield from third_party(node, around)


def is_guarded(package: str, guards: tuple[str, ...]) -> bool:
    """Whether an import can fail with nothing but an error of the engine's own."""
    extra = next((name for name, of in EXTRAS.items() if package in of), None)
    return extra is not None and any(
        guard in ("TYPE_CHECKING", f"requires_extra('{extra}')", "except ImportError")
        for guard in guards
    )


def test_every_module_imports_dependencies_or_guards_an_extra() -> None:
    unguarded = [
        f"{module.relative_to(ROOT)}: {package}"
        for module in MODULES
        for package, guards in third_party(ast.parse(module.read_text()))
        if package not in DEPENDENCIES and not is_guarded(package, guards)
    ]
    assert unguarded == []


def test_the_guard_is_found_missing() -> None:
    """The check above sees an import that nothing guards, and one that another extra guards."""
    assert not is_guarded("numpy", ())
    assert not is_guarded("numpy", ("requires_extra('spec')",))
    assert not is_guarded("pandas", ("requires_extra('data')",))
    source = "def f():\n    with requires_extra('data'):\n        import numpy.linalg\n"
    assert list(third_party(ast.parse(source))) == [("numpy", ("requires_extra('data')",))]
