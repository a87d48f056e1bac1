"""``engine policy``: start, test, compile, list, show and compare policies.

``verb`` has the table of the actions, ``starting`` the one that writes a new domain,
``comparison`` the two that look at rows of data.
"""
