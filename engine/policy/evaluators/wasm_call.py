"""``opa_eval``, called without finding out each time what its arguments are.

The package's public call asks for the function's type and turns every argument into a value
and back, which takes a quarter of an evaluation. This one uses wasmtime's C function
``wasmtime_func_call_unchecked`` through the package's own declarations of it. Those are not part
of its public interface, so it is used for versions it was tried with, for many documents, and
once it gave the same bytes as the public call.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import wasmtime

TRIED = ("50.",)
"""Versions of wasmtime that the declarations used here were tried with."""
_ARITY = 7

Call: TypeAlias = Callable[[int, int, int, int, int, int, int], int]


def direct_call(store: wasmtime.Store, function: wasmtime.Func, version: str) -> Call | None:
    """Return ``function`` as a quick call; None where only the public one will do.

    Args:
        store: The function's store.
        function: ``opa_eval`` of a module that may not be OPA's.
        version: Installed version of wasmtime.
    """
    import wasmtime

    i32 = wasmtime.ValType.i32()
    kind = function.type(store)
    if not version.startswith(TRIED) or kind.params != [i32] * _ARITY or kind.results != [i32]:
        return None
    try:
        return _direct(store, function)
    except (ImportError, AttributeError):
        return None


def _direct(store: wasmtime.Store, function: wasmtime.Func) -> Call:
    from wasmtime import WasmtimeError
    from wasmtime._bindings import wasmtime_func_call_unchecked, wasmtime_val_raw_t
    from wasmtime._func import enter_wasm

    values = (wasmtime_val_raw_t * _ARITY)()
    first, context, target = values[0], store._context(), ctypes.byref(function._func)
    slots = list(values)

    def call(*arguments: int) -> int:
        for slot, argument in zip(slots, arguments, strict=True):
            slot.i32 = argument
        with enter_wasm(store) as trap:
            error = wasmtime_func_call_unchecked(context, target, values, _ARITY, trap)
            if error:
                raise WasmtimeError._from_ptr(error)
        answer: int = first.i32
        return answer

    return call
