"""Side-by-side benchmarks: the engine against ``opa exec`` and ``conftest``, as ratios."""
