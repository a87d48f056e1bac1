"""Budgets: money as a transaction. Reserve before a call, settle or release after it.

A ``request`` becomes a ``question`` to gate ``spend``, a ``reservation`` asks it inside the
ledger's transaction, and ``transitions`` change the books: pure, one per action of the spec.
``tracker`` is the only one who writes; its docstring has the rules. ``client`` is the door of
programs. ``spending`` (with ``forecast`` and ``invoices``) and ``entries`` add the signed entries
up anew, by no code of the tracker's; ``verify`` compares that sum with the tracker's state.
"""
