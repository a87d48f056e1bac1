"""Budgets for a program: reserve before a call, settle after it, with or without ``async``.

>>> from engine import Budget
>>> budget = Budget("ledger.db", key=pem, policies=policies, daily_usd="50")
>>> with budget.reserve("openai", "gpt-4o", usd="0.05") as lease:
...     answer = client.chat.completions.create(model="gpt-4o", messages=messages)
...     lease.settle(answer.usage)
>>> budget.close()
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from engine.errors import BudgetDeniedError, UsageError
from engine.model import Json
from engine.system.after_fork import free_in_child
from engine.system.closing import Closing

if TYPE_CHECKING:
    from engine.calls.budget.request import Request
    from engine.calls.budget.reservation import Reservation
    from engine.calls.budget.tracker import LeaseEnd, Tracker
    from engine.calls.budget.usage import Usage

_T = TypeVar("_T")
Usd = str | int | Decimal
"""US dollars: text such as ``"0.05"``, a whole number, or a Decimal. A float holds no money."""


class Budget(Closing):
    """Reserves, settles and releases in one ledger. Safe to use from several threads.

    Args:
        ledger: SQLite file, created when it is not there. All who share a budget share it.
        key: Private key, PEM.
        policies: Folder laid over the shipped policies: budgets, prices, profiles.
        policy_trust: Trust list of the keys that may approve them, as in :class:`engine.Gate`.
        profile: Table of limits of gate ``spend``.
        daily_usd: US dollars a day for everything, beside the budgets of the policies.
        daily_tokens: Tokens a day, likewise.
        daily_requests: Calls a day, likewise.
        time_zone: IANA name of the zone whose calendar days count.
        cache: The user's own folder for the compiled policy, which saves compiling it each time;
            see :mod:`engine.policy.evaluators.module_cache`.

    Raises:
        GovernanceError: Policies, key or ledger are not fit to use.
    """

    def __init__(
        self,
        ledger: str | Path,
        *,
        key: bytes,
        policies: str | Path | None = None,
        policy_trust: str | Path | None = None,
        profile: str = "default",
        daily_usd: Usd | None = None,
        daily_tokens: int | None = None,
        daily_requests: int | None = None,
        time_zone: str = "UTC",
        cache: str | Path | None = None,
    ) -> None:
        from engine.calls.budget.limits import Budgets
        from engine.calls.budget.tracker import Tracker
        from engine.decision.arguments import text
        from engine.decision.program import session_of
        from engine.formats.calendar import zone_of
        from engine.settings.daily_limits import daily

        zone_of(text("time_zone", time_zone))
        limits = daily(_text(daily_usd), _text(daily_tokens), _text(daily_requests))
        self._session = session_of(ledger, key, policies, policy_trust=policy_trust, cache=cache)
        bundle = self._session.bundle
        self._tracker = Tracker(
            self._session,
            budgets=Budgets(bundle.data.get("budgets", []), limits, by_caller=True),
            zone=time_zone,
            profile=text("profile", profile),
        )
        self._tracker.documents()  # opens the ledger: what is wrong with it shows here

    def close(self) -> None:
        """Let go of ledger and policies; leases stay as they are."""
        self._session.close()

    def reserve(
        self,
        provider: str,
        model: str,
        *,
        usd: Usd | None = None,
        tokens: int | None = None,
        requests: int = 1,
        team: str | None = None,
        tags: Sequence[str] = (),
        route: str | None = None,
        uses: Sequence[str] = (),
        ttl_s: int = 300,
    ) -> Lease:
        """Return a lease to enter with ``with`` or ``async with``; entering it asks.

        Args:
            provider: As the price book has it.
            model: As the provider's API takes it.
            usd: Most that the call may cost; None leaves it to the price of ``tokens``.
            tokens: Most tokens, prompt and answer.
            requests: Calls.
            team: Who pays.
            tags: What else budgets may go by.
            route: What it is for; profiles may let routes past the soft limits.
            uses: What it will use besides text: ``audio_input``, ``audio_output``,
                ``image_input``, ``image_output``, ``search``; denied where that has no price.
            ttl_s: Seconds after which what was not settled may be taken back.
        """
        from engine.calls.budget.request import Request
        from engine.decision.arguments import several

        request = Request(
            provider=provider,
            model=model,
            usd_micros=_micros(usd),
            tokens=tokens,
            requests=requests,
            team=team,
            tags=tuple(several("tags", tags, "texts")),
            route=route,
            uses=tuple(several("uses", uses, "texts")),
        )
        return Lease(self, request, ttl_s)

    def ask(self, request: Request, *, ttl_s: int = 300) -> Reservation:
        """Reserve without a ``with``: the answer may be a denial, and the caller ends the lease."""
        from engine.calls.budget.request import Request
        from engine.decision.arguments import instance

        instance("request", request, Request, "a Request")
        runtime = self._session.runtime
        return self.tracker.reserve(request, runtime.now(), runtime.milliseconds(), ttl_s=ttl_s)

    def settle(self, lease_id: str, spent: Usage) -> LeaseEnd:
        """Record what a lease turned out to use, also long after it expired."""
        from engine.calls.budget.usage import Usage
        from engine.decision.arguments import instance, text

        instance("spent", spent, Usage, "a Usage")
        text("lease_id", lease_id)
        return self.tracker.settle(lease_id, spent, self._session.runtime.now())

    def release(self, lease_id: str) -> LeaseEnd:
        """Give a lease back, unspent."""
        from engine.decision.arguments import text

        text("lease_id", lease_id)
        return self.tracker.release(lease_id, self._session.runtime.now())

    @property
    def tracker(self) -> Tracker:
        """What does the work."""
        return self._tracker


class Lease:
    """One reservation, from entering the ``with`` to leaving it.

    Entering asks the gate; a denial raises, so that nobody spends by forgetting to look. Leaving
    settles with what :meth:`settle` was told, whether the body failed or not. Where it was told
    nothing, a body that came to its end gives back what was held; one that failed may have had an
    answer all the same, so all that was reserved is settled, unless :meth:`unspent` said that
    nothing was. What :meth:`settle` could not read counts as reserved. INV-BUDGET-18.
    """

    def __init__(self, budget: Budget, request: Request, ttl_s: int) -> None:
        self._budget, self._request, self._ttl_s = budget, request, ttl_s
        self._spent: Usage | None = None
        self._unspent = False
        self._granted: Reservation | None = None
        self._entered = free_in_child(threading.Lock())
        self._telling = free_in_child(threading.Lock())

    @property
    def granted(self) -> Reservation:
        """What was granted: ``granted.lease`` is its id.

        Raises:
            UsageError: The lease was not entered.
        """
        if self._granted is None:
            raise UsageError("the lease was not entered", "with budget.reserve(…) as lease: …")
        return self._granted

    @property
    def id(self) -> str:
        """Id of the lease, and of the decision that granted it."""
        return self.granted.lease

    def settle(
        self,
        usage: Mapping[str, Json] | Any | None = None,
        *,
        usd: Usd | None = None,
        tokens: int | None = None,
        requests: int | None = None,
    ) -> None:
        """Say what was used; recorded on leaving. Said again, the last word counts.

        Args:
            usage: The provider's ``usage`` object, as a mapping or as its SDK gives it.
            usd: What it cost; None takes the price of ``usage``, else what was reserved.
            tokens: Tokens, for callers who know no more.
            requests: Calls that were made; None is as reserved.

        Raises:
            UsageError: It is no usage, or no amount.
        """
        from engine.calls.budget import usage_forms
        from engine.calls.budget.usage import Usage

        self.granted  # noqa: B018  (raises before it is entered)
        with self._telling:  # something was spent, even if what follows cannot be read
            self._spent = self._spent or Usage()
        read = None if usage is None else usage_forms.read(_mapping(usage))
        spent = Usage(_micros(usd), read, tokens, requests)
        with self._telling:
            self._spent = spent

    def unspent(self) -> None:
        """Say that nothing was spent, also where the body fails: the provider was not reached.

        What :meth:`settle` is told counts all the same, before or after.
        """
        self.granted  # noqa: B018  (raises before it is entered)
        with self._telling:
            self._unspent = True

    def __enter__(self) -> Lease:
        if not self._entered.acquire(blocking=False):
            raise UsageError("the lease was entered before", "reserve again for another call")
        try:
            answer = self._budget.ask(self._request, ttl_s=self._ttl_s)
            if not answer.allowed:
                raise BudgetDeniedError(
                    f"{answer.reason}: {answer.message}", answer.reason, answer.lease, answer.fix
                )
        except BaseException:
            self._entered.release()
            raise
        self._granted = answer
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._end(error)

    async def __aenter__(self) -> Lease:
        entering = asyncio.ensure_future(asyncio.to_thread(self.__enter__))
        try:
            return await asyncio.shield(entering)
        except asyncio.CancelledError:
            # The thread goes on: what it may still be granted, nobody would use.
            if await _outlast(entering):
                await _outlast(asyncio.ensure_future(asyncio.to_thread(self._end)))
            raise

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        ending = asyncio.ensure_future(asyncio.to_thread(self._end, error))
        try:
            await asyncio.shield(ending)
        except asyncio.CancelledError:
            await _outlast(ending)
            raise

    def _end(self, error: BaseException | None = None) -> None:
        from engine.calls.budget.usage import Usage
        from engine.errors import CircuitOpenError

        with self._telling:
            spent = self._spent
            # A circuit that is open lets no call through.
            reached = error is not None and not isinstance(error, CircuitOpenError)
            if spent is None and reached and not self._unspent:
                spent = Usage()
        if spent is None:
            self._budget.release(self.id)
        else:
            self._budget.settle(self.id, spent)


async def _outlast(task: asyncio.Future[_T]) -> bool:
    """Wait for ``task``, however often this one is cancelled; return whether it succeeded."""
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            continue
    return not task.cancelled() and task.exception() is None


def _mapping(usage: Any) -> Mapping[str, Json]:
    """``usage`` as a mapping; SDKs give objects of many kinds."""
    from engine.calls.budget.usage_forms import plain

    read = plain(usage)
    if isinstance(read, Mapping):
        return read
    raise UsageError(f"usage: a {type(usage).__name__}", "give the provider's `usage` object")


def _micros(usd: Usd | None) -> int | None:
    from engine.formats.money import micros

    if usd is None:
        return None
    try:
        return micros(str(_text(usd)))
    except ValueError as error:
        raise UsageError(f"usd: {error}", 'give text such as "0.05"') from None


def _text(amount: Usd | None) -> str | None:
    if amount is None:
        return None
    if isinstance(amount, float):
        raise UsageError(f"usd: {amount} is a float", 'write it as text: "0.05"')
    return f"{amount:f}" if isinstance(amount, Decimal) else str(amount)
