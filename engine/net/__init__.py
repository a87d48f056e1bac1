"""Where a service is, how it is trusted, and one bounded exchange with it.

Sources and effects enter. Nothing is taken from the environment: no proxy, netrc or redirect.
"""
