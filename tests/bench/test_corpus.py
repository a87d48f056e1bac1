"""The metrics files: the same again, varied, and decided as they are meant to be."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bench import corpus
from bench.scene import FRESH
from engine.evidence.documents import parse
from engine.evidence.input import Input, Question, gather
from engine.policy.bundle import PolicyBundle, shipped_bundle, shipped_folder
from engine.policy.evaluator import Evaluator
from engine.policy.evaluators.wasm import WasmEvaluator

NOW = datetime(2026, 11, 20, 12, 0, 5, tzinfo=UTC)
COUNT = 150


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("corpus") / "metrics"
    corpus.write(folder, COUNT, NOW)
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def evaluator() -> Iterator[Evaluator]:
    evaluator = WasmEvaluator(shipped_bundle(), cache=None)
    yield evaluator
    evaluator.close()


def gathered(file: Path, bundle: PolicyBundle, now: datetime) -> Input:
    schema = json.loads((shipped_folder("schemas") / "metrics.schema.json").read_bytes())
    question = Question("promotion", "default", "candidate", now)
    return gather([parse(file.name, file.read_bytes())], question, bundle, schema)


def verdicts(files: list[Path], evaluator: Evaluator, now: datetime) -> list[str]:
    bundle = shipped_bundle()
    answers = (
        evaluator.evaluate("promotion", gathered(file, bundle, now).encoded) for file in files
    )
    return [json.loads(answer)["verdict"] for answer in answers]


def test_the_same_seed_and_instant_give_the_same_bytes(tmp_path: Path, files: list[Path]) -> None:
    names = corpus.write(tmp_path / "again", COUNT, NOW)
    assert names == {file.name for file in files}
    assert all((tmp_path / "again" / file.name).read_bytes() == file.read_bytes() for file in files)


def test_another_seed_gives_others(tmp_path: Path, files: list[Path]) -> None:
    names = corpus.write(tmp_path / "other", COUNT, NOW, seed=1)
    assert names != {file.name for file in files}


def test_files_hold_10_to_28_metrics_in_long_and_in_short_form(files: list[Path]) -> None:
    documents = [json.loads(file.read_bytes()) for file in files]
    counts = [len(document["metrics"]) for document in documents]
    assert min(counts) >= corpus.FEWEST
    assert max(counts) == corpus.MOST
    forms = Counter(
        isinstance(metric, dict)
        for document in documents
        for metric in document["metrics"].values()
    )
    assert min(forms[True], forms[False]) > sum(forms.values()) / 10


def test_subjects_differ(files: list[Path]) -> None:
    subjects = {json.dumps(json.loads(file.read_bytes())["subject"]) for file in files}
    assert len(subjects) == COUNT


def test_an_input_has_about_three_and_a_half_kilobytes(files: list[Path]) -> None:
    bundle = shipped_bundle()
    sizes = [len(gathered(file, bundle, NOW).encoded) for file in files]
    assert 3_000 < sum(sizes) / len(sizes) < 4_000


def test_all_three_verdicts_are_common(files: list[Path], evaluator: Evaluator) -> None:
    found = Counter(verdicts(files, evaluator, NOW))
    assert found.keys() == {"PROMOTE", "HOLD", "BLOCK"}
    assert min(found.values()) > COUNT / 10


def test_no_verdict_changes_while_the_files_count_as_fresh(
    files: list[Path], evaluator: Evaluator
) -> None:
    later = NOW + FRESH + timedelta(minutes=3)  # a round that begins just in time takes a while
    assert verdicts(files, evaluator, later) == verdicts(files, evaluator, NOW)
