"""The verifier can be audited, installed and run by itself."""

from __future__ import annotations

import doctest
import subprocess
import sys

import engine.proof
from tests.repository import DATA

ALONE = """
import sys

NEEDED = {"cryptography", "orjson", "rfc8785", "cffi", "_cffi_backend", "engine"}

class Nothing:
    '''Finds nothing but the standard library, the engine and the three packages it needs.'''

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in NEEDED | sys.stdlib_module_names:
            raise ModuleNotFoundError(f"{name} is not to be imported", name=name)

sys.meta_path.insert(0, Nothing())
from pathlib import Path

from engine.proof.keys import load_public_pem
from engine.proof.verify import verify

data = Path(sys.argv[1])
key = load_public_pem((data / "proof-v1.pub.pem").read_bytes())
print(verify((data / "proof-v1.json").read_bytes(), [key]).verdict)
rooms = {name.split(".")[1] for name in sys.modules if name.startswith("engine.")}
print(*sorted(rooms))
"""


def test_a_proof_is_verified_with_three_packages_and_four_rooms() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", ALONE, DATA], capture_output=True, text=True, check=True
    )
    verdict, rooms = ran.stdout.splitlines()
    assert verdict == "PROMOTE"
    assert set(rooms.split()) == {"errors", "exit_codes", "formats", "model", "proof"}


def test_the_example_of_the_rooms_text_runs() -> None:
    given = {
        "proof": (DATA / "proof-v1.json").read_bytes(),
        "public_pem": (DATA / "proof-v1.pub.pem").read_bytes(),
    }
    outcome = doctest.testmod(engine.proof, extraglobs=given)
    assert (outcome.attempted, outcome.failed) == (5, 0)
