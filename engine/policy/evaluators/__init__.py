"""OPA, in process as Wasm or as a server that is held against it.

:data:`engine.policy.EVALUATORS` enters. ``answer`` checks that an answer is whole, for both alike.
"""
