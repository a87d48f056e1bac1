"""Checking the specs: every run of TLC with what it must say, and that nothing is left unproved.

``manifest`` says what is run, ``config`` derives a run's .cfg, ``source`` reads what the specs
define, ``complete`` what has no run that proves it, ``checking`` runs it all.
"""
