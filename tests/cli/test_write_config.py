"""``engine gather FILE --write-config``: what a file's columns say, and never one of two."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import EXAMPLES, Engine


def test_the_example_s_predictions_are_measured_by_what_was_written(engine: Engine) -> None:
    shutil.copy(EXAMPLES / "gather" / "predictions.parquet", "predictions.parquet")
    answer = engine("gather", "predictions.parquet", "--write-config")
    assert (answer.code, answer.out) == (0, "next: engine gather gather.toml -o metrics.json\n")
    assert "label: column 'y', by its name, and its values: 2, " in answer.err
    assert "score: column 'p', by its name, and its values: from " in answer.err
    assert "group: column 'g', by its name, and its values: 3, " in answer.err
    assert "subject.name: 'predictions' is the file's name" in answer.err

    measured = engine("gather", "gather.toml").json
    own = engine("gather", str(EXAMPLES / "gather" / "gather.toml")).json
    assert measured["subject"] == {"name": "predictions"}
    for name in ("ethics.ece", "ethics.fairness", "ethics.rho_bias"):
        assert measured["metrics"][name]["value"] == own["metrics"][name]["value"]


def test_a_configuration_elsewhere_names_the_file_from_there(engine: Engine) -> None:
    Path("conf").mkdir()
    Path("data.csv").write_text("Y;Probability;Customer ID\n" + "1;0,5;a\n0;0,25;b\n" * 20)
    answer = engine("gather", "data.csv", "--write-config", "conf/ours.toml")
    assert answer.code == 0, answer.err
    assert "column 'Customer ID' may say who it is about" in answer.err
    assert 'path = "../data.csv"' in Path("conf/ours.toml").read_text()
    assert engine("gather", "conf/ours.toml").json["metrics"]["ethics.ece"]["n"] == 40


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("y,target,p\n1,1,0.5\n", ["the label: 'y' or 'target'?", 'label = "y", score = "p"']),
        ("a,b\n1,2\n", ["do not say what can be measured: a, b", 'label = "…", score = "…"']),
        ("y,p\nno,0.5\nyes,0.4\n", ["counts as 1: 'no', 'yes'", 'positive = "no"\n']),
        ("y,p\na,0.5\nb,0.4\nc,0.3\n", ["counts as 1: 'a', 'b', 'c'", 'task = "multiclass"']),
        ("y,p\n1,50\n0,3\n", ["'p' goes from 3 to 50", "from 0 to 1"]),
        ("y,p\n1,x\n0,0.5\n", ["'p' goes from 0.5 to 0.5, and 1 are no numbers"]),
        ("y,p\n", ["'y' has no values"]),
        ("", ["is empty"]),
        ("y,Y,p\n1,1,0.5\n", ["which column is the label: 'y' or 'Y'?"]),
    ],
)  # fmt: skip
def test_what_could_be_meant_in_two_ways_is_2_with_the_table_to_write(
    engine: Engine, text: str, words: list[str]
) -> None:
    Path("p.csv").write_text(text)
    answer = engine("gather", "p.csv", "--write-config")
    assert (answer.code, answer.out) == (2, ""), answer.err
    said = answer.err.replace("\n  ", "\n")
    assert [word for word in words if word not in said] == [], answer.err
    assert not Path("gather.toml").exists()


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("gone.csv", "--write-config"), "gone.csv"),
        (("p.csv", "-o", "m.json", "--write-config"), "and no more"),
        (("p.csv", "--write-config", "-"), "and no more"),
        (("p.csv", "--write-config", "p.csv"), "is there already"),
        (("p.csv", "--write-config", "no/where.toml"), "no"),
    ],
)
def test_what_cannot_be_written_is_refused(
    engine: Engine, argv: tuple[str, ...], words: str
) -> None:
    Path("p.csv").write_text("y,p\n1,0.5\n0,0.4\n")
    answer = engine("gather", *argv)
    assert (answer.code, words in answer.err) == (2, True), answer.err
    assert Path("p.csv").read_text().startswith("y,p")


def test_a_file_of_rows_in_place_of_a_configuration_is_told_apart(engine: Engine) -> None:
    Path("p.csv").write_text("y,p\n1,0.5\n0,0.4\n")
    answer = engine("gather", "p.csv")
    assert (answer.code, "engine gather p.csv --write-config" in answer.err) == (2, True)
