"""The bare loops that reading a ledger is measured by. No check is left to leave out.

``python ledger_loop.py hash DB`` reads every entry of a ledger and hashes it as the ledger does:
leaf and chain. ``python ledger_loop.py signatures DB PEM`` opens every envelope and verifies its
one signature. Both print how many entries there were. Run as a script: it imports nothing that
its loop does not need.
"""

import sqlite3
import sys
from collections.abc import Callable, Iterator

GENESIS = bytes(32)


def rows(path: str, columns: str) -> Iterator[tuple[bytes, ...]]:
    """Yield the rows of the ledger at ``path``, in order, straight from SQLite."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    return connection.execute(f"SELECT {columns} FROM entry ORDER BY leaf_index")  # noqa: S608


def hash_all(path: str) -> int:
    """Hash every entry into its leaf and into the chain; compare with what is stored."""
    from hashlib import sha256

    chain, count = GENESIS, 0
    for body, stored_leaf, stored_chain in rows(path, "body, leaf, chain"):
        leaf = sha256(b"\x00" + body).digest()
        chain = sha256(chain + leaf).digest()
        if leaf != stored_leaf or chain != stored_chain:
            sys.exit(f"entry {count} does not hold")
        count += 1
    return count


def verify_all(path: str, pem: str) -> int:
    """Verify the signature of every entry."""
    import json
    from base64 import b64decode
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    key = load_pem_public_key(Path(pem).read_bytes())
    if not isinstance(key, Ed25519PublicKey):
        sys.exit(f"{pem}: not an Ed25519 key")
    count = 0
    for (body,) in rows(path, "body"):
        envelope = json.loads(body)
        kind, payload = envelope["payloadType"].encode(), b64decode(envelope["payload"])
        signature = b64decode(envelope["signatures"][0]["sig"])
        key.verify(signature, b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload))
        count += 1
    return count


LOOPS: dict[str, Callable[..., int]] = {
    "hash": hash_all,
    "signatures": verify_all,
}

if __name__ == "__main__":
    what, *paths = sys.argv[1:]
    print(LOOPS[what](*paths))
