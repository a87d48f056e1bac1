"""Whether a ledger is whole: entries, tree, chain, checkpoints and index against each other.

``Ledger.verify`` enters by ``audit``; who signs, by ``tail``, for what no checkpoint covers yet;
who opens or reads a ledger, by ``history``. The entries are walked in parts (``walk``), in several
processes where that pays (``workers``): each row of the index is held against its entry, and each
document against what the entry signs (``blobs``). ``across_parts`` has what no part shows by
itself. Nothing is written.
"""
