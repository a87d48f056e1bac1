"""Counters as they are: births, resets, gaps, idle and vanished targets, and what each comes to.

``CASES`` has three hours of samples a minute up to ``AT`` for each case, the row that asks, and the
answer, counted by hand. As in :mod:`tests.evidence.sources.prometheus_world` the core suite asks
what a real Prometheus answered; the system tests ask a real one again. To record anew::

    python -m tests.evidence.sources.prometheus_cases > tests/data/prometheus_cases.json
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from tests.evidence.sources.prometheus_world import AT, print_answers
from tests.repository import DATA

RECORDED = DATA / "prometheus_cases.json"
_END = int(AT.timestamp())
_DAYS_S = 4 * 86_400
Piece = tuple[int, int, float, float]
"""First and last sample, seconds from ``AT``; the first value; growth a minute."""

_LONG = (-10_800, 0)
_ALL = 'errors = "{name}_total{{code=\\"500\\"}}", total = "{name}_total"'
_HOUR = f'{{{{{_ALL}, window = "1h"}}}}'
_BURN = f"{{{{{_ALL}, objective = 0.999}}}}"


@dataclass(frozen=True, slots=True)
class Case:
    """One service.

    Attributes:
        series: Pieces by labels.
        expected: The value, or the status where there is none.
        row: Of the metric; ``{name}`` stands for the case's.
        says: What a note says.
        n: What it rests on.
        observed_s: Seconds from ``AT`` of what was seen last.
        started: When the processes of instances began, seconds from ``AT``.
    """

    series: dict[str, list[Piece]]
    expected: Fraction | str
    row: str = _HOUR
    says: str = ""
    n: int | None = None
    observed_s: int = 0
    started: tuple[tuple[str, int], ...] = ()


def _line(per_minute: float, first: float = 0, start: int = _LONG[0], stop: int = 0) -> list[Piece]:
    return [(start, stop, first, per_minute)]


_OK = {'code="200"': _line(10)}
_A = {'code="200",instance="a"': _line(10)}
_NEW = {
    **_A,
    'code="200",instance="b"': _line(10, 0, -1200),
    'code="500",instance="b"': _line(0, 40, -1200),
}
_GAP: list[Piece] = [(-10_800, -4800, 0, 10), (-3000, 0, 1300, 10)]
_UNTOLD = "nothing says whether they began then"

CASES: dict[str, Case] = {
    "steady": Case({**_OK, 'code="500"': _line(1)}, Fraction(60, 660), n=660),
    "no_errors": Case({**_OK, 'code="500"': _line(0)}, Fraction(0), n=600),
    "parts_of_one": Case({**_OK, 'code="500"': _line(0.25)}, Fraction(15, 615)),
    "one_scrape": Case(
        {'code="200"': _line(9), 'code="500"': _line(1)},
        Fraction(1, 10),
        _HOUR.replace("1h", "60s"),
    ),
    # born with the first error, on a target that was there
    "born": Case({**_OK, 'code="500"': _line(0, 5000, -2400)}, Fraction(5000, 5600), n=5600),
    "initialised": Case(
        {**_OK, 'code="500"': [(-10_800, -2460, 0, 0), (-2400, 0, 5000, 0)]},
        Fraction(5000, 5600),
    ),
    "born_now": Case({**_OK, 'code="500"': _line(0, 7, 0)}, Fraction(7, 607)),
    "born_long_ago": Case({**_OK, 'code="500"': _line(0, 5000, -7200)}, Fraction(0)),
    "born_and_begun_again": Case(
        {**_OK, 'code="500"': [(-1800, -660, 3, 1), (-600, 0, 4, 1)]}, Fraction(36, 636)
    ),
    "renamed": Case(
        {
            'code="200",v="1"': _line(10, 0, -10_800, -1860),
            'code="500",v="1"': _line(1, 0, -10_800, -1860),
            'code="200",v="2"': _line(10, 10, -1800),
            'code="500",v="2"': _line(1, 2, -1800),
        },
        Fraction(61, 661),
    ),
    "none_or_misspelt": Case(_OK, "undefined", says="a misspelt selector"),
    "none": Case(_OK, Fraction(0), _HOUR.replace('"1h"', '"1h", errors_absent = "zero"')),
    # new targets
    "new_target": Case(_NEW, Fraction(40, 840), started=(("b", -1230),)),
    "new_target_of_no_known_age": Case(_NEW, "undefined", says=_UNTOLD),
    "new_target_where_it_makes_no_difference": Case(
        {
            **_A,
            'code="500",instance="a"': _line(1),
            'code="200",instance="b"': _line(10, 10, -1200),
            'code="500",instance="b"': _line(1, 1, -1200),
        },
        Fraction(81, 891),
    ),
    "old_process_that_is_new_here": Case(
        {
            **_A,
            'code="200",instance="b"': _line(10, 1_000_000, -1200),
            'code="500",instance="b"': _line(0, 100_000, -1200),
        },
        "undefined",
        says=_UNTOLD,
        started=(("b", -864_000),),
    ),
    "new_service": Case(
        {'code="200"': _line(10, 0, -600), 'code="500"': _line(1, 0, -600)}, Fraction(10, 110)
    ),
    "new_target_in_a_crash_loop": Case(
        {
            **_A,
            'code="500",instance="b"': [(-1800, -1260, 3, 1), (-1200, -660, 2, 1), (-600, 0, 4, 1)],
        },
        Fraction(37, 637),
        started=(("b", -610),),
    ),
    "crash_loop_of_no_known_age": Case(
        {
            **_A,
            'code="500",instance="b"': [(-1800, -1260, 3, 1), (-1200, 0, 2, 1)],
        },
        "undefined",
        says=_UNTOLD,
    ),
    # counters that begin again
    "begun_again": Case(
        {
            'code="200"': [(-10_800, -1860, 0, 10), (-1800, 0, 5, 10)],
            'code="500"': [(-10_800, -1860, 0, 1), (-1800, 0, 1, 1)],
        },
        Fraction(60, 655),
    ),
    "begun_again_in_a_gap": Case(
        {
            'code="200"': [(-10_800, -4800, 0, 10), (-3000, 0, 50, 10)],
            'code="500"': [(-10_800, -4800, 0, 0), (-3000, 0, 30, 0)],
        },
        Fraction(30, 580),
    ),
    # gaps: what came in one is between the samples around it
    "gap": Case(
        {
            'code="200"': [(-10_800, -2400, 0, 10), (-1200, 0, 1600, 10)],
            'code="500"': [(-10_800, -2400, 0, 0), (-1200, 0, 700, 0)],
        },
        Fraction(700, 1300),
    ),
    "gap_at_the_start": Case(
        {'code="200"': _GAP, 'code="500"': [(-10_800, -4800, 0, 0), (-3000, 0, 700, 0)]},
        Fraction(700, 1500),
    ),
    "seen_until_four_minutes_ago": Case(
        {'code="200"': _line(10, 0, -10_800, -240), 'code="500"': _line(1, 0, -10_800, -240)},
        Fraction(56, 616),
        observed_s=-240,
    ),
    # targets that vanish
    "vanished": Case(
        {
            **_A,
            'code="200",instance="b"': _line(10, 0, -10_800, -1800),
            'code="500",instance="b"': _line(5, 0, -10_800, -1800),
        },
        Fraction(150, 1050),
    ),
    "all_vanished": Case(
        {'code="200"': _line(10, 0, -10_800, -600), 'code="500"': _line(1, 0, -10_800, -600)},
        "undefined",
        says="not scraped lately",
    ),
    # nothing came
    "idle": Case(
        {'code="200"': _line(0, 900), 'code="500"': _line(0, 9)},
        "undefined",
        says="no traffic",
        n=0,
    ),
    # numerator and denominator
    "elsewhere": Case(
        {'code="200",job="web"': _line(10), 'code="500",job="lb"': _line(1)},
        "invalid_input",
        '{{errors = "{name}_total{{job=\\"lb\\"}}", total = "{name}_total{{job=\\"web\\"}}", '
        'window = "1h"}}',
        says="count nothing in total",
    ),
    "elsewhere_on_purpose": Case(
        {'code="200",job="web"': _line(10), 'code="500",job="lb"': _line(1)},
        Fraction(60, 600),
        '{{errors = "{name}_total{{job=\\"lb\\"}}", total = "{name}_total{{job=\\"web\\"}}", '
        'window = "1h", targets = "any"}}',
    ),
    "more_errors_than_requests": Case(
        {'code="200"': _line(1), 'code="500"': _line(10)},
        "invalid_input",
        _HOUR.replace('total = "{name}_total"', 'total = "{name}_total{{code=\\"200\\"}}"'),
        says="600 errors of 60",
    ),
    # how fast the budget burns
    "burns": Case(
        {'code="200"': _line(10, 0, -_DAYS_S), 'code="500"': _line(0, 5000, -2400)},
        # over one day and two hours past 3, over three days and six hours past 1
        Fraction(5000, 48_200) * 1000 / 1,
        _BURN,
        n=48_200,
    ),
    "burns_not": Case(
        {'code="200"': _line(10, 0, -_DAYS_S), 'code="500"': _line(0, 9, -_DAYS_S)},
        Fraction(0),
        _BURN,
    ),
    "burns_not_while_idle": Case(
        {
            'code="200"': [(-_DAYS_S, -10_800, 0, 10), (-10_740, 0, 55_800, 0)],
            'code="500"': _line(0, 9, -_DAYS_S),
        },
        "undefined",
        _BURN,
        says="no traffic",
        n=0,
    ),
    # one number
    "sample": Case(
        {"": _line(0, 7, -10_800, -240)}, Fraction(7), '{{query = "{name}_total"}}', observed_s=-240
    ),
    "sum_of_samples": Case(
        {"": _line(0, 7, -10_800, -240)},
        Fraction(7),
        '{{query = "sum({name}_total)", fresh = "{name}_total"}}',
        observed_s=-240,
    ),
    "sample_of_ten_minutes_ago": Case(
        {"": _line(0, 7, -10_800, -600)},
        "undefined",
        '{{query = "{name}_total"}}',
        says="nothing came lately",
    ),
}

METRICS = {f"x.{name}": case.row.format(name=name) for name, case in CASES.items()}
"""The rows that ask for them."""


def samples() -> str:
    """Every case's samples, as OpenMetrics."""
    lines: list[str] = []
    for name, case in CASES.items():
        lines.append(f"# TYPE {name} counter")
        for labels, pieces in case.series.items():
            lines += [f"{name}_total{{{labels}}} {value:.12g} {at}" for at, value in _of(pieces)]
    lines.append("# TYPE process_start_time_seconds gauge")
    lines += [
        f'process_start_time_seconds{{instance="{name}_{instance}"}} {_END + began} {at}'
        for name, case in CASES.items()
        for instance, began in case.started
        for at in range(_END - 1800, _END + 1, 60)
    ]
    return "\n".join([*_own_instances(lines), "# EOF", ""])


def _own_instances(lines: list[str]) -> Iterator[str]:
    """Instances of one case are not those of another one."""
    for line in lines:
        name = line.partition("_total{")[0]
        yield line.replace('instance="', f'instance="{name}_') if name in CASES else line


def _of(pieces: list[Piece]) -> Iterator[tuple[int, float]]:
    for start, stop, first, growth in pieces:
        for at in range(start, stop + 1, 60):
            yield _END + at, first + growth * ((at - start) // 60)


if __name__ == "__main__":
    print_answers(samples(), METRICS)
