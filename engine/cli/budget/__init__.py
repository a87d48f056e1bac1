"""What the actions of ``engine budget`` do: one module each.

``verb`` has the table of the actions and imports the one that was typed. Actions that write open
``tracker``; those that look back read ``spending`` from the ledger's entries. Sums and rules are
in :mod:`engine.calls.budget`: here are flags, output and exit codes.
"""
