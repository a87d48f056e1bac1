"""What is computed from counts: calibration, bias ratio, fairness, consent. Pure.

Everything here is a function of one mergeable table of whole numbers (:mod:`.counts`), so that
chunks, processes and machines that add their tables up get the same metric, bit for bit.
"""
