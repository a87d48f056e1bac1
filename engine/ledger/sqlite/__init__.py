"""The store of a ledger in one SQLite file in WAL mode.

``engine.ledger.open`` enters by ``store``, and by ``address`` for the file that a URL names. Every
write and every checkpoint of the log happens under one lock of ``locking``, which ``engine watch``
uses for itself, too; readers open read-only.
"""
