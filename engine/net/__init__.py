"""Where a service is, how it is trusted, and one bounded exchange with it.

The source ``prometheus`` and the effect ``http`` enter. Nothing is taken from the environment: no
proxy, netrc or redirect.
"""
