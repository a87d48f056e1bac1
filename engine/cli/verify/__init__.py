"""What ``engine verify`` is made of.

``verb`` has the flags and prints; ``expectations`` reads a ``verify.toml``, the consumer's own list
of what a proof must be. The verification itself is :mod:`engine.proof`, which reads no file.
Nothing that decides or records is imported: ``pyproject.toml`` has the contract.
"""
