from __future__ import annotations

import json
import os
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import wasmtime

from engine.errors import PolicyError, UsageError
from engine.policy.build import compile_policies
from engine.policy.bundle import PolicyBundle
from engine.policy.evaluator import EvaluatorOptions
from engine.policy.evaluators import EVALUATORS
from engine.policy.evaluators.wasm import WasmEvaluator
from engine.policy.sources import sha256
from tests.forking import forking
from tests.policy.toys import BOMB, HAY, LOOP, toy, toy_rego, toy_that


@pytest.fixture(scope="module")
def bundle(opa: Path) -> PolicyBundle:
    return compile_policies(toy(), opa)


def document(ece: object, **more: object) -> bytes:
    return json.dumps({"metrics": {"toy.ece": {"value": ece}}, **more}).encode()


def verdict(evaluator: WasmEvaluator, ece: object, **more: object) -> Any:
    return json.loads(evaluator.evaluate("promotion", document(ece, **more)))["verdict"]


def evaluate(bundle: PolicyBundle) -> bytes:
    return WasmEvaluator(bundle, cache=None).evaluate("promotion", b"{}")


def bundle_with(bundle: PolicyBundle, **files: bytes) -> PolicyBundle:
    """``bundle`` with another module or other data, and a manifest that names them."""
    manifest = json.loads(bundle.manifest)
    given = {"policy.wasm": files.get("wasm"), "data.json": files.get("data")}
    kept = {
        name: content if content is not None else bundle.file(name)
        for name, content in given.items()
    }
    manifest["files"] = {name: sha256(content) for name, content in kept.items()}
    return PolicyBundle(json.dumps(manifest).encode(), kept.__getitem__)


def test_the_answer_is_canonical_and_sorted(bundle: PolicyBundle) -> None:
    answer = WasmEvaluator(bundle, cache=None).evaluate("promotion", document(0.5))

    assert answer == (
        b'{"checks":[{"id":"toy.ece","limit":0.01,"observed":0.5,"operator":"<=",'
        b'"severity":"block","status":"fail","waived_by":null},{"id":"toy.owner","limit":"ada",'
        b'"observed":null,"operator":"==","severity":"block","status":"unknown",'
        b'"waived_by":null}],"obligations":[],"verdict":"BLOCK","waivers":[]}'
    )


@contextmanager
def half_a_gibibyte_more() -> Iterator[None]:
    limits = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**29, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


def test_without_room_for_four_gibibytes_it_checks_bounds(
    bundle: PolicyBundle, tmp_path: Path
) -> None:
    """``ulimit -v``, small boards and some containers refuse so much address space."""
    for cache in (tmp_path / "cache", tmp_path / "cache", None):
        evaluator = WasmEvaluator(bundle, cache=cache, memory_limit_bytes=16 * 65_536)
        with half_a_gibibyte_more():
            answers = [verdict(evaluator, ece, padding="x" * 200_000) for ece in (0.5, 0.001, 0.5)]
        assert answers == ["BLOCK", "HOLD", "BLOCK"]

    small = WasmEvaluator(bundle, cache=None, memory_limit_bytes=2 * 65_536)
    refused = pytest.raises(PolicyError, match="needs more than 131,072 bytes of memory")
    with half_a_gibibyte_more(), refused:
        verdict(small, 0.5, padding="x" * 200_000)


def test_the_table_gives_it_by_its_word(bundle: PolicyBundle) -> None:
    evaluator = EVALUATORS["wasm"](bundle, EvaluatorOptions(few=True))

    assert (evaluator.kind, evaluator.opa_version) == ("wasm", bundle.opa_version)
    assert json.loads(evaluator.evaluate("promotion", document(0.5)))["verdict"] == "BLOCK"
    evaluator.close()


def test_one_instance_answers_many_documents_alike(bundle: PolicyBundle) -> None:
    evaluator = WasmEvaluator(bundle, cache=None, memory_limit_bytes=8 * 65_536)
    large = {"padding": "x" * 50_000}

    answers = [verdict(evaluator, 0.5, **large) for _ in range(200)]

    assert answers == ["BLOCK"] * 200  # 10 MB of documents in 512 kB: the heap is reused


def test_an_unknown_gate_is_an_error_that_names_the_nearest(bundle: PolicyBundle) -> None:
    with pytest.raises(UsageError, match="did you mean 'promotion'"):
        WasmEvaluator(bundle, cache=None).evaluate("promotoin", b"{}")


def test_a_policy_that_never_ends_is_cut_off_and_the_next_answer_is_right(opa: Path) -> None:
    """INV-EVAL-3: no document keeps the engine busy for ever, or takes all its memory."""
    evaluator = WasmEvaluator(compile_policies(toy_that(LOOP), opa), cache=None, time_limit_s=0.2)

    for _ in range(2):  # by the public call, then by the direct one
        with pytest.raises(PolicyError, match=r"ran longer than 0\.2 s"):
            verdict(evaluator, 13, **HAY)
        assert verdict(evaluator, 0.5, **HAY) == "BLOCK"

    assert verdict(evaluator, 0.5, **HAY) == "BLOCK"


def test_a_policy_that_takes_all_memory_is_stopped_and_the_next_answer_is_right(
    opa: Path,
) -> None:
    evaluator = WasmEvaluator(compile_policies(toy_that(BOMB), opa), cache=None)

    for _ in range(2):  # by the public call, then by the direct one
        with pytest.raises(PolicyError, match="needs more than 67,108,864 bytes of memory"):
            verdict(evaluator, 13)
        assert verdict(evaluator, 0.5) == "BLOCK"


def test_a_document_larger_than_the_memory_is_refused(bundle: PolicyBundle) -> None:
    evaluator = WasmEvaluator(bundle, cache=None, memory_limit_bytes=16 * 65_536)

    with pytest.raises(PolicyError, match="needs more than 1,048,576 bytes"):
        verdict(evaluator, 0.5, padding="x" * 1_100_000)

    assert verdict(evaluator, 0.5) == "BLOCK"


def test_data_larger_than_the_memory_is_refused(bundle: PolicyBundle) -> None:
    evaluator = WasmEvaluator(bundle, cache=None, memory_limit_bytes=2 * 65_536)

    with pytest.raises(PolicyError, match="needs more than"):
        verdict(evaluator, 0.5)


def test_the_time_limit_holds_after_close_and_reuse(opa: Path) -> None:
    evaluator = WasmEvaluator(compile_policies(toy_that(LOOP), opa), cache=None, time_limit_s=0.2)
    assert verdict(evaluator, 0.5) == "BLOCK"
    evaluator.close()

    with pytest.raises(PolicyError, match="ran longer"):
        verdict(evaluator, 13, **HAY)


def test_closing_ends_the_watching_thread(bundle: PolicyBundle) -> None:
    before = set(threading.enumerate())
    evaluator = WasmEvaluator(bundle, cache=None, time_limit_s=0.2)
    verdict(evaluator, 0.5)
    started = set(threading.enumerate()) - before

    evaluator.close()

    assert len(started) == 1
    for thread in started:
        thread.join(5)
        assert not thread.is_alive()


@forking
def test_the_time_limit_holds_in_a_forked_process(opa: Path) -> None:
    evaluator = WasmEvaluator(compile_policies(toy_that(LOOP), opa), cache=None, time_limit_s=0.2)
    evaluator._instantiate()  # compiled before the fork, as worker processes do it
    child = os.fork()
    if child == 0:
        try:
            verdict(evaluator, 13, **HAY)
        except PolicyError:
            os._exit(42)
        finally:
            os._exit(1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 42


_ENTRYPOINTS = '{"promotion/decision": 0}'


def module(
    bundle: PolicyBundle,
    *,
    builtins: str = "{}",
    entrypoints: str = _ENTRYPOINTS,
    answer: str = "[]",
    more: str = "",
) -> PolicyBundle:
    """``bundle`` with a module by nobody, which says what is given when it is asked."""
    texts = [text.replace('"', '\\"') for text in (builtins, entrypoints, answer)]
    data = [f'(data (i32.const {1024 * n}) "{text}\\00")' for n, text in enumerate(texts, 1)]
    wasm = wasmtime.wat2wasm(
        f"""
        (module
          (import "env" "memory" (memory 2))
          {more}
          {" ".join(data)}
          (func (export "builtins") (result i32) i32.const 1024)
          (func (export "entrypoints") (result i32) i32.const 2048)
          (func (export "opa_json_dump") (param i32) (result i32) local.get 0)
          (func (export "opa_json_parse") (param i32 i32) (result i32) local.get 0)
          (func (export "opa_malloc") (param i32) (result i32) i32.const 8192)
          (func (export "opa_heap_ptr_get") (result i32) i32.const 65536)
          (func (export "opa_eval") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
            i32.const 3072))
        """
    )
    return bundle_with(bundle, wasm=bytes(wasm))


def test_a_module_that_needs_its_host_is_refused_at_load(bundle: PolicyBundle) -> None:
    """INV-EVAL-2: whoever built it, a module that could only fail when called is not run."""
    with pytest.raises(PolicyError, match=r"needs built-ins of its host: time\.now_ns"):
        evaluate(module(bundle, builtins='{"time.now_ns": 0}'))


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"builtins": "["}, "is no JSON"),
        ({"builtins": "1"}, "not iterable"),
        ({"entrypoints": "1"}, "not iterable"),
        ({"entrypoints": "{}"}, "has no entrypoint"),
        ({"entrypoints": '["promotion/decision"]'}, "indices must be integers"),
        ({"entrypoints": '{"promotion/decision": "x"}'}, "x"),
        ({"entrypoints": '{"promotion/decision": 1e30}'}, "expected an integer"),
        ({"answer": "[]"}, "is undefined"),
        ({"answer": "{}"}, "is undefined"),
        ({"answer": "1"}, "is undefined"),
        ({"answer": "["}, "is no JSON"),
        ({"answer": "[{}]"}, "is undefined"),
        ({"answer": '[{"result": 1}, {"result": 1}]'}, "is undefined"),
        ({"answer": '[{"result": 1}]'}, "is no object"),
        ({"answer": "[" * 900}, "is no JSON"),
    ],
)
def test_a_module_that_answers_nonsense_is_refused(
    bundle: PolicyBundle, given: dict[str, str], reason: str
) -> None:
    """A proof brings its own module: not every module is OPA's."""
    with pytest.raises(PolicyError, match=reason):
        evaluate(module(bundle, **given))


def test_a_module_with_a_memory_of_its_own_is_refused(bundle: PolicyBundle) -> None:
    """Else the memory limit would be for the memory that it does not use."""
    with pytest.raises(PolicyError, match=r"policy\.wasm: .*memor"):
        evaluate(module(bundle, more="(memory $own 1)"))


def test_a_module_whose_start_never_ends_is_cut_off(bundle: PolicyBundle) -> None:
    endless = module(bundle, more="(func $s (loop br 0)) (start $s)")

    with pytest.raises(PolicyError, match="ran longer"):
        WasmEvaluator(endless, cache=None, time_limit_s=0.2).evaluate("promotion", b"{}")


def test_an_import_that_opa_does_not_know_is_refused(bundle: PolicyBundle) -> None:
    renamed = module(bundle).wasm.replace(b"memory", b"meMory", 1)

    with pytest.raises(PolicyError, match=r"policy\.wasm: .*meMory"):
        evaluate(bundle_with(bundle, wasm=renamed))


@pytest.mark.parametrize("wasm", [b"", b"\0asm", b"not wasm at all"])
def test_a_module_that_is_none_is_refused(bundle: PolicyBundle, wasm: bytes) -> None:
    with pytest.raises(PolicyError, match=r"policy\.wasm: "):
        evaluate(bundle_with(bundle, wasm=wasm))


def test_data_that_is_no_json_is_refused(bundle: PolicyBundle) -> None:
    with pytest.raises(PolicyError, match=r"data\.json is no JSON"):
        evaluate(bundle_with(bundle, data=b"{"))


def test_a_bundle_whose_module_is_another_gates_is_refused(opa: Path, bundle: PolicyBundle) -> None:
    renamed = toy_rego("package promotion", "package other")
    other = compile_policies(renamed, opa)

    with pytest.raises(PolicyError, match="has no entrypoint 'promotion/decision'"):
        evaluate(bundle_with(bundle, wasm=other.wasm))


def test_an_answer_without_all_checks_is_refused(opa: Path, bundle: PolicyBundle) -> None:
    """INV-GATE-1: the module may be OPA's own; what it leaves out is still missed."""
    text = toy()["promotion/promotion.rego"].content.decode()
    first, _owner, rest = text.partition("# METADATA\n# title: Owner")
    shorter = first + "# METADATA\n" + rest.partition("# METADATA\n")[2]
    other = compile_policies(toy({**_ONE_ROW, "promotion/promotion.rego": shorter}), opa)

    with pytest.raises(PolicyError, match=r"is incomplete: toy\.owner missing"):
        evaluate(bundle_with(bundle, wasm=other.wasm))


_ONE_ROW: dict[str, str | None] = {
    "limits/default/data.yaml": "description: One.\nrelaxations_allowed: []\n"
    "decision_ttl_s: 1\nhold_ttl_s: 1\n"
    "checks:\n  toy.ece: {limit: 0.01, severity: block, max_age_s: 1}\n",
    "limits/loose/data.yaml": None,
}


def test_a_compiled_module_is_taken_from_the_cache(
    bundle: PolicyBundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    verdict(WasmEvaluator(bundle, cache=cache), 0.5)
    (kept,) = cache.iterdir()
    assert kept.name.startswith(bundle.wasm_digest)
    monkeypatch.setattr(PolicyBundle, "wasm", property(lambda _self: b"not to be compiled"))

    assert verdict(WasmEvaluator(bundle, cache=cache), 0.5) == "BLOCK"


def test_a_flipped_byte_in_the_cache_is_compiled_again(
    bundle: PolicyBundle, tmp_path: Path
) -> None:
    verdict(WasmEvaluator(bundle, cache=tmp_path / "cache"), 0.5)
    (kept,) = (tmp_path / "cache").iterdir()
    intact = kept.read_bytes()
    kept.write_bytes(intact[:-100] + bytes([intact[-100] ^ 1]) + intact[-99:])

    assert verdict(WasmEvaluator(bundle, cache=tmp_path / "cache"), 0.5) == "BLOCK"

    assert kept.read_bytes() == intact


def test_a_module_of_another_wasmtime_in_the_cache_is_compiled_again(
    bundle: PolicyBundle, tmp_path: Path
) -> None:
    from engine.policy.evaluators.module_cache import ModuleCache

    verdict(WasmEvaluator(bundle, cache=tmp_path), 0.5)  # pytest's folders have mode 0700
    (kept,) = tmp_path.iterdir()
    ModuleCache(tmp_path).keep(kept.stem, b"native code of another engine")

    assert verdict(WasmEvaluator(bundle, cache=tmp_path), 0.5) == "BLOCK"


def test_a_cache_that_others_can_write_is_neither_read_nor_written(
    bundle: PolicyBundle, tmp_path: Path
) -> None:
    tmp_path.chmod(0o777)

    assert verdict(WasmEvaluator(bundle, cache=tmp_path), 0.5) == "BLOCK"

    assert list(tmp_path.iterdir()) == []
