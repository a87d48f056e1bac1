"""``engine gather`` as a person runs it: what it writes, and what it says of bad input."""

from __future__ import annotations

import gzip
import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from engine.evidence.gather import GatheredEvidence
from engine.evidence.sources import Evidence
from engine.evidence.sources.counting import FLAWS
from engine.metrics.reasons import IN_WORDS
from engine.model import Json
from tests.cli.conftest import Answer, Engine
from tests.repository import ROOT

HEAD = 'subject = {name = "scoring-model", version = "2.4.1"}\n'
SOURCE = """\
[[source]]
kind = "predictions"
path = "predictions.csv"
columns = {label = "y", score = "p", prediction = "yhat", group = "g"}
ece = {bins = 15, strategy = "equal_width", min_n = 1000}
groups = {min_n = 30}
"""
CONFIG = HEAD + SOURCE


def fair(n: int = 4_000, **groups: float) -> list[str]:
    """Lines of a calibrated, even-handed model; ``groups`` says whose predictions are flipped."""
    chance = np.random.default_rng(0)
    lines = ["y,p,yhat,g"]
    for p, g in zip(chance.uniform(0, 1, n), chance.choice(["a", "b"], n), strict=True):
        guess = int(p > 0.5) if chance.random() > groups.get(str(g), 0) else 0
        lines.append(f"{int(chance.random() < p)},{float(p)!r},{guess},{g}")
    return lines


def write(lines: list[str], name: str = "predictions.csv") -> None:
    Path(name).write_text("\n".join(lines) + "\n", encoding="utf-8")


def gathered(engine: Engine, config: str = CONFIG) -> Answer:
    Path("gather.toml").write_text(config, encoding="utf-8")
    return engine("gather", "gather.toml", "-o", "metrics.json")


def metrics(answer: Answer) -> dict[str, Json]:
    assert (answer.code, answer.out) == (0, ""), answer.err
    found: dict[str, Json] = json.loads(Path("metrics.json").read_text())["metrics"]
    return found


def status(found: dict[str, Json]) -> dict[str, str]:
    return {name.removeprefix("ethics."): metric["status"] for name, metric in found.items()}


def verdicts(engine: Engine) -> dict[str, str]:
    """What the ethics gate says of ``metrics.json``, check by check."""
    engine("keys", "init")
    answer = engine("decide", "metrics.json", "--gate", "ethics", "--format", "json")
    assert answer.code in (0, 1, 5), answer.err
    return {check["id"].removeprefix("ethics."): check["status"] for check in answer.json["checks"]}


# What it writes.


def test_rows_become_a_metrics_file_that_is_decided_on_as_it_is(engine: Engine) -> None:
    write(fair(60_000))
    found = metrics(gathered(engine))
    assert status(found) == dict.fromkeys(("ece", "rho_bias", "fairness"), "ok")
    ece = found["ethics.ece"]
    assert ece["n"] == 60_000
    assert ece["source"] == "predictions.csv"
    assert len(ece["computed"]["source_sha256"]) == 64
    assert ece["computed"]["method"] == "ece/1"
    assert found["ethics.rho_bias"]["computed"]["groups"].keys() == {"a", "b"}
    assert verdicts(engine)["ece"] == "pass"


def test_a_model_that_treats_groups_differently_is_blocked(engine: Engine) -> None:
    write(fair(20_000, b=0.4))
    metrics(gathered(engine))
    found = verdicts(engine)
    assert (found["rho_bias"], found["fairness"]) == ("fail", "fail")


def test_it_writes_to_standard_output_too_and_the_same_again(engine: Engine) -> None:
    write(fair())
    Path("gather.toml").write_text(CONFIG)
    first = engine("gather", "gather.toml", "--now", "2026-11-20T12:00:00Z")
    assert first.code == 0
    assert first.json["observed_at"] == "2026-11-20T12:00:00Z"
    again = engine("gather", "-", "--now", "2026-11-20T13:00:00+01:00", stdin=CONFIG.encode())
    assert again.out == first.out


def test_the_sql_is_printed_and_nothing_is_counted(engine: Engine) -> None:
    write(fair())
    Path("gather.toml").write_text(CONFIG)
    answer = engine("gather", "gather.toml", "--sql")
    assert answer.code == 0
    assert "GROUP BY group_name, bin, hit, label, prediction, flaw" in answer.out
    assert not Path("metrics.json").exists()


def test_the_subjects_digest_may_be_the_artifacts(engine: Engine) -> None:
    write(fair())
    Path("model.bin").write_bytes(b"model")
    head = 'subject = {name = "m", artifact = "model.bin"}\n'
    metrics(gathered(engine, head + SOURCE))
    document = json.loads(Path("metrics.json").read_text())
    assert document["subject"]["digest"]["sha256"].startswith("9372c470eeadd5ec")


def test_what_was_there_stays_when_something_is_wrong(engine: Engine) -> None:
    Path("metrics.json").write_text("before")
    answer = gathered(engine)
    assert answer.code == 2
    assert Path("metrics.json").read_text() == "before"


# The configuration.


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("groups = {min_n", "group = {min_n", "gather.toml:7: key 'group': is not known here\n  did you mean 'groups'?"),
        ("{min_n = 30}", "{min_m = 30}", "gather.toml:7: key 'groups.min_m': is not known here\n  did you mean 'min_n'?"),
        ('"predictions"', '"prediction"', "gather.toml:3: key 'kind': 'prediction' is not a kind of source\n  did you mean 'predictions'?"),
        ('"predictions.csv"', '"prediction.csv"', "gather.toml:4: key 'path': no file 'prediction.csv'\n  did you mean 'predictions.csv'?"),
        ('"predictions.csv"', '"*.parquet"', "gather.toml:4: key 'path': no file '*.parquet'"),
        ('"predictions.csv"', '"gather.toml"', "files that end in '.toml' are not read"),
        ('"equal_width"', '"equal_with"', "gather.toml:6: key 'ece.strategy': 'equal_with' is not one of"),
        ("bins = 15", "bins = 0", "key 'ece.bins': '0' where a whole number from 1 to 100 is expected"),
        ("bins = 15", "bins = true", "key 'ece.bins': true where a whole number"),
        ('score = "p"', 'score = "prob"', "has no column 'prob'\n  known: g, p, y, yhat"),
        ('label = "y"', 'label = "yhatt"', "has no column 'yhatt'\n  did you mean 'yhat'?"),
        ('label = "y"', 'lable = "y"', "gather.toml:5: key 'columns.lable': is not known here\n  did you mean 'label'?"),
        ('kind = "predictions"\n', "", "gather.toml:2: key 'kind': is missing"),
        ("[[source]]", "[[sources]]", "no [[source]] table\n  add what is to be measured: did you mean 'sources'?"),
        ("[[source]]", "[[source]", "gather.toml:2:9: "),
        ("subject = {name", "subject = {nam", "gather.toml:1: key 'subject.name': is missing"),
        ("subject =", "subjekt =", "gather.toml:1: key 'subject': is missing\n  did you mean 'subjekt'?"),
        ("groups = {", "threshold = 0.5\ngroups = {", "key 'threshold': makes predictions of scores"),
        ("groups = {", 'positive = "1"\ngroups = {', "key 'positive': needs 'negative' beside it"),
        ("groups = {", 'observed_at = "yesterday"\ngroups = {', "key 'observed_at': 'yesterday' where a time"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_configuration_is_named_with_its_place(
    engine: Engine, old: str, new: str, message: str
) -> None:
    write(fair(100))
    assert old in CONFIG
    answer = gathered(engine, CONFIG.replace(old, new))
    assert answer.code == 2
    assert message in answer.err
    assert not Path("metrics.json").exists()


def test_a_metric_of_two_sources_is_refused(engine: Engine) -> None:
    write(fair(100))
    answer = gathered(engine, CONFIG + "\n" + SOURCE)
    assert answer.code == 2
    assert (
        "gather.toml:10: key 'kind': metric 'ethics.ece' is measured by the source at line 2, too"
        in answer.err
    )


@pytest.mark.parametrize("config", [b"\xff", b"", b"x" * 2_000_000])
def test_what_is_no_configuration_is_refused(engine: Engine, config: bytes) -> None:
    Path("gather.toml").write_bytes(config)
    answer = engine("gather", "gather.toml", "-o", "metrics.json")
    assert answer.code == 2
    assert "Traceback" not in answer.err


# Rows that are not as they should be: a status, or an error with its place, and never a pass.


def changed(at: int, **cells: str) -> list[str]:
    """Fair rows of which one is changed."""
    lines = fair()
    row = dict(zip(lines[0].split(","), lines[at].split(","), strict=True)) | cells
    return [*lines[:at], ",".join(row.values()), *lines[at + 1 :]]


@pytest.mark.parametrize(
    ("cells", "flaw"),
    [
        ({"p": "NaN"}, "score_nan"),
        ({"p": "inf"}, "score_infinite"),
        ({"p": "-inf"}, "score_infinite"),
        ({"p": "1.0000001"}, "score_out_of_range"),
        ({"p": "-0.001"}, "score_out_of_range"),
        ({"p": "None"}, "score_not_a_number"),
        ({"p": ""}, "score_missing"),
        ({"y": ""}, "label_missing"),
        ({"y": "yes"}, "label_unknown"),
        ({"y": "2"}, "label_unknown"),
        ({"y": "0.5"}, "label_unknown"),
        ({"y": "nan"}, "label_unknown"),
        ({"yhat": "approve"}, "prediction_unknown"),
        ({"yhat": ""}, "prediction_missing"),
        ({"g": ""}, "group_missing"),
        *(
            ({"g": spelling}, "group_missing")
            for spelling in ("NaN", "NA", "n/a", " null ", "None", "<NA>", "#N/A", "NaT", "nil")
        ),
    ],
)
def test_a_row_that_cannot_be_used_makes_the_value_invalid(
    engine: Engine, cells: dict[str, str], flaw: str
) -> None:
    """INV-GATHER-2: evidence does not get better by losing rows."""
    write(changed(17, **cells))
    answer = gathered(engine)
    found = metrics(answer)
    for metric in found.values():
        assert (metric["status"], metric["value"], "ci" in metric) == ("invalid_input", None, False)
        assert metric["computed"]["excluded"][flaw] == 1
    assert f"1 of 4,000 rows cannot be used: 1 {IN_WORDS[flaw]}" in answer.err
    (column, value), (role, _, _) = next(iter(cells.items())), flaw.partition("_")
    shown = role if flaw.endswith("_missing") else f"{role} {value!r}"
    assert {"y": "label", "p": "score", "yhat": "prediction", "g": "group"}[column] == role
    assert f"  predictions.csv:18: {shown} {FLAWS[flaw].reason}: {FLAWS[flaw].fix}" in answer.err
    assert set(verdicts(engine).values()) <= {"unknown", "off"}


def test_a_row_is_named_by_its_line_whatever_lines_are_above_it(engine: Engine) -> None:
    """An empty line is no row, and a quoted cell may have several lines."""
    rows = ["1,0.5,1,a,", "", '0,0.5,0,b,"two', 'lines"', "", "maybe,0.5,1,a,", "1,1.5,1,a,"]
    write(["y,p,yhat,g,note", *rows])

    answer = gathered(engine)

    assert "  predictions.csv:7: label 'maybe' is no class: write 0 or 1, or say" in answer.err
    assert "  predictions.csv:8: score '1.5' is outside of 0 to 1: give a prob" in answer.err


def test_a_score_that_is_a_structure_is_no_number(engine: Engine) -> None:
    parquet({"y": [0], "p": [{"a": 0.5}], "yhat": [1], "g": ["a"]})
    answer = gathered(engine, CONFIG.replace(".csv", ".parquet"))
    assert set(status(metrics(answer)).values()) == {"invalid_input"}
    assert "predictions.parquet: row 1: score" in answer.err
    assert "1 with a score that is no number" in answer.err


def test_labels_as_text_are_no_labels(engine: Engine) -> None:
    lines = fair()
    write([lines[0], *(("yes" if line[0] == "1" else "no") + line[1:] for line in lines[1:])])
    answer = gathered(engine)
    assert set(status(metrics(answer)).values()) == {"invalid_input"}
    assert "4,000 with a label that is no class" in answer.err
    assert "predictions.csv:2: label 'no' is no class, the first of 4,000 rows: " in answer.err


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["y,p,yhat,g"], {"ece": "insufficient_data", "rho_bias": "insufficient_data", "fairness": "insufficient_data"}),
        (fair()[:2], {"ece": "insufficient_data", "rho_bias": "insufficient_data", "fairness": "insufficient_data"}),
        (fair(999), {"ece": "insufficient_data", "rho_bias": "ok", "fairness": "ok"}),
        ([line.replace(",b", ",a") for line in fair()], {"ece": "ok", "rho_bias": "insufficient_data", "fairness": "insufficient_data"}),
        ([fair()[0], *("1" + line[1:] for line in fair()[1:])], {"ece": "ok", "rho_bias": "ok", "fairness": "insufficient_data"}),
        ([line.replace(",1,", ",0,") for line in fair()], {"ece": "ok", "rho_bias": "undefined", "fairness": "ok"}),
    ],
    ids=["no row", "one row", "few rows", "one group", "one label", "nobody selected"],
)  # fmt: skip
def test_too_little_is_said_to_be_too_little(
    engine: Engine, lines: list[str], expected: dict[str, str]
) -> None:
    write(lines)
    found = metrics(gathered(engine))
    assert status(found) == expected
    for metric in found.values():
        assert (metric["value"] is None) == (metric["status"] != "ok")
    statuses = verdicts(engine)
    assert all(
        statuses[name] != "pass"
        for name, expected_status in expected.items()
        if expected_status != "ok"
    )


def parquet(data: dict[str, Json], name: str = "predictions.parquet") -> None:
    pyarrow.parquet.write_table(pa.table(data), name)


def truncated() -> None:
    parquet({"y": [0, 1] * 900, "p": [0.5, 0.6] * 900, "yhat": [0, 1] * 900, "g": ["a", "b"] * 900})
    data = Path("predictions.parquet").read_bytes()
    Path("predictions.parquet").write_bytes(data[: len(data) // 2])


def doubled() -> None:
    columns = [pa.array([0, 1]), pa.array([0.5, 0.6]), pa.array([0.1, 0.2]), pa.array(["a", "b"])]
    table = pa.Table.from_arrays([*columns, pa.array([0, 1])], ["y", "p", "p", "g", "yhat"])
    pyarrow.parquet.write_table(table, "predictions.parquet")


def damaged() -> None:
    """An Arrow file with an offset that leads out of it: following it would end the process."""
    data = {"y": [0, 1] * 9, "p": [0.5, 0.6] * 9, "yhat": [0, 1] * 9, "g": ["a", "b"] * 9}
    pyarrow.feather.write_feather(pa.table(data), "predictions.arrow", compression="uncompressed")
    content = Path("predictions.arrow").read_bytes()
    offsets = struct.pack("<4i", 0, 1, 2, 3)
    assert content.count(offsets) == 1
    content = content.replace(offsets, struct.pack("<4i", 0, 1, 2**30, 3))
    Path("predictions.arrow").write_bytes(content)


def mixed() -> None:
    Path("mixed").mkdir()
    write(["y,p"], "mixed/a.csv")
    write(["{}"], "mixed/a.jsonl")


BROKEN: list[tuple[str, Callable[[], object], str]] = [
    ("predictions.csv", lambda: Path("predictions.csv").write_bytes(b""), "predictions.csv:1:1: is empty: no header"),
    ("predictions.csv", lambda: write(["y,p,p,yhat,g", "1,0.5,0.6,1,a"]), "column 'p' 2 times"),
    ("predictions.csv", lambda: write(["y,p,P,yhat,g", "1,0.5,0.6,1,a"]), "column 'p' 2 times: p, P"),
    ("predictions.csv", lambda: write(["y,p,yhat,g", "1,0.5,1,a", "1,0.5"]), "predictions.csv:3: cannot be read as csv"),
    ("predictions.csv", lambda: write(["y,p,yhat,g", "1,0.5,1,a,b,c,d"]), "predictions.csv:2: cannot be read as csv"),
    ("predictions.csv", lambda: write(['y,p,yhat,g', '1,0.5,1,"a']), "cannot be read as csv"),
    ("predictions.csv", lambda: Path("predictions.csv").write_bytes("y,p,yhat,g\n1,0.5,1,é\n".encode("latin-1")), "predictions.csv:2: cannot be read as csv: is not written in UTF-8"),
    ("predictions.csv", lambda: Path("predictions.csv").write_bytes("y,p,yhat,g\n1,0.5,1,a\n".encode("utf-16")), "cannot be read as csv: is not written in UTF-8"),
    ("predictions.csv", lambda: Path("predictions.csv").write_bytes(gzip.compress(b"0" * 10_000_000)), "cannot be read as csv"),
    ("predictions.csv.gz", lambda: Path("predictions.csv.gz").write_bytes(gzip.compress(b"0" * 10_000_000)), "files that end in '.gz' are not read\n  unpack it"),
    ("predictions.csv", lambda: Path("predictions.csv").write_bytes(b"y,p,yhat,g\n" + b"0" * 5_000_000), "cannot be read as csv"),
    ("predictions.parquet", lambda: Path("predictions.parquet").write_bytes(b""), "predictions.parquet: cannot be read as parquet"),
    ("predictions.parquet", truncated, "cannot be read as parquet"),
    ("predictions.parquet", doubled, "column 'p' 2 times"),
    ("predictions.parquet", lambda: parquet({"y": [1], "p": [0.5], "yhat": [1]}), "has no column 'g'"),
    ("predictions.jsonl", lambda: write(['{"y": 1, "p": 0.5, "p": 0.9, "yhat": 1, "g": "a"}'], "predictions.jsonl"), "predictions.jsonl:1: a line has a key twice"),
    ("predictions.jsonl", lambda: write(['{"y": 1, "p": 0.5, "yhat": 1, "g": "a"}', "[1]"], "predictions.jsonl"), "predictions.jsonl:2: a line is no object"),
    ("predictions.jsonl", lambda: write(['{"y": 1, "p": 0.5, "yhat": 1, "g": "a"}', '{"y": 1,'], "predictions.jsonl"), "cannot be read as jsonl: Malformed JSON"),
    ("predictions.jsonl", lambda: write(['{"y": 1, "p": 0.5, "g": "a"}'], "predictions.jsonl"), "has no column 'yhat'"),
    ("predictions.jsonl", lambda: Path("predictions.jsonl").write_bytes(b'{"y": 1, "p": 0.5, "yhat": 1, "g": "\xe9"}\n'), "cannot be read as jsonl"),
    ("predictions.arrow", lambda: Path("predictions.arrow").write_bytes(b"ARROW1\0\0nothing"), "cannot be read as arrow"),
    ("predictions.arrow", damaged, "cannot be read as arrow: "),
    ("nowhere", lambda: Path("nowhere").mkdir(), "no *.csv"),
    ("mixed", mixed, "files of several formats"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "make", "message"), BROKEN, ids=[case[2][:40] for case in BROKEN])
def test_a_file_that_cannot_be_read_is_an_error_with_its_place(
    engine: Engine, path: str, make: Callable[[], object], message: str
) -> None:
    make()
    answer = gathered(engine, CONFIG.replace("predictions.csv", path))
    assert answer.code == 2, answer.err
    assert message in answer.err
    assert "Traceback" not in answer.err
    assert not Path("metrics.json").exists()


def test_mixed_types_in_json_lines_are_looked_at_row_by_row(engine: Engine) -> None:
    rows = ['{"y": 1, "p": 0.5, "yhat": true, "g": 1}', '{"y": "1", "p": "high", "yhat": 0, "g": "1"}',
            '{"y": null, "p": NaN, "yhat": 0, "g": "1"}']  # fmt: skip
    write(rows, "predictions.jsonl")
    answer = gathered(engine, CONFIG.replace(".csv", ".jsonl"))
    if answer.code == 0:
        assert set(status(metrics(answer)).values()) == {"invalid_input"}
        assert "predictions.jsonl:2: score 'high' is no number: " in answer.err
    else:
        assert "predictions.jsonl" in answer.err


def test_a_parquet_of_more_rows_than_are_meant_is_not_read(engine: Engine) -> None:
    size = 2_000_000
    parquet({"y": pa.array(np.zeros(size)), "p": pa.array(np.zeros(size)), "yhat": pa.array(np.zeros(size)), "g": pa.array(np.zeros(size))})  # fmt: skip
    assert Path("predictions.parquet").stat().st_size < size / 20
    config = CONFIG.replace(".csv", ".parquet") + "max_rows = 1000000\n"
    answer = gathered(engine, config)
    assert answer.code == 2
    assert "says it holds 2,000,000 rows, more than 1,000,000" in answer.err


def test_a_group_column_that_is_an_id_is_refused(engine: Engine) -> None:
    lines = fair(300)
    write([lines[0], *(f"{line}{at}" for at, line in enumerate(lines[1:]))])
    answer = gathered(engine)
    assert answer.code == 2
    assert "holds 300 groups; at most 200 are compared" in answer.err


def test_without_duckdb_it_says_what_to_install(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    write(fair(100))
    monkeypatch.setitem(sys.modules, "duckdb", None)
    answer = gathered(engine)
    assert answer.code == 2
    assert "pip install '.[data]'" in answer.err


# The shipped example.

EXAMPLE = ROOT / "examples" / "gather"


def test_the_shipped_example_is_gathered_and_promoted(engine: Engine) -> None:
    answer = engine("gather", str(EXAMPLE / "gather.toml"), "-o", "metrics.json")
    assert (answer.code, answer.err) == (
        0,
        "read predictions.parquet; n 40,000; 3 groups; left out: nothing; gave ethics.ece, "
        "ethics.fairness, ethics.rho_bias\n"
        "read consent.csv; n 300; left out: nothing; gave ethics.consent\n"
        "4 metrics written to metrics.json\n",
    )
    assert set(status(metrics(answer)).values()) == {"ok"}
    engine("keys", "init")
    artifact = ("--artifact", str(EXAMPLE / "model.json"))
    decided = engine("decide", "metrics.json", "--gate", "ethics", *artifact)
    assert decided.code == 0, decided.out


def test_the_examples_data_is_what_its_script_writes(tmp_path: Path) -> None:
    import importlib.util
    import random

    spec = importlib.util.spec_from_file_location("generate", EXAMPLE / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    chance = random.Random(script.SEED)  # noqa: S311
    written = pyarrow.parquet.read_table(EXAMPLE / "predictions.parquet").to_pydict()
    assert written == script.predictions(chance)
    lines = (EXAMPLE / "consent.csv").read_text().splitlines()
    assert len(lines) == 1 + len(script.consents(chance))


def test_the_report_is_one_page_beside_the_metrics(engine: Engine) -> None:
    write(fair())
    Path("gather.toml").write_text(CONFIG)
    answer = engine("gather", "gather.toml", "-o", "metrics.json", "--report", "page.html")
    assert answer.code == 0
    assert Path("page.html").read_text().count("<svg") == 4


# The other kinds.

CONSENT = """\
[[source]]
kind = "consent"
path = "consent.csv"
purpose = "scoring"
"""
RECORDS = "subject,purpose,decision,issued,expiry,withdrawal,notice_version\n"


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (b"s,scoring,granted,yesterday,,,", "consent.csv:2:19: issued 'yesterday' is no time"),
        (b"s,scoring,granted", "consent.csv:2: 3 cells where the header has 7"),
        (b"\xff", "consent.csv:2: is not written in UTF-8"),
        (b"x" * 2_000_000, "consent.csv:2: longer than"),
    ],
)
def test_a_consent_record_that_cannot_be_read_is_an_error_with_its_place(
    engine: Engine, record: bytes, message: str
) -> None:
    Path("consent.csv").write_bytes(RECORDS.encode() + record + b"\n")
    answer = gathered(engine, HEAD + CONSENT)
    assert answer.code == 2
    assert message in answer.err


@pytest.mark.parametrize(
    ("records", "value", "message"),
    [
        ("", None, "ethics.consent: no consent record"),
        (
            "s,scoring,refused,2026-01-01T00:00:00Z,,,\n",
            False,
            "1 of 1 are not covered: 1 who refused",
        ),
        ("s,scoring,granted,2026-01-01T00:00:00Z,,,\n", True, ""),
    ],
)
def test_consent_is_decided_on_as_it_is(
    engine: Engine, records: str, value: bool | None, message: str
) -> None:
    Path("consent.csv").write_text(RECORDS + records)
    answer = gathered(engine, HEAD + CONSENT)
    assert metrics(answer)["ethics.consent"]["value"] is value
    assert message in answer.err
    expected = {None: "insufficient", False: "fail", True: "pass"}
    assert verdicts(engine)["consent"] == expected[value]


COUNTS = """\
[[source]]
kind = "counts"
path = "counts.csv"
"""
COLUMNS = "group_name,bin,hit,label,prediction,flaw,n,score_sum\n"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a,0,1,1,1,,-1,0\n", "n or score_sum is out of range"),
        ("a,0,1,1,1,,5,900000000\n", "n or score_sum is out of range"),
        ("a,15,1,1,1,,5,5000000\n", "bin 15 where there are 15"),
        ("a,3,1,1,1,,5,5000000\n", "the mean score lies outside of bin 3 of 15"),
        ("a,0,1,2,1,,5,0\n", "hit, label and prediction are 0, 1 or NULL"),
        ("a,0,1,one,1,,5,0\n", "a row holds what is no whole number"),
        ("a,0,1,1,1,,1.5e300,0\n", "a row holds what is no whole number"),
    ],
)
def test_counts_that_no_rows_can_have_given_are_refused(
    engine: Engine, rows: str, message: str
) -> None:
    Path("counts.csv").write_text(COLUMNS + rows)
    answer = gathered(engine, HEAD + COUNTS)
    assert answer.code == 2
    assert message in answer.err


def test_counts_of_unusable_rows_and_of_none_are_no_values(engine: Engine) -> None:
    Path("counts.csv").write_text(
        COLUMNS + "a,14,1,1,1,,5000,5000000000\n,,,,,score_unusable,1,0\n"
    )
    assert set(status(metrics(gathered(engine, HEAD + COUNTS))).values()) == {"invalid_input"}
    Path("counts.csv").write_text(COLUMNS)
    assert set(status(metrics(gathered(engine, HEAD + COUNTS))).values()) == {"insufficient_data"}


def test_an_instant_of_the_callers_choosing_is_named_in_every_metric(engine: Engine) -> None:
    """Consent that expired meanwhile counts as of then, and who decides on it sees that."""
    write(fair())
    Path("gather.toml").write_text(CONFIG)
    chosen = engine("gather", "gather.toml", "--now", "2026-11-20T12:00:00Z").json["metrics"]
    assert chosen
    for metric in chosen.values():
        assert metric["source"].startswith("as of 2026-11-20T12:00:00Z, which the caller chose: ")
    for metric in engine("gather", "gather.toml").json["metrics"].values():
        assert "caller chose" not in metric["source"]


def test_it_says_what_it_read_what_it_left_out_and_where_it_wrote(engine: Engine) -> None:
    Path("metrics.json").unlink(missing_ok=True)
    Path("predictions.csv").write_text("y,p,said,who\n" + "1,0.9,1,a\n0,0.1,0,b\n" * 40)
    Path("gather.toml").write_text(
        '[subject]\nname = "m"\n[[source]]\nkind = "predictions"\npath = "predictions.csv"\n'
        'columns = {label = "y", score = "p", prediction = "said", group = "who"}\n'
    )

    to_file = engine("gather", "gather.toml", "-o", "metrics.json").err.splitlines()
    to_screen = engine("gather", "gather.toml").err.splitlines()

    assert to_file[0].startswith("read predictions.csv; n 80; 2 groups; left out: ")
    for name in ("ethics.ece", "ethics.fairness", "ethics.rho_bias"):
        assert name in to_file[0].partition("; gave ")[2]
    assert to_file[-1] == "3 metrics written to metrics.json"
    assert to_screen[-1] == "3 metrics written to standard output"


@pytest.mark.parametrize(
    ("metrics", "account"),
    [
        ({}, "read a source; gave nothing"),
        ({"a.b": {"value": 1}}, "read a source; gave a.b"),
        (
            {
                "a.b": {
                    "value": None,
                    "status": "invalid_input",
                    "n": 1200,
                    "source": "p.csv",
                    "computed": {"groups": {"x": 1000, "y": 200}, "excluded": {"label_unknown": 3}},
                },
                "a.c": {"value": 1, "n": 7, "source": "p.csv", "computed": {"groups": {"x": 7}}},
            },
            "read p.csv; n 1,200; 2 groups; left out: 3 with a label that is no class; gave a.b (invalid_input), "
            "a.c",
        ),
        (
            {"a.b": {"value": 1, "n": 7, "source": "q"}},
            "read q; n 7; left out: nothing; gave a.b",
        ),
    ],
)
def test_an_account_has_what_the_metrics_of_a_source_say(
    metrics: dict[str, dict[str, Json]], account: str
) -> None:
    assert GatheredEvidence({}, (Evidence(metrics),)).accounts == (account,)


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ('"slo.dec_p95ms": 5', "service.json:5:18: /metrics/slo.dec_p95ms: "),
        ('"slo.dec_p95_ms": "fast"', "service.json:5:19: /metrics/slo.dec_p95_ms: "),
        (
            '"slo.dec_p95_ms": {"value": 5, "unit": "s"}',
            "service.json:5:29: /metrics/slo.dec_p95_ms/value",
        ),
    ],
)
def test_what_is_wrong_in_a_metrics_file_that_is_taken_over_is_named_there(
    engine: Engine, metric: str, words: str
) -> None:
    """Not in the configuration that names the file: nothing is to be mended there."""
    about = '"subject": {"name": "scoring-model"}'
    lines = ["{", about + ",", '"observed_at": "2026-06-01T12:00:00Z",', '"metrics": {', metric]
    Path("service.json").write_text("\n".join(lines) + "}}\n")

    answer = gathered(engine, HEAD + '[[source]]\nkind = "metrics"\npath = "service.json"\n')

    assert (answer.code, Path("metrics.json").exists()) == (2, False)
    assert words in answer.err
    assert "gather.toml" not in answer.err


ASKED = """
[[source]]
kind = "consent"
path = "consent.csv"
purpose = "scoring"
"""
HEADER = "subject,purpose,decision,issued,expiry,withdrawal,notice_version"


def people(*subjects: str) -> None:
    rows = [f"{subject},scoring,granted,2026-01-01T00:00:00Z,,," for subject in subjects]
    write([HEADER, *rows], "consent.csv")


def test_two_records_beside_many_predictions_are_no_consent(engine: Engine) -> None:
    """INV-ETHICS-4: whoever was predicted on is somebody else, for all that is known."""
    write(fair())
    people("s-1", "s-2")
    answer = gathered(engine, CONFIG + ASKED)
    consent = metrics(answer)["ethics.consent"]
    assert (consent["value"], consent["status"], consent["n"]) == (None, "insufficient_data", 2)
    assert "2 people with a record, and 4,000 predictions: name whose data is used" in answer.err
    assert verdicts(engine)["consent"] == "insufficient"


def test_whose_consent_it_is_is_in_the_record(engine: Engine) -> None:
    rows = fair()
    write([f"{line},{'who' if number == 0 else 's-1'}" for number, line in enumerate(rows)])
    people("s-1", "s-2")
    named = CONFIG + ASKED + 'subjects = {path = "predictions.csv", column = "who"}\n'
    consent = metrics(gathered(engine, named))["ethics.consent"]
    assert (consent["value"], consent["n"]) == (True, 1)
    assert consent["computed"]["parameters"]["subjects_of"] == "who in predictions.csv"


def test_a_refusal_stays_one_whoever_else_was_predicted_on(engine: Engine) -> None:
    write(fair())
    people("s-1", "s-2")
    text = Path("consent.csv").read_text().replace("s-2,scoring,granted", "s-2,scoring,refused")
    Path("consent.csv").write_text(text)
    assert metrics(gathered(engine, CONFIG + ASKED))["ethics.consent"]["value"] is False


def test_consent_alone_is_of_everybody_with_a_record(engine: Engine) -> None:
    people("s-1", "s-2")
    assert metrics(gathered(engine, HEAD + ASKED))["ethics.consent"]["value"] is True
