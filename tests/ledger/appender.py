"""A writer in a process of its own: appends decisions and says on stdout which are recorded.

    python -m tests.ledger.appender FOLDER FIRST COUNT [--batch N] [--padding N] [--limit BYTES]

One line ``<index> <decision id>`` per decision, written only after ``append`` returned. It
is killed, traced and starved of disk by the tests.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
from contextlib import closing
from pathlib import Path

from engine.errors import GovernanceError
from engine.ledger import Blob
from tests.ledger.scribe import decision, open_at


def _acknowledge(lines: list[str]) -> None:
    data = "".join(f"{line}\n" for line in lines).encode()
    assert os.write(sys.stdout.fileno(), data) == len(data)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("first", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--padding", type=int, default=0)
    parser.add_argument("--limit", type=int, default=0)
    args = parser.parse_args()
    if args.limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (args.limit, resource.RLIM_INFINITY))
    ledger = open_at(args.folder, lock_timeout_s=60)
    try:
        with closing(ledger):
            for at in range(args.first, args.first + args.count, args.batch):
                numbers = range(at, min(at + args.batch, args.first + args.count))
                drafts = [
                    decision(
                        number,
                        f"subject-{number % 3}",
                        padding=args.padding,
                        blobs=(Blob("input", b"%d" % number), Blob("salt", os.urandom(32))),
                    )
                    for number in numbers
                ]
                recorded = ledger.append(drafts)
                _acknowledge(
                    [
                        f"{there.index} {draft.decision_id}"
                        for there, draft in zip(recorded, drafts, strict=True)
                    ]
                )
    except GovernanceError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
