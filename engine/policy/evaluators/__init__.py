"""OPA, in process as Wasm or as a server that is held against it.

Enter by :data:`EVALUATORS`: a new evaluator is one file here and one line in it. ``answer`` checks
that an answer is whole, for both alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.policy.bundle import PolicyBundle
    from engine.policy.evaluator import Evaluator, EvaluatorOptions


def _wasm(bundle: PolicyBundle, options: EvaluatorOptions) -> Evaluator:
    from engine.policy.evaluators.wasm import WasmEvaluator

    return WasmEvaluator(
        bundle,
        cache=options.cache,
        time_limit_s=options.time_limit_s,
        memory_limit_bytes=options.memory_limit_bytes,
        few=options.few,
        expendable=options.expendable,
    )


def _server(bundle: PolicyBundle, options: EvaluatorOptions) -> Evaluator:
    """The server, every answer of it held against the embedded one."""
    from engine.policy.evaluators.server import CheckedEvaluator, ServerEvaluator

    server = ServerEvaluator(
        options.url,
        bundle,
        deadline_s=options.deadline_s,
        token=options.token,
        ca_file=options.ca_file,
    )
    return CheckedEvaluator(server, _wasm(bundle, options))


EVALUATORS: Mapping[str, Callable[[PolicyBundle, EvaluatorOptions], Evaluator]] = {
    "wasm": _wasm,
    "server": _server,
}
"""Evaluators by the word that the record uses."""
