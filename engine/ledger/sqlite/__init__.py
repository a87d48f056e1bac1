"""The store of a ledger in one SQLite file in WAL mode.

``engine.ledger.open`` enters by ``store``. Every write and every checkpoint of the log happens
under one lock of ``locking``; readers open read-only.
"""
