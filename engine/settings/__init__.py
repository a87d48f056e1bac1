"""Settings and TOML tables: each value with where it came from, each error with file and line.

The command line enters by ``config``; what reads a configuration of its own enters by ``table``.
"""
