"""The direct call says what the public one says, or is not used."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import wasmtime

from bench import corpus
from engine.errors import PolicyError
from engine.evidence.documents import parse
from engine.evidence.input import Question, gather
from engine.policy.bundle import shipped_bundle, shipped_schema
from engine.policy.evaluators import wasm
from engine.policy.evaluators.wasm import WasmEvaluator
from engine.policy.evaluators.wasm_call import TRIED, direct_call

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SHAPE = '(module (func (export "opa_eval") {} i32.const 3))'
SEVEN = "(param i32 i32 i32 i32 i32 i32 i32) (result i32)"


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    folder = tmp_path_factory.mktemp("corpus") / "metrics"
    corpus.write(folder, 40, NOW)
    question = Question("promotion", "default", "candidate", NOW)
    schema = shipped_schema("metrics.schema.json")
    return [
        gather([parse(path.name, path.read_bytes())], question, shipped_bundle(), schema).encoded
        for path in sorted(folder.iterdir())
    ]


@pytest.fixture
def many() -> Iterator[WasmEvaluator]:
    evaluator = WasmEvaluator(shipped_bundle(), cache=None)
    yield evaluator
    evaluator.close()


def function(shape: str) -> tuple[wasmtime.Store, wasmtime.Func]:
    engine = wasmtime.Engine()
    store = wasmtime.Store(engine)
    module = wasmtime.Module(engine, SHAPE.format(shape))
    exported = wasmtime.Instance(store, module, []).exports(store)["opa_eval"]
    assert isinstance(exported, wasmtime.Func)
    return store, exported


def test_many_documents_are_answered_as_by_the_public_call(
    many: WasmEvaluator, inputs: list[bytes]
) -> None:
    few = WasmEvaluator(shipped_bundle(), cache=None, few=True)
    try:
        answers = [many.answer("promotion", document) for document in inputs]
        assert answers == [few.answer("promotion", document) for document in inputs]
    finally:
        few.close()
    assert many._instance is not None
    assert many._instance._direct is not None, "this wasmtime is not among those tried"


def test_a_call_that_answers_otherwise_is_not_used_again(
    many: WasmEvaluator, inputs: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths: list[int] = []

    def lies(*_: object) -> object:
        def call(*numbers: int) -> int:
            lengths.append(numbers[4])
            return numbers[3]  # where the document is, which is no answer

        return call

    monkeypatch.setattr(wasm, "direct_call", lies)
    first = many.answer("promotion", inputs[0])
    again = many.answer("promotion", inputs[0])
    assert first == again
    assert lengths == [len(inputs[0])]


def test_a_policy_that_aborts_says_so_by_either_call(many: WasmEvaluator) -> None:
    for _ in range(2):
        with pytest.raises(PolicyError, match="memory"):
            many.answer("promotion", b'{"metrics":"' + b"x" * (80 << 20) + b'"}')


def test_only_a_function_of_seven_numbers_is_called_directly() -> None:
    version = f"{TRIED[0]}0.1"
    direct = direct_call(*function(SEVEN), version)
    assert direct is not None
    assert direct(0, 0, 0, 0, 0, 0, 0) == 3
    for shape in (
        "(result i32)",
        "(param i64 i32 i32 i32 i32 i32 i32) (result i32)",
        SEVEN.replace(" i32)", ")", 1),
        SEVEN.replace("(param", "(param i32"),
    ):
        assert direct_call(*function(shape), version) is None


def test_a_version_that_was_not_tried_is_called_publicly() -> None:
    assert direct_call(*function(SEVEN), "49.0.0") is None
    assert direct_call(*function(SEVEN), "") is None


def test_this_version_is_among_those_tried() -> None:
    installed = Path(wasmtime.__file__).parents[1].glob("wasmtime-*.dist-info")
    assert all(path.name.removeprefix("wasmtime-").startswith(TRIED) for path in installed)
