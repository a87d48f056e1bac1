"""A circuit breaker around calls, for threads, coroutines and processes.

The happy path, a closed circuit without failures, takes no lock and touches no store: it looks
at the circuit as this process saw it last, which is read anew, before a call and after it, when
that is older than ``max_age_ms``. What another process changes is therefore seen that much later:
calls that begin meanwhile still go through, and a success meanwhile does not end a row of failures
that another process counts. What this process changes is seen at once. Everything that needs to
be exact (who probes, when it opens, what is stale) is decided in the store.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from inspect import isawaitable
from types import CoroutineType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from engine.calls.breaker import answers, machine
from engine.calls.breaker.answers import WHOLE, Ended
from engine.calls.breaker.circuits import Circuits, key_of
from engine.calls.breaker.classify import classify as by_status
from engine.calls.breaker.machine import CallOutcome, Circuit, Phase, Refusal, Settings, Ticket
from engine.errors import CircuitOpenError, GovernanceError, UsageError
from engine.system.after_fork import free_in_child

if TYPE_CHECKING:
    from asyncio import Future

P = ParamSpec("P")
R = TypeVar("R")

MAX_AGE_MS = 100


class Breaker:
    """The circuit breaker of one model of one provider.

    Args:
        circuits: Where the circuit is kept.
        provider: Such as ``openai``.
        model: As the provider's API takes it.
        clock: Gives milliseconds since 1970; processes that share a circuit share this time.
        call_ids: Gives a new id for each probe, different in all processes.
        settings: When the circuit changes.
        classify: What an error says; :func:`engine.calls.breaker.classify.classify` if not given.
        classify_answer: What an answer says; if not given, an HTTP client's answer says what its
            status does, and every other one is a success.
        max_age_ms: How old what this process knows of the circuit may be.
    """

    def __init__(
        self,
        circuits: Circuits,
        provider: str,
        model: str,
        *,
        clock: Callable[[], int],
        call_ids: Callable[[], str],
        settings: Settings | None = None,
        classify: Callable[[BaseException], CallOutcome] = by_status,
        classify_answer: Callable[[object], CallOutcome] | None = None,
        max_age_ms: int = MAX_AGE_MS,
    ) -> None:
        key_of(provider, model)
        for name, judge in (("classify", classify), ("classify_answer", classify_answer)):
            if not callable(judge) and (judge is not None or name == "classify"):
                raise UsageError(f"{name} cannot be called", "give a function or leave it out")
        self.provider, self.model = provider, model
        self.settings = settings or Settings()
        self._circuits = circuits
        self._clock = clock
        self._call_ids = call_ids
        self._classify = classify
        self._classify_answer = classify_answer
        self._max_age_ms = max_age_ms
        self._lock = free_in_child(threading.Lock())
        self._seen = Circuit()
        self._fresh_from = self._fresh_until = 0
        self._plain: Ticket | None = None
        self.unrecorded = 0
        """Outcomes that no classifier told or the store did not take; each call had its answer."""

    def call(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Return ``function(*args, **kwargs)``, if the circuit lets it through.

        A stream counts when it ends, not when it begins: what is returned does as it does.

        Raises:
            CircuitOpenError: It does not; says after how long to try again.
            UsageError: It gave back what has to be awaited: see :meth:`acall`.
            LedgerError: The store did not answer, and whether to let it through is not known.
            BaseException: Whatever ``function`` raises.
        """
        ticket = self._plain
        if ticket is None or not self._fresh_from <= self._clock() < self._fresh_until:
            ticket = self.admit()
        try:
            answer = function(*args, **kwargs)
        except BaseException as error:
            self.failed(ticket, error)
            raise
        if type(answer) not in WHOLE and not answers.is_whole(answer):
            return self._partly(ticket, answer, function)
        if (
            ticket is not self._plain
            or self._classify_answer is not None
            or not self._fresh_from <= self._clock() < self._fresh_until
        ):
            self.reported(ticket, self._outcome(answer, self._classify_answer))
        return answer

    @contextmanager
    def guard(self) -> Iterator[Ticket]:
        """Let the body of a ``with`` through, such as one that reads a stream.

        The body that ends is a success, and what it raises is classified.

        Raises:
            CircuitOpenError: The circuit does not let it through.
        """
        ticket = self.admit()
        try:
            yield ticket
        except BaseException as error:
            self.failed(ticket, error)
            raise
        self.reported(ticket, CallOutcome.SUCCESS)

    async def acall(
        self, function: Callable[P, Awaitable[R]], /, *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Return ``await function(*args, **kwargs)``, if the circuit lets it through.

        A stream counts when it ends, as with :meth:`call`. What has to be written is written in a
        thread, so that the event loop goes on.

        Raises:
            CircuitOpenError: As :meth:`call`.
            UsageError: It gave back what cannot be awaited.
            BaseException: Whatever ``function`` raises.
        """
        ticket = self._plain
        if ticket is None or not self._fresh_from <= self._clock() < self._fresh_until:
            ticket = await self._admit_aside()
        try:
            given = function(*args, **kwargs)
            if type(given) is CoroutineType or isawaitable(given):
                answer = await given
            else:
                answer = self._stream(given, function)
        except BaseException as error:
            outcome = self._outcome(error, self._classify)
            if ticket.probe or outcome is CallOutcome.FAILURE:
                await _aside(self._failed, ticket, error, outcome)
            raise
        if type(answer) not in WHOLE and not answers.is_whole(answer):
            return await self._partly_aside(ticket, answer)
        if (
            ticket is not self._plain
            or self._classify_answer is not None
            or not self._fresh_from <= self._clock() < self._fresh_until
        ):
            outcome = self._outcome(answer, self._classify_answer)
            await _aside(self.reported, ticket, outcome)
        return answer

    call_async = acall
    """Its name until 0.1; stays."""

    def reset(self, reason: str | None = None) -> Circuit:
        """Close the circuit now, with nothing counted; what is under way counts no more.

        In a ledger it is an entry, with ``reason``, and durable when this returns.

        Args:
            reason: Why, for those who read the ledger: 1 to 1024 printable characters.

        Raises:
            UsageError: A reason that is none.
            LedgerError: The store did not take it; the circuit is as it was.
        """
        if reason is not None and not (
            isinstance(reason, str) and 1 <= len(reason) <= 1024 and reason.isprintable()
        ):
            raise UsageError(
                f"{self.provider}/{self.model}: the reason of the reset is no reason",
                "1 to 1024 printable characters, or leave it out",
            )
        now_ms = self._clock()
        after = self._circuits.change(
            self.provider,
            self.model,
            lambda circuit: machine.reset(circuit, now_ms, self.settings),
            now_ms,
            self.settings,
            reason or "",
        )
        self._keep(after, now_ms)
        return after

    def admit(self) -> Ticket:
        """Return the ticket of a call that may begin now; its outcome must be reported.

        Raises:
            CircuitOpenError: No call may; says after how long to try again.
        """
        now_ms = self._clock()
        seen = self._look(now_ms)
        if seen.phase is Phase.CLOSED:
            return self._plain or Ticket("", seen.turn, probe=False)
        call = self._call_ids()
        moved, answer = machine.ask(seen, call, now_ms, self.settings)
        if moved is not seen:
            answer = self._ask(call, now_ms)
        if isinstance(answer, Refusal):
            raise CircuitOpenError(
                self.provider, self.model, str(answer.phase), answer.retry_after_ms
            )
        return answer

    def failed(self, ticket: Ticket, error: BaseException) -> None:
        """Report that the call of ``ticket`` raised ``error``."""
        self._failed(ticket, error, self._outcome(error, self._classify))

    def _failed(self, ticket: Ticket, error: BaseException, outcome: CallOutcome) -> None:
        if not self.reported(ticket, outcome) and outcome is CallOutcome.FAILURE:
            error.add_note("the circuit breaker could not record this failure")

    def reported(self, ticket: Ticket, outcome: CallOutcome) -> bool:
        """Report an outcome; False when the store did not take it.

        Never raises for that: the caller's own answer or error is worth more. What is lost is
        one count, or a probe's result, whose lease then ends by itself.
        """
        now_ms = self._clock()
        try:
            if not self._tells(ticket, outcome, now_ms):
                return True
            after = self._circuits.change(
                self.provider,
                self.model,
                lambda circuit: machine.report(circuit, ticket, outcome, now_ms, self.settings),
                now_ms,
                self.settings,
            )
        except GovernanceError:
            self.unrecorded += 1
            self._forget()
            return False
        self._keep(after, now_ms)
        return True

    def state(self) -> Circuit:
        """Return the circuit as the store has it now."""
        return self._circuits.look(self.provider, self.model)

    def _tells(self, ticket: Ticket, outcome: CallOutcome, now_ms: int) -> bool:
        """Whether an outcome may change the circuit, as it was at most ``max_age_ms`` ago."""
        if ticket.turn < self._seen.turn:
            return False
        if ticket.probe or outcome is CallOutcome.FAILURE:
            return True
        if outcome is not CallOutcome.SUCCESS:
            return False
        seen = self._look(now_ms)
        return bool(seen.window) or seen.failures > 0

    def _ask(self, call: str, now_ms: int) -> Ticket | Refusal:
        answers: list[Ticket | Refusal] = []

        def move(circuit: Circuit) -> Circuit:
            moved, answer = machine.ask(circuit, call, now_ms, self.settings)
            answers.append(answer)
            return moved

        after = self._circuits.change(self.provider, self.model, move, now_ms, self.settings)
        self._keep(after, now_ms)
        return answers[0]

    def _look(self, now_ms: int) -> Circuit:
        if self._fresh_from <= now_ms < self._fresh_until:
            return self._seen
        self._keep(self._circuits.look(self.provider, self.model), now_ms)
        return self._seen

    def _keep(self, circuit: Circuit, now_ms: int) -> None:
        """Remember the newest circuit that was seen, and for how long it may be relied on."""
        with self._lock:
            if circuit.version < self._seen.version:
                return
            self._seen = circuit
            self._fresh_from, self._fresh_until = now_ms, now_ms + self._max_age_ms
            untroubled = circuit.phase is Phase.CLOSED and not (circuit.failures or circuit.window)
            if not untroubled:
                self._plain = None
            elif self._plain is None or self._plain.turn != circuit.turn:
                self._plain = Ticket("", circuit.turn, probe=False)

    def _partly(self, ticket: Ticket, answer: R, function: Callable[..., object]) -> R:
        """Take an answer that has a status, or is still coming and is counted when it ends."""
        if isawaitable(answer):
            _let_go(answer)
            self.reported(ticket, CallOutcome.NEUTRAL)
            raise UsageError(
                f"{_name(function)} has to be awaited: it is a coroutine function, or as one",
                f"await breaker.acall({_name(function)}, …)",
            )
        outcome, answer = self._counted_now(ticket, answer)
        if outcome is not None:
            self.reported(ticket, outcome)
        return answer

    async def _partly_aside(self, ticket: Ticket, answer: R) -> R:
        outcome, answer = self._counted_now(ticket, answer)
        if outcome is not None:
            await _aside(self.reported, ticket, outcome)
        return answer

    def _counted_now(self, ticket: Ticket, answer: R) -> tuple[CallOutcome | None, R]:
        """What an answer says now and itself; or None, and what tells when it ends."""
        outcome = self._outcome(answer, self._classify_answer or answers.outcome_of)
        streams = answers.streams_of(answer)
        if outcome is not CallOutcome.SUCCESS or not (streams or answers.is_coming(answer)):
            return outcome, answer
        parts = cast("dict[str, Any]", answer)
        for name in streams:
            parts[name] = self._watched(ticket, parts[name])
        return None, answer if streams else cast(R, self._watched(ticket, answer))

    def _watched(self, ticket: Ticket, stream: object) -> object:
        def tell(how: Ended) -> None:
            if isinstance(how, BaseException):
                self.failed(ticket, how)
            else:
                self.reported(ticket, how)

        async def tell_aside(how: Ended) -> None:
            await _aside(tell, how)

        def judge(error: BaseException) -> CallOutcome:
            return self._outcome(error, self._classify)

        return answers.watched(stream, tell, tell_aside, judge)

    def _stream(self, given: R, function: Callable[..., object]) -> R:
        if not answers.is_whole(given) and answers.is_async(given):
            return given
        raise UsageError(
            f"{_name(function)} gave back {type(given).__name__}, which cannot be awaited",
            f"breaker.call({_name(function)}, …)",
        )

    def _forget(self) -> None:
        with self._lock:
            self._fresh_from = self._fresh_until = 0
            self._plain = None

    def _outcome(self, result: R, judge: Callable[[R], CallOutcome] | None) -> CallOutcome:
        """What a call's result says; where a classifier fails, nothing, and the result counts."""
        if judge is None:
            return CallOutcome.SUCCESS
        try:
            return CallOutcome(judge(result))
        except Exception as error:  # noqa: BLE001  (its answer or error is the caller's all the same)
            self.unrecorded += 1
            if isinstance(result, BaseException):
                result.add_note(f"the circuit breaker's classifier failed: {error!r}")
            return CallOutcome.NEUTRAL

    async def _admit_aside(self) -> Ticket:
        """As :meth:`admit`, in a thread; who is cancelled meanwhile leaves no probe behind."""
        import asyncio

        asking = asyncio.ensure_future(asyncio.to_thread(self.admit))
        try:
            return await asyncio.shield(asking)
        except asyncio.CancelledError:
            asking.add_done_callback(self._give_back)
            raise

    def _give_back(self, admission: Future[Ticket]) -> None:
        if not admission.cancelled() and admission.exception() is None and admission.result().probe:
            admission.get_loop().run_in_executor(
                None, self.reported, admission.result(), CallOutcome.NEUTRAL
            )


def _name(function: Callable[..., object]) -> str:
    return str(getattr(function, "__qualname__", type(function).__name__))[:80]


def _let_go(awaitable: object) -> None:
    """Let what nobody will await end, without a warning."""
    for name in ("close", "cancel"):
        if callable(end := getattr(awaitable, name, None)):
            end()
            return


async def _aside(report: Callable[..., object], *args: object) -> None:
    """Report in a thread; a cancellation meanwhile does not undo it."""
    import asyncio

    await asyncio.shield(asyncio.ensure_future(asyncio.to_thread(report, *args)))
