"""What is computed from counts: calibration, bias ratio, fairness, consent, budgets. Pure.

Sources of evidence enter to measure, budgets to add up (``amounts``, ``budget_book``).

What is measured is a function of one mergeable table of whole numbers (:mod:`.counts`), so that
chunks, processes and machines that add their tables up get the same metric, bit for bit.
"""
