"""Where things of this repository are, for tests wherever they stand."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
DATA = Path(__file__).parent / "data"
MODULES = sorted(
    module
    for module in (ROOT / "engine").rglob("*.py")
    if "_data" not in module.relative_to(ROOT).parts
)
"""The engine's own; what a wheel has in `_data` are examples, programs of their own."""
