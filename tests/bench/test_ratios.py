"""One ratio from paired runs."""

from __future__ import annotations

import pytest

from bench.ratios import ratio


def test_the_ratio_is_that_of_the_medians_and_not_the_median_of_the_pairs() -> None:
    found = ratio([1.0, 2.0, 9.0], [4.0, 1.0, 8.0])
    assert found.of_medians == 2.0 / 4.0


def test_the_extremes_are_those_of_runs_of_one_round() -> None:
    found = ratio([1.0, 2.0, 9.0], [4.0, 1.0, 8.0])
    assert (found.least, found.most) == (0.25, 2.0)


def test_a_round_that_lacks_a_partner_is_an_error() -> None:
    with pytest.raises(ValueError, match="shorter"):
        ratio([1.0, 2.0], [1.0])
