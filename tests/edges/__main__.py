"""Runs cases, and prints how each that ends badly ended.

``python -m tests.edges [--in FOLDER] [TEXT | =NAME]…`` runs those whose names hold one of the
texts, or are one of the names; without any it runs all.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.edges.cases import every
from tests.edges.running import remove, run
from tests.edges.world import build

parser = argparse.ArgumentParser(prog="python -m tests.edges", allow_abbrev=False)
parser.add_argument("--in", dest="folder", type=Path)
parser.add_argument("asked", nargs="*")
given = parser.parse_args()
names = {text[1:] for text in given.asked if text.startswith("=")}
texts = [text for text in given.asked if not text.startswith("=")]
chosen = [
    case
    for case in every()
    if not given.asked or case.name in names or any(text in case.name for text in texts)
]
top = given.folder or Path(tempfile.mkdtemp())
world = build(top.resolve())
bad = 0
for case in chosen:
    ending = run(case, world)
    if found := ending.complaints(case):
        bad += 1
        argv = [word[:60] for word in case.argv]
        print(f"{case.name}: {'; '.join(found)}\n    {argv}\n    {ending.err[:600]!r}", flush=True)
for verb, number in sorted(Counter(case.verb for case in chosen).items()):
    print(f"  {verb:<12} {number:>5}")
print(f"{len(chosen)} cases, {bad} end badly")
if given.folder is None:
    remove(top)
sys.exit(bad > 0)
