"""Write what is derived from specs and policies; ``--check`` compares.

``tla/Limits.tla`` is what policy and code say, ``tla/README.md`` maps each promise of
``spec/invariants.md`` to its property, the mutants that kill it, and the code it binds.
``docs/policies.md`` has the vocabulary of the shipped policies' METADATA.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from engine.errors import GovernanceError  # noqa: E402
from engine.policy.bundle import shipped_bundle, shipped_folder  # noqa: E402
from engine.specs import limits, manifest, promises  # noqa: E402
from tools.policy_vocabulary import page_with  # noqa: E402

TLA = ROOT / "tla"
POLICIES = ROOT / "docs" / "policies.md"
INVARIANTS = ROOT / "spec" / "invariants.md"


def derived() -> dict[Path, str]:
    """Return each derived file's text, by its path.

    Raises:
        GovernanceError: A row or a spec is wrong.
    """
    bundle = shipped_bundle()
    table = bundle.data["limits"][limits.PROFILE]
    promised = dict(re.findall(r"^## (\S+)\n(.+)$", INVARIANTS.read_text(), re.MULTILINE))
    return {
        TLA / f"{limits.MODULE}.tla": limits.text(TLA, limits.PROFILE, table),
        TLA / "README.md": promises.page(TLA, manifest.read(TLA), promised),
        POLICIES: page_with(POLICIES.read_text(), shipped_folder("policies"), bundle),
    }


def main(argv: list[str]) -> int:
    """Write or compare; 1 when a file is not what it should be."""
    checks = argv == ["--check"]
    if argv and not checks:
        print("usage: spec_docs.py [--check]", file=sys.stderr)
        return 2
    stale = []
    try:
        for path, text in derived().items():
            if path.is_file() and path.read_text() == text:
                continue
            if checks:
                stale.append(path.relative_to(ROOT))
            else:
                path.write_text(text)
                print(f"wrote {path.relative_to(ROOT)}")
    except GovernanceError as error:
        print(error, file=sys.stderr)
        return 1
    for path in stale:
        print(f"{path}: not what the specs and limits give; run tools/spec_docs.py")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
