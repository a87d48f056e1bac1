"""Whether bad evidence or weakened policies get through the policies in use: they must not.

``engine selftest`` enters by ``run``, which makes ``bad_evidence`` and ``bad_policies`` and judges
them as every decision is judged. Nothing is recorded.
"""
