"""Broken and hostile inputs, arguments and targets, each with the exit code that it must have.

:mod:`.case` says what a case is, :mod:`.world` what lies in the folder that it is called in,
:mod:`.running` runs it in a process of its own, and every other module yields cases. The code of a
case follows from the kind of its mutation; it is never learned from the engine.
``python -m tests.edges TEXT…`` runs those whose names hold one of the texts.
"""
