"""What several folders of tests share: the pinned OPA, the examples, Ctrl-C as in a terminal."""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
import wasmtime
from hypothesis import settings

from engine.policy.build import find_opa
from engine.policy.evaluators import wasm
from engine.policy.evaluators.wasm import WasmEvaluator
from tests.consumers.recording import recorded
from tests.examples import SHARE, WHOLE
from tests.repository import ROOT

# The same examples on every machine, however slow: a failure is a finding, never a delay.
settings.register_profile(WHOLE, deadline=None, derandomize=True)
settings.register_profile(
    "project",
    settings.get_profile(WHOLE),
    max_examples=settings.get_profile(WHOLE).max_examples // SHARE,
)
settings.load_profile("project")

# A shell that runs the tests in the background has it ignored, and so would every program that
# they start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


os.umask(0o022)  # what others can write to is named in records
os.environ["XDG_STATE_HOME"] = os.devnull  # before any test has a folder of its own: nowhere


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Measure no coverage where one line is run for the hundredth time: it doubles the time."""
    for item in items:
        if item.get_closest_marker("hypothesis"):
            item.add_marker("no_cover")


@pytest.fixture(autouse=True)
def state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep signed heads of tests out of the state folder of whoever runs them."""
    folder = tmp_path_factory.getbasetemp() / "state" / secrets.token_hex(8)
    monkeypatch.setenv("XDG_STATE_HOME", str(folder))


@pytest.fixture(scope="session", autouse=True)
def compiled_once() -> Iterator[None]:
    """Compile a policy once in this process where no compiled one is kept, and load it again.

    Compiling takes a quarter of a second, which is most of what a decision of the library costs.
    """
    compile_anew, kept = WasmEvaluator._compile, dict[tuple[object, ...], bytes]()

    def compiled(self: WasmEvaluator) -> tuple[wasmtime.Engine, wasmtime.Module]:
        if self._cache is not None:
            return compile_anew(self)
        key = (self._few, self._expendable, self._checks_bounds, sha256(self._bundle.wasm).digest())
        if key not in kept:
            engine, module = compile_anew(self)
            kept[key] = bytes(module.serialize())
            return engine, module
        engine = wasm._engine(
            quick=self._few, guarded=not self._expendable, checks_bounds=self._checks_bounds
        )
        return engine, wasmtime.Module.deserialize(engine, kept[key])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WasmEvaluator, "_compile", compiled)
        yield


@pytest.fixture(scope="session", autouse=True)
def complaints_of_consumers() -> Iterator[list[str]]:
    """Watch every report that is made in this process; see :mod:`tests.consumers`."""
    with recorded() as found:
        yield found


@pytest.fixture(autouse=True)
def read_whole(complaints_of_consumers: list[str]) -> Iterator[None]:
    """Fail a test that made a report which one of its consumers refuses, or cuts short."""
    complaints_of_consumers.clear()
    yield
    found = sorted(set(complaints_of_consumers))
    complaints_of_consumers.clear()
    assert not found, "\n".join(found[:20])


@pytest.fixture(scope="session")
def opa() -> Path:
    """OPA's binary. Where there is none the test fails: it is not skipped."""
    return find_opa(os.environ, ROOT / ".tools" / "opa")
