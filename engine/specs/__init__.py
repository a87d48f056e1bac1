"""The specs of ``tla/``: which runs of TLC prove them, and whether each still gives its result.

Keeps the manifest of runs with their expected results. The command line (``engine spec``) and
``tools/spec_docs.py`` enter; programs at work need :mod:`engine.specs.conform` alone. The order:
``manifest`` (which runs), ``source`` (what the specs define), ``complete`` (what no run proves),
``config`` (a run's .cfg, constants from ``limits``), ``checking`` (runs TLC and compares),
``matrix`` and ``promises`` (tables of the results).
"""
