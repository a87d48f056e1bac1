"""A simulated month of an application that calls models, in which everything goes wrong at times.

The application reserves, calls the provider through the circuit breaker, and settles or releases;
all of it in one SQLite ledger. Providers have outages, prices change, a model comes without a
price, clocks change with the season and are set back, and the process dies before and after
every commit and between any two steps. A process that is started again settles what its own
journal says it used, as an application would from its outbox; of a reservation whose answer was
lost it knows nothing, and the lease expires.

The provider's own account is kept beside, to the micro-dollar, and so is who died where:

    python -m tests.calls.budget.month --days 31
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path

from engine.calls.breaker import Breaker, LedgerCircuits
from engine.calls.budget.limits import Budgets
from engine.calls.budget.request import Request
from engine.calls.budget.spending import Day, Spending, by_day, fold
from engine.calls.budget.token_usage import TokenUsage
from engine.calls.budget.tracker import Tracker
from engine.calls.budget.usage import Usage
from engine.errors import CircuitOpenError, LedgerError
from engine.formats.calendar import day_of, following, span
from engine.ledger import Ledger
from engine.metrics.amounts import AmountLimits
from engine.model import Json
from engine.policy.evaluators.wasm import WasmEvaluator
from engine.policy.overlay import load_policies
from engine.proof.envelope import open_envelope
from engine.proof.statement import parse_statement
from engine.report.spending import history
from tests.calls.breaker.fakes import HttpError
from tests.ledger.scribe import KEY, open_at
from tests.sessions import session_over

ZONE = "Europe/Vienna"
FIRST = "2026-10-08"
"""A month from here has the day of 25 hours in it, 2026-10-25."""
LIMIT = 1_500_000
LARGE_LIMIT = 1_200_000
TTL_S = 600

PRICES = {
    ("acme", "large"): [("2026-01-01", 2_500_000, 1_250_000, 10_000_000)],
    ("acme", "small"): [("2026-01-01", 150_000, 75_000, 600_000)],
    ("other", "new"): [],
}
"""From which day on what costs how much: input, cached input, output, per million tokens."""

_BUDGETS = f"""\
budgets:
  - {{id: all, match: {{}}, usd: {LIMIT / 1e6}, tokens: none, requests: none}}
  - {{id: large, match: {{model: large}}, usd: {LARGE_LIMIT / 1e6}, tokens: none, requests: none}}
"""


class Died(Exception):  # noqa: N818  (what happens, not what is wrong)
    """The process died here; the machine goes on."""


@dataclass
class Account:
    """What the provider billed and what happened, beside the ledger.

    Attributes:
        billed: Micro-dollars by day and model; the day is the lease's.
        tokens: Of all kinds, likewise.
        deaths: Where the process died, how often.
        events: What else happened, how often.
    """

    billed: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    tokens: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    deaths: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)


class Month:
    """The application, its provider and its bad luck.

    Args:
        folder: Where the ledger is made.
        seed: Says all that chance says.
        first: First day, YYYY-MM-DD.
        days: How many.
        a_day: Calls of a usual day.
    """

    def __init__(self, folder: Path, *, seed: int, first: str, days: int, a_day: int) -> None:
        self.folder, self.first, self.days = folder, first, days
        self.last = following(first, days - 1)
        self.chance = random.Random(seed)  # noqa: S311  (no secret)
        self.account = Account()
        self.dearer_from = following(first, days // 3)
        self.new_from = following(first, days // 2)
        self.prices = {
            **PRICES,
            ("acme", "large"): [
                *PRICES["acme", "large"],
                (self.dearer_from, 5_000_000, 2_500_000, 20_000_000),
            ],
            ("other", "new"): [(self.new_from, 1_000_000, 1_000_000, 4_000_000)],
        }
        self.bundle = load_policies(self._policies(), opa=None)
        self.evaluator = WasmEvaluator(self.bundle, cache=None)
        self.start, _ = span(first, ZONE)
        _, self.end = span(self.last, ZONE)
        self.gap_s = 86_400 / a_day
        self.real = self.start
        self.set_back = timedelta()
        self.outage_until = self.start
        self.die_at, self.died = "", False
        self.journal: dict[str, tuple[str, TokenUsage]] = {}
        self._open()

    def _policies(self) -> Path:
        rows = "".join(
            f"  - {{provider: {provider}, model: {model}, from: '{day}', input: '{up / 1e6}', "
            f"cached_input: '{cached / 1e6}', output: '{out / 1e6}'}}\n"
            for (provider, model), prices in self.prices.items()
            for day, up, cached, out in prices
        )
        for topic, text in (("prices", f"prices:\n{rows}"), ("budgets", _BUDGETS)):
            (self.folder / "policies" / topic).mkdir(parents=True)
            (self.folder / "policies" / topic / "data.yaml").write_text(text)
        return self.folder / "policies"

    # --- the process ------------------------------------------------------------------------

    def _open(self) -> None:
        """Start the process: open the ledger, and settle what the journal says was used."""
        self.ledger: Ledger = open_at(self.folder, lock_timeout_s=10)
        self._watch_commits()
        self.tracker = Tracker(
            session_over(self.ledger, self.bundle, self.evaluator, self.chance.randbytes),
            budgets=Budgets(self.bundle.data["budgets"], None),
            zone=ZONE,
            profile="default",
        )
        circuits = LedgerCircuits(self.ledger, KEY)
        self.breakers = {
            provider: Breaker(
                circuits,
                provider,
                "any",
                clock=lambda: int(self.now.timestamp() * 1000),
                call_ids=lambda: self.chance.randbytes(8).hex(),
            )
            for provider in ("acme", "other")
        }

    def _watch_commits(self) -> None:
        """Let the process die before or after the next commit, if that is planned."""
        store = self.ledger._store
        commit: Callable[[], None] = store.commit

        def watched() -> None:
            self.died = self.died or bool(self.die_at)
            if self.die_at == "before":
                raise LedgerError("before")
            commit()
            if self.die_at == "after":
                raise LedgerError("after")

        store.commit = watched  # type: ignore[method-assign]

    @contextmanager
    def _mortal(self, step: str) -> Iterator[None]:
        """One step, in which the process may die: before its commit, or after."""
        lot = self.chance.random()
        self.die_at = "before" if lot < 0.02 else "after" if lot < 0.04 else ""
        died = Died(f"{self.die_at} the commit of {step}")
        try:
            yield
        except Exception as error:
            if self.died:
                raise died from error
            raise
        else:
            if self.died:  # whoever called the breaker never hears of it: nor of its death
                raise died
        finally:
            self.die_at, self.died = "", False

    def _may_die(self, where: str) -> None:
        if self.chance.random() < 0.02:
            raise Died(where)

    def _restart(self, death: Died) -> None:
        self.account.deaths[str(death)] += 1
        while True:
            self.ledger.close()
            self._pass(self.chance.uniform(0, 20))
            try:
                self._open()
                for lease, (_, usage) in list(self.journal.items()):
                    self._settle(lease, usage)
                return
            except Died as again:
                self.account.deaths[str(again)] += 1

    # --- time -------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        """What the machine's clock shows, whole seconds."""
        return (self.real - self.set_back).replace(microsecond=0)

    def _pass(self, seconds: float) -> None:
        self.real += timedelta(seconds=seconds)

    def _gap_s(self) -> float:
        """Seconds to the next call: calls come in bursts of about five."""
        if self.chance.random() < 0.8:
            return self.chance.uniform(1, 40)
        return self.chance.expovariate(1 / (5 * self.gap_s))

    def _clock_trouble(self) -> None:
        if not self.set_back and self.chance.random() < 0.01:
            self.set_back = timedelta(minutes=self.chance.randint(1, 150))
            self.account.events["clock set back"] += 1
        elif self.set_back and self.chance.random() < 0.2:
            self.set_back = timedelta()
            self.account.events["clock set right"] += 1

    # --- the application --------------------------------------------------------------------

    def run(self) -> None:
        """Live through the month, and check the books after every call."""
        while True:
            self._pass(self._gap_s())
            if self.real >= self.end:
                break
            self._clock_trouble()
            if self.chance.random() < 0.005:
                self.outage_until = self.real + timedelta(hours=self.chance.uniform(1, 4))
                self.account.events["outage"] += 1
            try:
                self._call()
            except Died as death:
                self._restart(death)
            self._check_books()
        self.evaluator.close()
        self.ledger.close()

    def _call(self) -> None:
        provider, model = self.chance.choices(list(self.prices), (4, 3, 1))[0]
        tokens = self.chance.randint(500, 20_000)
        with self._mortal("reserve"):
            said = self.tracker.reserve(
                Request(provider, model, tokens=tokens),
                self.now,
                int(self.now.timestamp() * 1000),
                ttl_s=TTL_S,
            )
        self.account.events[said.reason] += 1
        if not said.allowed:
            return
        self._may_die("between reserve and the call")
        usage = self._usage(tokens)
        try:
            with self._mortal("the breaker"):
                self.breakers[provider].call(self._provider, said.lease, said.day, model, usage)
        except (CircuitOpenError, HttpError) as error:
            self.account.events[type(error).__name__] += 1
            with self._mortal("release"):
                self.tracker.release(said.lease, self.now)
            return
        self._may_die("between the call and settle")
        self._settle(said.lease, usage)

    def _settle(self, lease: str, usage: TokenUsage) -> None:
        with self._mortal("settle"):
            ending = self.tracker.settle(lease, Usage(usage=usage), self.now)
        self.account.events["settled" if ending.new else "settled before"] += 1
        self.journal.pop(lease)

    def _usage(self, tokens: int) -> TokenUsage:
        whole = self.chance.randint(tokens // 2, tokens)
        out = self.chance.randint(0, whole)
        cached = self.chance.randint(0, whole - out)
        return TokenUsage(whole - out - cached, out, cached)

    def _provider(self, lease: str, day: str, model: str, usage: TokenUsage) -> None:
        self._pass(self.chance.uniform(0.5, 40))
        if self.real < self.outage_until:
            raise HttpError(503)
        (name,) = (name for name in self.prices if name[1] == model)
        _, up, cached, out = next(row for row in reversed(self.prices[name]) if row[0] <= day)
        exact = Fraction(
            usage.input_tokens * up + usage.cached_tokens * cached + usage.output_tokens * out,
            1_000_000,
        )
        self.account.billed[day, *name] += -(-exact.numerator // exact.denominator)
        self.account.tokens[day, *name] += usage.tokens
        self.journal[lease] = (day, usage)

    # --- the checks -------------------------------------------------------------------------

    def _check_books(self) -> None:
        for day in {self.tracker.documents().day(), day_of(self.now, ZONE)} - {""}:
            for budget, limit in (("all", LIMIT), ("large", LARGE_LIMIT)):
                book = self.tracker.documents().book(day, budget)
                if book is None:
                    continue
                assert book.limits == AmountLimits(None, None, limit)
                assert book.used.usd_micros <= limit, (day, budget, book)
                assert not any(book.overrun), (day, budget, book)

    def statements(self) -> list[tuple[int, Json]]:
        """The statements of the ledger's entries, read anew."""
        ledger = open_at(self.folder, signer=None)
        try:
            return [
                (index, parse_statement(open_envelope(entry).payload))
                for index, entry in ledger.entries(1)
            ]
        finally:
            ledger.close()

    def spending(self) -> Spending:
        """What the entries add up to."""
        return fold(self.statements())

    def chart(self, width: int = 100) -> list[str]:
        """Spend by day, as ``engine budget history`` draws it."""
        return [line.text.rstrip() for line in history(self.by_day(), "all", width)]

    def by_day(self) -> list[Day]:
        """The days of the month."""
        return by_day(self.spending(), self.first, self.last, "all")


def main(argv: list[str]) -> int:
    """Live through a month and print its chart."""
    parser = argparse.ArgumentParser(prog="python -m tests.calls.budget.month")
    parser.add_argument("--days", type=int, default=31)
    parser.add_argument("--calls", type=int, default=60, help="a day")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        month = Month(Path(folder), seed=args.seed, first=FIRST, days=args.days, a_day=args.calls)
        month.run()
        print("\n".join(month.chart()))
    for what, counts in (("died", month.account.deaths), ("happened", month.account.events)):
        print(f"{what}: {', '.join(f'{name} {count}' for name, count in sorted(counts.items()))}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
