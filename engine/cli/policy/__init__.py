"""``engine policy``: start, test, compile, list, show and compare policies.

``verb`` has the table of the actions, ``comparison`` the two that look at rows of data.
"""
