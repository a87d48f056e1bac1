"""``engine explain``: what a check, a decision or all checks of the gates mean.

``verb`` reads the call, ``reference`` writes all checks and limits of the policies in use.
"""
