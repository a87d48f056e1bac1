"""Every call by which a verb changes a file is failed once, and what the verb then says is held
against what is there. ``python -m tests.system.faults`` runs it; ``make soak`` runs all of it.
"""
