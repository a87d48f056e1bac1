"""How entries are appended: built, signed, committed together, and only then acknowledged.

The order: ``group`` collects what waits, ``batch`` builds entries and tree, the store commits,
``signed_heads`` keeps the signed head beside the key. ``Ledger`` enters; nobody else.
"""
