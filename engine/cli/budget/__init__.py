"""What the actions of ``engine budget`` do: one module each.

``verb`` has the table of the actions and imports the one that was typed. Actions that write open
the tracker by ``opened``; those that look back read the entries by ``recorded``. Sums and rules
are in :mod:`engine.calls.budget`: here are flags, output and exit codes.
"""
