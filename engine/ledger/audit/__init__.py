"""Whether a ledger is whole: entries, tree, chain, checkpoints and index against each other.

``Ledger.verify`` enters by ``audit``. The entries are walked in parts, in several processes where
that pays (``workers``), and each row of the index is held against its entry. Nothing is written.
"""
