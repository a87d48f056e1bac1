"""A real Prometheus gives the answers that the core suite's fake one was recorded from."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.evidence.sources.prometheus_world import fake, measured, real, recorded, said_by

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with real(tmp_path_factory.mktemp("prometheus")) as url:
        yield url


def test_it_answers_as_recorded(prometheus: str) -> None:
    answers = recorded()
    assert len(answers) >= 12
    for answer in answers:
        assert said_by(prometheus, answer["asked"]) == (answer["status"], answer["said"])


def test_metrics_of_it_are_those_of_the_fake_one(prometheus: str) -> None:
    with fake() as server:
        expected = measured(server.url)
    found = measured(prometheus)
    assert found.notes == expected.notes
    for name, metric in found.metrics.items():
        for key in ("value", "status", "n", "observed_at"):
            assert metric.get(key) == expected.metrics[name].get(key), name
