"""Ledgers against specs: the state graphs that TLC dumped, and what a ledger did in them.

Nothing here runs TLC: a graph was made and compared when the specs were checked
(``engine.specs``), and ships with the engine.
"""
