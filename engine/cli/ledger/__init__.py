"""``engine ledger``: look into a ledger, verify it, import what runs decided.

``verb`` reads the call, ``tables`` writes the entries as tables for SQL.
"""
