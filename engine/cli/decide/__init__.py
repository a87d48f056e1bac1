"""What ``engine decide`` is made of, in the order of a run.

``verb`` has the flags; ``judge`` reads the files of a decision and asks the gate, in this
process or in ``workers``, which see neither ledger nor key; ``batches`` records, and prints only
what is recorded; ``summary`` counts. ``on_change`` is ``--watch``: the same again, as a dry run.
"""
