"""Consent: who is covered at an instant, and records that are not as they should be."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.errors import ConfigError, DocumentError
from engine.evidence.sources import SourceRequest, source_of
from engine.evidence.sources.records import line_of_row
from engine.model import Json
from engine.settings.table import Table

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HEADER = "subject,purpose,decision,issued,expiry,withdrawal,notice_version"
COVERED = "s,scoring,granted,2026-01-01T00:00:00Z,,,"


def read(folder: Path, lines: list[str], **more: Json) -> dict[str, Json]:
    (folder / "consent.csv").write_text("\n".join([HEADER, *lines]) + "\n", encoding="utf-8")
    return read_metrics(folder, "consent.csv", **more)


def read_metrics(folder: Path, path: str, **more: Json) -> dict[str, Json]:
    members = {"kind": "consent", "path": path, "purpose": "scoring", **more}
    table = Table("gather.toml", "", members)
    found = source_of(table).read(SourceRequest(table, folder, NOW))
    table.finish()
    metric: dict[str, Json] = found.metrics["ethics.consent"]
    return metric


def reasons(metric: dict[str, Json]) -> dict[str, int]:
    found: dict[str, int] = metric["computed"].get("excluded", {})
    return found


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (COVERED, None),
        ("s,scoring,granted,2026-11-20T12:00:00Z,,,", None),
        ("s,scoring,granted,2026-11-20T12:00:01Z,,,", "not_yet_issued"),
        ("s,scoring,granted,2026-01-01T00:00:00Z,2026-11-20T12:00:01Z,,", None),
        ("s,scoring,granted,2026-01-01T00:00:00Z,2026-11-20T12:00:00Z,,", "expired"),
        ("s,scoring,granted,2026-01-01T00:00:00Z,2026-11-20T13:00:00+01:00,,", "expired"),
        ("s,scoring,granted,2026-01-01T00:00:00Z,,2026-11-20T12:00:00Z,", "withdrawn"),
        ("s,scoring,granted,2026-01-01T00:00:00Z,,2026-11-20T12:00:01Z,", None),
        ("s,scoring,refused,2026-01-01T00:00:00Z,,,", "refused"),
        ("s,Scoring,granted,2026-01-01T00:00:00Z,,,", "other_purpose"),
        ("s,scoring ,granted,2026-01-01T00:00:00Z,,,", "other_purpose"),
        ("s,credit scoring,granted,2026-01-01T00:00:00Z,,,", "other_purpose"),
    ],
)
def test_intervals_are_half_open_and_purposes_exact(
    tmp_path: Path, line: str, reason: str | None
) -> None:
    metric = read(tmp_path, [line])
    assert (metric["value"], metric["status"], metric["n"]) == (reason is None, "ok", 1)
    assert reasons(metric) == ({} if reason is None else {reason: 1})


def test_no_record_is_not_everybody(tmp_path: Path) -> None:
    metric = read(tmp_path, [])
    assert (metric["value"], metric["status"]) == (None, "insufficient_data")


def test_who_is_used_without_a_record_is_not_covered(tmp_path: Path) -> None:
    (tmp_path / "used.csv").write_text("id,p\ns,0.5\nt,0.1\ns,0.2\n")
    used = {"path": "used.csv", "column": "id"}
    metric = read(tmp_path, [COVERED, COVERED.replace("s,", "elsewhere,", 1)], subjects=used)
    assert (metric["value"], metric["n"]) == (False, 2)
    assert reasons(metric) == {"no_record": 1}
    assert metric["computed"]["reference"]["coverage"] == 0.5


def test_the_newest_record_decides_in_whatever_order(tmp_path: Path) -> None:
    lines = [
        COVERED,
        "s,scoring,refused,2026-05-01T00:00:00Z,,,",
        "t,scoring,refused,2026-01-01T00:00:00Z,,,",
        "t,scoring,granted,2026-05-01T00:00:00Z,,,",
        "t,other,refused,2026-09-01T00:00:00Z,,,",
        "u,scoring,granted,2026-05-01T00:00:00Z,,,",
        "u,scoring,refused,2026-05-01T00:00:00Z,,,",
        "v,scoring,granted,2027-05-01T00:00:00Z,,,",
        "v,other,granted,2026-05-01T00:00:00Z,,,",
        "w,scoring,granted,2026-05-01T00:00:00Z,,,",
        "w,scoring,refused,2027-05-01T00:00:00Z,,,",
    ]
    for seed in range(20):
        random.Random(seed).shuffle(lines)  # noqa: S311
        metric = read(tmp_path, lines)
        assert reasons(metric) == {"refused": 2, "not_yet_issued": 1}
        assert metric["n"] == 5


def test_notices_and_flags_that_are_required(tmp_path: Path) -> None:
    notice = read(
        tmp_path, [COVERED + "2025-01", "t" + COVERED[1:] + "2026-01"], notices=["2026-01"]
    )
    assert reasons(notice) == {"other_notice": 1}
    flagged = [
        {"subject": name, "purpose": "scoring", "decision": "granted",
         "issued": "2026-01-01T00:00:00Z", "adult": adult}
        for name, adult in (("a", True), ("b", False), ("c", "yes"))
    ]  # fmt: skip
    (tmp_path / "c.jsonl").write_text("".join(json.dumps(line) + "\n" for line in flagged))
    assert reasons(read_metrics(tmp_path, "c.jsonl", required=["adult"])) == {"flag_not_set": 1}
    with pytest.raises(ConfigError, match="no column 'adlt'"):
        read_metrics(tmp_path, "c.jsonl", required=["adlt"])


def test_nobodys_name_is_told(tmp_path: Path) -> None:
    metric = read(tmp_path, ["jane.doe@example.com" + COVERED[1:]])
    assert "jane" not in json.dumps(metric)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("s,scoring,granted,2026-01-01,,,", "3:19: issued '2026-01-01' is no time"),
        ("s,scoring,granted,2026-01-01T00:00:00,,,", "3:19: issued '2026-01-01T00:00:00' is no"),
        ("s,scoring,granted,,,,", "3:19: issued is missing"),
        ("s,scoring,granted,2026-02-30T00:00:00Z,,,", "3:19: issued '2026-02-30T00:00:00Z' is"),
        ('"s, t",scoring,granted,2026-01-01T00:00:00Z,soon,,', "3:45: expiry 'soon' is no time"),
        ('"a ""b"", c\nd",scoring,grant,2026-01-01T00:00:00Z,,,', "4:12: decision 'grant' is not"),
        ("s,scoring,grant,2026-01-01T00:00:00Z,,,", "3:11: decision 'grant' is not known"),
        ("s,scoring,,2026-01-01T00:00:00Z,,,", "3:11: decision is missing"),
        (",scoring,granted,2026-01-01T00:00:00Z,,,", "3:1: subject is missing"),
        ("s,scoring,granted", "3: 3 cells where the header has 7"),
        ('s,"scoring,granted,,,,', "3: unexpected end of data"),
    ],
)
def test_a_record_that_cannot_be_read_is_named_with_line_and_column(
    tmp_path: Path, line: str, reason: str
) -> None:
    with pytest.raises(DocumentError) as refused:
        read(tmp_path, [COVERED, line])
    assert f"consent.csv:{reason}" in str(refused.value)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ('{"subject": "s", "issued": "soon", "purpose": "scoring"', "2:28: issued 'soon' is no"),
        ('{"subject": 1.5, "issued": "2026-01-01T00:00:00Z", "purpose": "p"', "2:13: subject is"),
        ('{"issued": "2026-01-01T00:00:00Z", "purpose": "p"', "2: subject is missing"),
    ],
)
def test_a_line_of_json_is_named_with_the_column_of_its_value(
    tmp_path: Path, record: str, reason: str
) -> None:
    end = ', "decision": "granted"}\n'
    whole = '{"subject": 1, "purpose": "p", "issued": "2026-01-01T00:00:00Z"'
    (tmp_path / "c.jsonl").write_text(f"{whole}{end}{record}{end}")
    with pytest.raises(DocumentError) as refused:
        read_metrics(tmp_path, "c.jsonl")
    assert f"c.jsonl:{reason}" in str(refused.value)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty: no header"),
        (b"\xff\xfe", "is not written in UTF-8"),
        (b"subject,subject,purpose,decision,issued\n", "'subject' is there twice"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, data: bytes, reason: str) -> None:
    (tmp_path / "c.csv").write_bytes(data)
    with pytest.raises((DocumentError, ConfigError), match=reason):
        read_metrics(tmp_path, "c.csv")


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ('{"subject": 1, "subject": 2}', "1:16: "),
        ("[]", "1: "),
        ("{", "1:2: "),
        ('{"subject": NaN}', "1:13: "),
    ],
)
def test_a_line_that_is_no_record_is_named(tmp_path: Path, line: str, place: str) -> None:
    (tmp_path / "c.jsonl").write_text(line + "\n")
    with pytest.raises(DocumentError, match=rf"c\.jsonl:{place}"):
        read_metrics(tmp_path, "c.jsonl")


@pytest.mark.parametrize(
    ("name", "text", "places"),
    [
        ("a.csv", 'a,b\n1,2\n\n3,"4\n5"\n,\n6,7\n', [2, 4, 6, 7, 0]),
        ("b.csv", "a\n1\n\n3\n", [2, 3, 4, 0]),
        ("c.jsonl", '{"a": 1}\n\n{"a": 2}\n', [1, 3, 0]),
    ],
)
def test_a_row_is_on_the_line_that_duckdb_counts_it_on(
    tmp_path: Path, name: str, text: str, places: list[int]
) -> None:
    (tmp_path / name).write_text(text)
    found = [line_of_row(tmp_path / name, row, ",") for row in range(1, len(places) + 1)]
    assert found == places
