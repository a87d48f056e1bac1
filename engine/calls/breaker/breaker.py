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
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from engine.calls.breaker import machine
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
        classify_answer: What an answer says; every answer is a success if not given.
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

        Raises:
            CircuitOpenError: It does not; says after how long to try again.
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

    async def call_async(
        self, function: Callable[P, Awaitable[R]], /, *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Return ``await function(*args, **kwargs)``, if the circuit lets it through.

        What has to be written is written in a thread, so that the event loop goes on.

        Raises:
            CircuitOpenError: As :meth:`call`.
            BaseException: Whatever ``function`` raises.
        """
        ticket = self._plain
        if ticket is None or not self._fresh_from <= self._clock() < self._fresh_until:
            ticket = await self._admit_aside()
        try:
            answer = await function(*args, **kwargs)
        except BaseException as error:
            outcome = self._outcome(error, self._classify)
            if ticket.probe or outcome is CallOutcome.FAILURE:
                await _aside(self._failed, ticket, error, outcome)
            raise
        if (
            ticket is not self._plain
            or self._classify_answer is not None
            or not self._fresh_from <= self._clock() < self._fresh_until
        ):
            outcome = self._outcome(answer, self._classify_answer)
            await _aside(self.reported, ticket, outcome)
        return answer

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
        return outcome is CallOutcome.SUCCESS and self._look(now_ms).failures > 0

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
            untroubled = circuit.phase is Phase.CLOSED and not circuit.failures
            if not untroubled:
                self._plain = None
            elif self._plain is None or self._plain.turn != circuit.turn:
                self._plain = Ticket("", circuit.turn, probe=False)

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


async def _aside(report: Callable[..., object], *args: object) -> None:
    """Report in a thread; a cancellation meanwhile does not undo it."""
    import asyncio

    await asyncio.shield(asyncio.ensure_future(asyncio.to_thread(report, *args)))
