"""Writes the data of this example: python examples/gather/generate.py

Nobody in it exists. The model is calibrated and treats three regions alike; of 300 customers
every one has agreed to scoring, some of them after having refused before.
"""

from __future__ import annotations

import csv
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

FOLDER = Path(__file__).parent
SEED, ROWS, CUSTOMERS = 21, 40_000, 300
REGIONS = ("coast", "hills", "plain")


def predictions(chance: random.Random) -> dict[str, list[Any]]:
    """Columns of scored applications: paid back or not, score, offered or not, region."""
    score = [round(chance.betavariate(2.2, 1.8), 2) for _ in range(ROWS)]
    return {
        "y": [int(chance.random() < each) for each in score],
        "p": score,
        "yhat": [int(each >= 0.5) for each in score],
        "g": [REGIONS[at % len(REGIONS)] for at in range(ROWS)],
    }


def consents(chance: random.Random) -> list[dict[str, str]]:
    """Records of who agreed to what, since when, on seeing which notice."""
    records = []
    for at in range(CUSTOMERS):
        subject = f"customer-{at:03}"
        seen = {"subject": subject, "purpose": "credit scoring", "notice_version": "2026-01"}
        if chance.random() < 0.1:
            records.append({**seen, "decision": "refused", "issued": "2026-01-15T09:00:00Z"})
        records.append({**seen, "decision": "granted", "issued": "2026-03-01T09:00:00Z"})
    return records


def main() -> None:
    """Write the three files."""
    chance = random.Random(SEED)  # noqa: S311  (no secret)
    table = pa.table(predictions(chance))
    pyarrow.parquet.write_table(table, FOLDER / "predictions.parquet", compression="zstd")
    fields = ["subject", "purpose", "decision", "issued", "expiry", "withdrawal", "notice_version"]
    with (FOLDER / "consent.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fields, lineterminator="\n")
        writer.writeheader()
        writer.writerows(consents(chance))
    names = [f"customer-{at:03}" for at in range(CUSTOMERS)]
    (FOLDER / "customers.csv").write_text("\n".join(["id", *names]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
