"""How entries are appended: built, signed, committed together, and only then acknowledged.

The order: ``group`` collects what waits, ``batch`` builds entries and tree, the store commits,
``signed_heads`` keeps the signed head. ``Ledger`` alone appends by it. Others enter for two values:
a ledger's first entry (``created``: opening, finding and verifying a ledger) and the heads that
were kept (``signed_heads``: opening and verifying one, a folder's settings, ``engine doctor``).
"""
