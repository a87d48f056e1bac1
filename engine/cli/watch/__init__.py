"""``engine watch``, in the order of a run.

``verb`` reads flags and ``plan`` the configuration; ``lock`` keeps other watchers off the ledger.
Each cycle of ``loop`` reads the sources (``measurement``), decides and records by
:mod:`engine.lifecycle`, prints (``reporter``), runs the hooks (``performer``), and checks what was
recorded against the specs (``conformance``).
"""
