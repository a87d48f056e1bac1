"""Policies: bundles of Rego and data, and who evaluates them.

Enter by ``bundle`` for the policies that are in use, by ``evaluators`` for what evaluates them;
each has the protocol of ``evaluator``. ``sources`` and ``build`` make a bundle, ``overlay`` merges
a caller's own data into it, ``annotations`` and ``manifest`` say what its gates and checks are,
``tables`` reads its numbers, ``testing`` runs its tests.
"""
