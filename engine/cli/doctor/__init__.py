"""``engine doctor``: examines what a decision needs, and changes nothing.

``verb`` has the table of the examinations and runs them in order: ``installation`` is what was
installed, ``custody`` what is the user's own (key, ledger, head, disk). Each yields ``findings``.
"""
