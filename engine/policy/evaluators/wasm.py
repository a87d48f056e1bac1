"""The embedded evaluator: OPA's Wasm compilation of the policy, run by wasmtime in process.

Raw JSON bytes in, raw JSON bytes out, one ``opa_eval`` per document; the instance and its
heap are reused, so memory stays flat over many documents. wasmtime's public API, and
:mod:`engine.policy.evaluators.wasm_call` for many documents.

Source: OPA's documentation, "WebAssembly", section "ABI".
"""

from __future__ import annotations

import ctypes
import json
import os
import threading
import weakref
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from engine.errors import PolicyError
from engine.formats import canonical
from engine.model import Json
from engine.policy.evaluator import MEMORY_LIMIT_BYTES, TIME_LIMIT_S
from engine.policy.evaluators.answer import whole_answer
from engine.policy.evaluators.module_cache import ModuleCache
from engine.policy.evaluators.wasm_call import Call, direct_call

if TYPE_CHECKING:
    import wasmtime

    from engine.policy.bundle import PolicyBundle

PAGE_BYTES = 65_536

_PROCESS = os.getpid()
_FORMAT_JSON = 0
_TICKS = 20
_ALIGNMENT = 16
_SMALLEST_PAGES = 2
_KNOWS_SINGLE_PASS = "50."
_TABLE_LIMITS = {"tables": 1, "table_elements": 10_000}
_NONSENSE = (LookupError, ValueError, TypeError, ArithmeticError, RecursionError)
"""What the answers of a module that is not OPA's could lead to."""
_NO_ADDRESS_SPACE = "mmap failed"
_GROWTH_BYTES = 4 * 1024 * 1024
_OUT_OF_MEMORY = ("opa_malloc: failed", "failed to grow memory")


class WasmEvaluator:
    """Evaluates gates of one policy bundle in this process.

    Not thread-safe: one per thread, or per process. It may be made before a fork and used
    after it.

    Args:
        bundle: The policy.
        cache: The user's own cache folder for compiled modules; None keeps nothing. What
            makes a folder trustworthy: :mod:`engine.policy.evaluators.module_cache`.
        time_limit_s: Longest that one evaluation may take; kept to within a twentieth.
        memory_limit_bytes: Most memory that policy, data and document may take together, in
            whole pages of 64 KiB.
        few: Whether only a few documents will follow. Then code that is compiled in half the
            time and runs at half the speed is quicker; used when no compiled module is kept.
        expendable: Whether this process may be ended, by SIGALRM, where an evaluation reaches
            the time limit. Code that need not look at the time runs a fifth faster. Only for a
            process that does nothing else, whose parent knows what to do then; made and used
            by its main thread.
    """

    kind = "wasm"

    def __init__(
        self,
        bundle: PolicyBundle,
        *,
        cache: Path | None,
        time_limit_s: float = TIME_LIMIT_S,
        memory_limit_bytes: int = MEMORY_LIMIT_BYTES,
        few: bool = False,
        expendable: bool = False,
    ) -> None:
        self.opa_version = bundle.opa_version
        self._bundle = bundle
        self._cache = None if cache is None else ModuleCache(cache)
        self._time_limit_s = time_limit_s
        self._memory_pages = memory_limit_bytes // PAGE_BYTES
        self._few = few
        self._expendable = expendable
        self._checks_bounds = False
        self._compiled: tuple[wasmtime.Engine, wasmtime.Module] | None = None
        self._instance: _Instance | None = None
        self._ticker: _Ticker | _Alarm | None = None

    def evaluate(self, gate: str, document: bytes) -> bytes:
        """Return :meth:`answer` as canonical JSON."""
        return canonical.encode(self.answer(gate, document))

    def answer(self, gate: str, document: bytes) -> dict[str, Json]:
        """Return the gate's decision on ``document``.

        Args:
            gate: Name of a gate of the bundle.
            document: JSON that was parsed strictly before: OPA reads malformed JSON as an
                undefined input and answers as if nothing had been given.

        Raises:
            UsageError: No such gate.
            PolicyError: Undefined, not whole, aborted, over the time or the memory limit; or
                the module cannot be run at all.
        """
        info = self._bundle.gate(gate)
        match self._run(info.entrypoint, document):
            case [{"result": result}]:
                return whole_answer(result, info)
        raise PolicyError(f"gate {gate!r} is undefined for this input", "a gate must be total")

    def close(self) -> None:
        """Free the instance and stop the clock that watches it. It may be used again."""
        self._instance = None
        if self._ticker is not None:
            self._ticker.stop()
            self._ticker = None

    def _run(self, entrypoint: str, document: bytes) -> Json:
        """OPA's answer. Any escape leaves no instance behind: it may be inconsistent."""
        import orjson
        import wasmtime

        instance, self._instance = self._instance, None
        try:
            if instance is None:
                instance = self._instantiate()
            answer = orjson.loads(instance.evaluate(entrypoint, document))
        except json.JSONDecodeError:  # that of orjson, too
            raise PolicyError("policy.wasm: its answer is no JSON") from None
        except wasmtime.Trap as trap:
            raise self._worded(trap) from None
        except (wasmtime.WasmtimeError, _Aborted, *_NONSENSE) as error:
            words = (str(error) or type(error).__name__).splitlines()[0]
            if words.startswith(_OUT_OF_MEMORY):
                words = f"needs more than {self._memory_pages * PAGE_BYTES:,} bytes of memory"
            raise PolicyError(f"policy.wasm: {words}") from None
        finally:
            if self._ticker is not None:
                self._ticker.rest()
        self._instance = instance
        return answer

    def _worded(self, trap: wasmtime.Trap) -> PolicyError:
        import wasmtime

        if trap.trap_code is wasmtime.TrapCode.INTERRUPT:
            return PolicyError(
                f"the policy ran longer than {self._time_limit_s:g} s",
                "is the document unusually large, or does a rule enumerate too much?",
            )
        return PolicyError(f"policy.wasm: {trap.message.splitlines()[0]}")

    def _instantiate(self) -> _Instance:
        import wasmtime

        engine, module = self._compiled = self._compiled or self._compile()
        if self._ticker is None:
            self._ticker = (
                _Alarm(self._time_limit_s)
                if self._expendable
                else _Ticker(engine, self._time_limit_s / _TICKS)
            )
            weakref.finalize(self, self._ticker.stop)
        try:
            instance = _Instance(
                engine, module, self._bundle.data_bytes, self._memory_pages, self._ticker
            )
        except wasmtime.WasmtimeError as error:
            if self._checks_bounds or _NO_ADDRESS_SPACE not in str(error):
                raise
            self.close()
            self._checks_bounds, self._compiled = True, None
            return self._instantiate()
        if not self._few:
            instance.hurry()
        return instance

    def _compile(self) -> tuple[wasmtime.Engine, wasmtime.Module]:
        import wasmtime

        guarded = not self._expendable
        quick = self._few and self._cache is None
        engine = _engine(quick=quick, guarded=guarded, checks_bounds=self._checks_bounds)
        kind = ("epoch" if guarded else "plain") + ("-bounds" if self._checks_bounds else "")
        name = f"{self._bundle.wasm_digest}.{_wasmtime_version()}.{kind}"
        if self._cache is not None and (kept := self._cache.load(name)) is not None:
            try:
                return engine, wasmtime.Module.deserialize(engine, kept)
            except wasmtime.WasmtimeError:
                pass  # another processor or another build of wasmtime: compile again
        try:
            module = wasmtime.Module(engine, self._bundle.wasm)
        except wasmtime.WasmtimeError as error:
            raise PolicyError(f"policy.wasm: {str(error).splitlines()[0]}") from None
        if self._cache is not None:
            self._cache.keep(name, bytes(module.serialize()))
        return engine, module


def _engine(*, quick: bool, guarded: bool, checks_bounds: bool) -> wasmtime.Engine:
    """An engine: ``guarded`` code can be cut off; ``quick`` compiles faster and runs slower.

    Code that ``checks_bounds`` itself runs slower and needs no 4 GiB of address space, which
    ``ulimit -v``, small boards and some containers refuse.
    """
    import wasmtime

    config = wasmtime.Config()
    config.epoch_interruption = guarded
    # wasmtime compiles by threads that it starts once, and a fork has none of its parent's: it
    # would wait for them for ever.
    config.parallel_compilation = os.getpid() == _PROCESS
    if checks_bounds:
        config.memory_reservation = 0
        config.memory_reservation_for_growth = _GROWTH_BYTES
        config.memory_guard_size = PAGE_BYTES
    if quick:
        config.cranelift_opt_level = "none"
        # An unknown flag ends the process, so it is given only where it was tried.
        if _wasmtime_version().startswith(_KNOWS_SINGLE_PASS):
            config.cranelift_flag_set("regalloc_algorithm", "single_pass")
    return wasmtime.Engine(config)


def _wasmtime_version() -> str:
    """Version of the installed package; cheaper than asking ``importlib.metadata``."""
    import wasmtime

    installed = Path(wasmtime.__file__).parents[1].glob("wasmtime-*.dist-info")
    return "-".join(sorted(path.name.split("-")[1].removesuffix(".dist") for path in installed))


class _Aborted(Exception):  # noqa: N818  (what the module said; turned into a PolicyError)
    """The policy called ``opa_abort``, or asked for a built-in that only a host could give."""


class _Ticker:
    """Advances an engine's epoch from a daemon thread, so that an evaluation can be cut off."""

    def __init__(self, engine: wasmtime.Engine, interval_s: float) -> None:
        self._engine = engine
        self._interval_s = interval_s
        self._stopped = threading.Event()
        self._process = 0

    def arm(self, store: wasmtime.Store) -> None:
        """Let ``store`` run for the whole time limit from now on."""
        if self._process != os.getpid():  # threads do not survive a fork
            self._process = os.getpid()
            threading.Thread(target=self._tick, name="policy-time-limit", daemon=True).start()
        store.set_epoch_deadline(_TICKS + 1)

    def rest(self) -> None:
        """Nothing: what does not run is not cut off."""

    def stop(self) -> None:
        self._stopped.set()

    def _tick(self) -> None:
        while not self._stopped.wait(self._interval_s):
            self._engine.increment_epoch()


class _Alarm:
    """Has the system end this process when an evaluation takes longer than the time limit."""

    def __init__(self, limit_s: float) -> None:
        import signal

        self._limit_s = limit_s
        self._set = partial(signal.setitimer, signal.ITIMER_REAL)
        # Whatever this process was started with: nothing may catch, ignore or hold it back.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})

    def arm(self, _store: wasmtime.Store) -> None:
        """Let what follows run for the whole time limit from now on."""
        self._set(self._limit_s)

    def rest(self) -> None:
        """What follows may take its time."""
        self._set(0)

    stop = rest


_Numbers: TypeAlias = tuple[int, int, int, int, int, int, int]


class _Instance:
    """One instance of the module with the policy's data in it."""

    def __init__(
        self,
        engine: wasmtime.Engine,
        module: wasmtime.Module,
        data: bytes,
        most_pages: int,
        ticker: _Ticker | _Alarm,
    ) -> None:
        import wasmtime

        self._i32 = wasmtime.Val.i32
        self._direct: Call | None = None
        self._is_same = False
        self._size = self._start = 0
        self._ticker = ticker
        self._store = store = wasmtime.Store(engine)
        # The memory that is handed in does not count: a module brings none of its own.
        store.set_limits(
            memory_size=most_pages * PAGE_BYTES, memories=0, instances=1, **_TABLE_LIMITS
        )
        limits = wasmtime.Limits(_SMALLEST_PAGES, most_pages)
        self._memory = wasmtime.Memory(store, wasmtime.MemoryType(limits))
        ticker.arm(store)
        exports = self._linked(engine, module).exports(store)
        self._functions: dict[str, Any] = {name: exports[name] for name in _EXPORTS}
        if builtins := self._dumped(self._call("builtins")):
            raise _Aborted(f"needs built-ins of its host: {', '.join(sorted(builtins))}")
        self._entrypoints = self._dumped(self._call("entrypoints"))
        address = self._call("opa_malloc", len(data))
        self._write(data, address)
        self._data = self._call("opa_json_parse", address, len(data))
        if self._data == 0:
            raise _Aborted("data.json is no JSON")
        self._heap = _aligned(self._call("opa_heap_ptr_get"))

    def hurry(self) -> None:
        """Evaluate by the direct call from now on, where it can be had and gives the same."""
        self._direct = direct_call(self._store, self._functions["opa_eval"], _wasmtime_version())

    def evaluate(self, entrypoint: str, document: bytes) -> bytes:
        """Return ``[{"result": …}]``; ``[]`` when the entrypoint is undefined."""
        if entrypoint not in self._entrypoints:
            raise _Aborted(f"has no entrypoint {entrypoint!r}")
        end = _aligned(self._heap + len(document))
        self._reserve(end + PAGE_BYTES)
        heap, data = self._heap, self._data
        number = self._entrypoints[entrypoint]
        numbers = (0, number, data, heap, len(document), end, _FORMAT_JSON)
        if self._direct is None or not self._is_same:
            answer = self._text(self._evaluated(document, self._public, numbers))
            if self._direct is not None:
                again = self._text(self._evaluated(document, self._direct, numbers))
                self._direct, self._is_same = (
                    (self._direct, True) if again == answer else (None, False)
                )
            return answer
        return self._text(self._evaluated(document, self._direct, numbers))

    def _evaluated(self, document: bytes, call: Call, numbers: _Numbers) -> int:
        self._write(document, self._heap)
        self._ticker.arm(self._store)
        return call(*numbers)

    def _public(self, *numbers: int) -> int:
        # Numbers that are values already save the call from finding out what each of them is.
        return self._call("opa_eval", *map(self._i32, numbers))

    def _linked(self, engine: wasmtime.Engine, module: wasmtime.Module) -> wasmtime.Instance:
        import wasmtime

        i32 = wasmtime.ValType.i32()
        linker = wasmtime.Linker(engine)
        linker.define(self._store, "env", "memory", self._memory)

        def provide(name: str, parameters: int, results: int, function: Any) -> None:
            signature = wasmtime.FuncType([i32] * parameters, [i32] * results)
            linker.define(self._store, "env", name, wasmtime.Func(self._store, signature, function))

        provide("opa_abort", 1, 0, self._abort)
        provide("opa_println", 1, 0, _nothing)
        for arity in range(5):
            provide(f"opa_builtin{arity}", arity + 2, 1, _no_builtin)
        return linker.instantiate(self._store, module)

    def _abort(self, address: int) -> None:
        raise _Aborted(self._text(address).decode(errors="replace"))

    def _call(self, name: str, *arguments: Any) -> int:
        result: int = self._functions[name](self._store, *arguments)
        return result

    def _dumped(self, address: int) -> dict[str, int]:
        value: dict[str, int] = json.loads(self._text(self._call("opa_json_dump", address)))
        return value

    def _reserve(self, end: int) -> None:
        missing = end - self._memory.data_len(self._store)
        if missing > 0:
            self._memory.grow(self._store, -(-missing // PAGE_BYTES))

    def _base(self, size: int) -> int:
        """Where the memory, now of ``size`` bytes, is in this process; it moves only to grow."""
        if size != self._size:
            pointer = ctypes.cast(self._memory.data_ptr(self._store), ctypes.c_void_p)
            self._size, self._start = size, pointer.value or 0
        return self._start

    def _write(self, data: bytes, address: int) -> None:
        size = self._memory.data_len(self._store)
        if not 0 <= address <= size - len(data):
            raise _Aborted("no room for the document")
        ctypes.memmove(self._base(size) + address, data, len(data))

    def _text(self, address: int) -> bytes:
        """The NUL-terminated bytes at ``address``."""
        whole = self._memory.data_len(self._store)
        room = whole - address
        size = 8192
        while room > 0 and address >= 0:
            chunk = ctypes.string_at(self._base(whole) + address, min(size, room))
            end = chunk.find(0)
            if end >= 0:
                return chunk[:end]
            if size >= room:
                break
            size *= 4
        raise _Aborted("text without an end")


_EXPORTS = (
    *("builtins", "entrypoints", "opa_eval", "opa_heap_ptr_get"),
    *("opa_json_dump", "opa_json_parse", "opa_malloc"),
)


def _aligned(address: int) -> int:
    return (address + _ALIGNMENT - 1) & -_ALIGNMENT


def _nothing(_address: int) -> None:
    """``print`` in a policy goes nowhere: the answer is all that a policy says."""


def _no_builtin(number: int, *_: int) -> int:
    raise _Aborted(f"built-in {number} needs the host")
