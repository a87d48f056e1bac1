"""Where things of this repository are, for tests wherever they stand."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
DATA = Path(__file__).parent / "data"
