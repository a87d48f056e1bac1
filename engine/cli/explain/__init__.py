"""``engine explain``: what a check, a decision or everything that the gates ask means.

``verb`` reads the call, ``reference`` writes all checks and limits of the policies in use.
"""
