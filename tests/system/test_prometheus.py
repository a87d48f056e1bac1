"""A real Prometheus gives the answers that the core suite's fake one was recorded from."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine.evidence.sources import Evidence
from tests.evidence.sources import prometheus_cases, prometheus_world
from tests.evidence.sources.prometheus_cases import CASES
from tests.evidence.sources.prometheus_world import fake, measured, real, recorded, said_by
from tests.evidence.sources.test_prometheus_counters import require

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with real(tmp_path_factory.mktemp("prometheus"), prometheus_world.samples()) as url:
        yield url


@pytest.fixture(scope="module")
def counters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with real(tmp_path_factory.mktemp("counters"), prometheus_cases.samples()) as url:
        yield url


@pytest.fixture(scope="module")
def counted(counters: str) -> Evidence:
    return measured(counters, prometheus_cases.METRICS)


def test_it_answers_as_recorded(prometheus: str) -> None:
    answers = recorded()
    assert len(answers) >= 12
    for answer in answers:
        assert said_by(prometheus, answer["asked"]) == (answer["status"], answer["said"])


def test_it_counts_as_recorded(counters: str) -> None:
    answers = recorded(prometheus_cases.RECORDED)
    assert len(answers) >= len(CASES)
    for answer in answers:
        assert said_by(counters, answer["asked"]) == (answer["status"], answer["said"])


@pytest.mark.parametrize("name", CASES)
def test_a_case_comes_to_what_was_counted_by_hand(counted: Evidence, name: str) -> None:
    """INV-WATCH-1"""
    require(counted, name)


def test_metrics_of_it_are_those_of_the_fake_one(prometheus: str) -> None:
    with fake() as server:
        expected = measured(server.url)
    found = measured(prometheus)
    assert found.notes == expected.notes
    for name, metric in found.metrics.items():
        for key in ("value", "status", "n", "observed_at"):
            assert metric.get(key) == expected.metrics[name].get(key), name
