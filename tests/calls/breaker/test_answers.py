"""INV-BREAKER-3: an answer that is still coming counts when it ends, and by how it ended."""

from __future__ import annotations

import asyncio
import functools
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from unittest.mock import MagicMock

import httpx
import pytest

from engine.calls.breaker import Breaker, Phase
from engine.calls.breaker.circuits import MemoryCircuits
from engine.errors import CircuitOpenError, UsageError
from tests.calls.breaker.fakes import Clock, HttpError, Provider, breaker_of, fail


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    """One on which a failure was counted: a success ends the row, a failure makes it two."""
    breaker = breaker_of(MemoryCircuits(), clock)
    fail(breaker, Provider(), 1)
    return breaker


def pieces(*given: Any) -> Iterator[Any]:
    """A stream that gives these; an error among them is raised."""
    for piece in given:
        if isinstance(piece, BaseException):
            raise piece
        yield piece


async def pieces_async(*given: Any) -> AsyncIterator[Any]:
    """As :func:`pieces`."""
    for piece in given:
        await asyncio.sleep(0)
        if isinstance(piece, BaseException):
            raise piece
        yield piece


def test_a_stream_counts_when_it_ends(breaker: Breaker) -> None:
    stream = breaker.call(pieces, 1, 2)
    assert next(stream) == 1
    assert breaker.state().failures == 1
    assert list(stream) == [2]
    assert breaker.state().failures == 0


def test_a_stream_that_breaks_off_is_a_failure(breaker: Breaker) -> None:
    stream = breaker.call(pieces, 1, ConnectionResetError())
    with pytest.raises(ConnectionResetError):
        list(stream)
    assert breaker.state().failures == 2
    assert list(stream) == []
    assert breaker.state().failures == 2


def test_a_stream_that_the_caller_ends_counts_neither_way(breaker: Breaker) -> None:
    stream = breaker.call(pieces, 1, 2)
    assert next(stream) == 1
    stream.close()  # type: ignore[attr-defined]
    assert breaker.state().failures == 1


@pytest.mark.parametrize("error", [LookupError(), HttpError(404), KeyboardInterrupt()])
def test_what_says_nothing_of_the_provider_counts_neither_way(
    breaker: Breaker, error: BaseException
) -> None:
    with pytest.raises(type(error)):
        list(breaker.call(pieces, 1, error))
    assert breaker.state().failures == 1


def test_a_probe_that_streams_holds_its_lease_until_it_ends(clock: Clock) -> None:
    """INV-BREAKER-1"""
    breaker = breaker_of(MemoryCircuits(), clock)
    fail(breaker, Provider(), 5)
    clock.passes(60)
    stream = breaker.call(pieces, 1)
    with pytest.raises(CircuitOpenError):
        breaker.call(pieces, 1)
    assert list(stream) == [1]
    assert (breaker.state().phase, breaker.state().successes) == (Phase.HALF_OPEN, 1)
    stream = breaker.call(pieces, 1)
    stream.close()  # type: ignore[attr-defined]
    assert breaker.state().probe is None


def test_streams_that_break_off_open_the_circuit(clock: Clock) -> None:
    breaker = breaker_of(MemoryCircuits(), clock)
    for _ in range(5):
        with pytest.raises(TimeoutError):
            list(breaker.call(pieces, 1, TimeoutError()))
    with pytest.raises(CircuitOpenError):
        breaker.call(pieces, 1)


def test_what_is_given_back_is_as_the_stream_to_all_that_looks(breaker: Breaker) -> None:
    class Told:
        """As a client's own stream."""

        def __init__(self) -> None:
            self.items = iter([1, 2])
            self.encoding = "ascii"

        def __iter__(self) -> Iterator[int]:
            return self

        def __next__(self) -> int:
            return next(self.items)

        def __enter__(self) -> Told:
            return self

        def __exit__(self, *_: object) -> None:
            self.encoding = "closed"

    inner = Told()
    stream = breaker.call(lambda: inner)
    assert isinstance(stream, Told)
    assert repr(stream) == repr(inner)
    stream.encoding = "utf-8"
    assert inner.encoding == stream.encoding == "utf-8"
    with pytest.raises(AttributeError):
        stream.nothing  # type: ignore[attr-defined]  # noqa: B018
    assert breaker.state().failures == 1
    with stream as entered:
        assert next(entered) == 1
    assert inner.encoding == "closed"
    assert breaker.state().failures == 0


def test_a_with_is_a_stream_too(breaker: Breaker) -> None:
    @contextmanager
    def connected(error: Exception | None) -> Iterator[Iterator[int]]:
        if error is not None:
            raise error
        yield pieces(1, 2)

    with breaker.call(connected, None) as inner:
        assert breaker.state().failures == 1
        assert list(inner) == [1, 2]
    assert breaker.state().failures == 0
    with pytest.raises(HttpError), breaker.call(connected, HttpError(503)):
        raise AssertionError("was not to begin")
    assert breaker.state().failures == 1
    with pytest.raises(LookupError), breaker.call(connected, None):
        raise LookupError("the caller's own, in the body")
    assert breaker.state().failures == 1


def test_what_is_read_whole_has_ended(breaker: Breaker) -> None:
    file = breaker.call(io.BytesIO, b"abc")
    assert file.read(1) == b"a"
    assert breaker.state().failures == 1
    assert file.read() == b"bc"
    assert breaker.state().failures == 0


def test_members_of_an_answer_of_aws_are_streams(breaker: Breaker) -> None:
    kind = type("EventStream", (), {"__module__": "botocore.eventstream"})
    stream = kind()
    kind.__iter__ = lambda _: pieces(1, TimeoutError())  # type: ignore[attr-defined]
    answer = breaker.call(lambda: {"ResponseMetadata": {"HTTPStatusCode": 200}, "stream": stream})
    assert set(answer) == {"ResponseMetadata", "stream"}
    with pytest.raises(TimeoutError):
        list(answer["stream"])
    assert breaker.state().failures == 2


@pytest.mark.parametrize(
    ("status", "failures"), [(200, 0), (204, 0), (302, 1), (404, 1), (408, 2), (429, 2), (503, 2)]
)
def test_an_answer_that_a_client_gives_back_is_judged_by_its_status(
    breaker: Breaker, status: int, failures: int
) -> None:
    """INV-BREAKER-7"""
    answer = httpx.Response(status, content=b"{}")
    assert breaker.call(lambda: answer) is answer
    assert breaker.state().failures == failures


def test_plain_answers_are_given_back_as_they_are(breaker: Breaker) -> None:
    for answer in ({}, [], "", 0, None, object(), {"a": 1}, MagicMock(), range(3), lambda: 1):
        assert breaker.call(lambda answer=answer: answer) is answer  # type: ignore[misc]
        assert breaker.state().failures == 0
        breaker.reset()
        fail(breaker, Provider(), 1)
        assert asyncio.run(breaker.acall(functools.partial(_answered, answer))) is answer
        assert breaker.state().failures == 0
        fail(breaker, Provider(), 1)


async def _answered(answer: Any) -> Any:
    return answer


class _Later:
    """What asynchronous clients give back from a plain function."""

    def __init__(self) -> None:
        self.cancelled = False

    def __await__(self) -> Iterator[Any]:
        return iter(())

    def cancel(self) -> None:
        """As of a task."""
        self.cancelled = True


@pytest.mark.parametrize(
    "function",
    [Provider().ask_async, functools.partial(Provider().ask_async, "x"), lambda: _answered(1)],
)
def test_a_coroutine_function_is_an_error_that_names_acall(
    breaker: Breaker, function: Callable[[], Awaitable[Any]]
) -> None:
    with pytest.raises(UsageError, match=r"has to be awaited(.|\n)*await breaker\.acall"):
        breaker.call(function)
    assert breaker.state().failures == 1


def test_what_has_to_be_awaited_is_let_go_and_gives_its_probe_back(clock: Clock) -> None:
    breaker = breaker_of(MemoryCircuits(), clock)
    fail(breaker, Provider(), 5)
    clock.passes(60)
    later = _Later()
    with pytest.raises(UsageError, match="acall"):
        breaker.call(lambda: later)
    assert later.cancelled
    assert (breaker.state().phase, breaker.state().probe) == (Phase.HALF_OPEN, None)


def test_acall_of_a_plain_function_is_an_error_that_names_call(breaker: Breaker) -> None:
    function: Any = Provider().ask
    with pytest.raises(UsageError, match=r"cannot be awaited(.|\n)*breaker\.call\("):
        asyncio.run(breaker.acall(function))
    assert breaker.state().failures == 1


def test_the_older_name_of_acall_stays(breaker: Breaker) -> None:
    assert asyncio.run(breaker.call_async(Provider().ask_async, "x")) == "answer to x"
    assert breaker.state().failures == 0


async def _made(*given: Any) -> AsyncIterator[Any]:
    return pieces_async(*given)


def test_streams_that_coroutines_read_count_when_they_end(breaker: Breaker) -> None:
    async def story() -> None:
        stream = await breaker.acall(_made, 1, 2)
        assert await anext(stream) == 1
        assert breaker.state().failures == 1
        assert [piece async for piece in stream] == [2]
        assert breaker.state().failures == 0

        stream = await breaker.acall(_made, 1, ConnectionResetError())
        with pytest.raises(ConnectionResetError):
            [piece async for piece in stream]
        assert breaker.state().failures == 1

        stream = await breaker.acall(_made, 1, 2)
        await anext(stream)
        await stream.aclose()  # type: ignore[attr-defined]
        assert breaker.state().failures == 1

        given: Any = pieces_async
        assert [piece async for piece in await breaker.acall(given, 3)] == [3]
        assert [piece async for piece in breaker.call(given, 3)] == [3]
        assert breaker.state().failures == 0

    asyncio.run(story())


def test_an_async_with_is_a_stream_too(breaker: Breaker) -> None:
    @asynccontextmanager
    async def connected(error: Exception | None) -> AsyncIterator[AsyncIterator[int]]:
        if error is not None:
            raise error
        yield pieces_async(1, TimeoutError())

    async def story() -> None:
        function: Any = connected
        with pytest.raises(HttpError):
            async with await breaker.acall(function, HttpError(503)):
                raise AssertionError("was not to begin")
        assert breaker.state().failures == 2
        async with await breaker.acall(function, None) as inner:
            with pytest.raises(TimeoutError):
                [piece async for piece in inner]
            assert breaker.state().failures == 3
        async with await breaker.acall(function, None):
            pass
        assert breaker.state().failures == 0

    asyncio.run(story())


def test_a_stream_that_is_cancelled_counts_neither_way(breaker: Breaker) -> None:
    async def endless() -> AsyncIterator[int]:
        yield 1
        await asyncio.Event().wait()

    async def story() -> None:
        stream = breaker.call(endless)
        await anext(stream)
        reading = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

    asyncio.run(story())
    assert breaker.state().failures == 1


def test_a_pipe_that_nobody_reads_is_the_callers(breaker: Breaker) -> None:
    """INV-BREAKER-7: what a body prints is not what the provider did."""
    with pytest.raises(BrokenPipeError), breaker.guard():
        raise BrokenPipeError(32, "Broken pipe")
    assert breaker.state().failures == 1


class _Either:
    """A stream of a library that is read either way."""

    def __init__(self) -> None:
        self.items = iter([1, 2])

    def __iter__(self) -> Iterator[int]:
        return self

    def __next__(self) -> int:
        return next(self.items)

    def __aiter__(self) -> AsyncIterator[int]:
        return self

    async def __anext__(self) -> int:
        for item in self.items:
            return item
        raise StopAsyncIteration


def test_a_stream_of_both_kinds_is_read_either_way(breaker: Breaker) -> None:
    assert list(breaker.call(_Either)) == [1, 2]
    assert breaker.state().failures == 0
    fail(breaker, Provider(), 1)

    async def read() -> list[int]:
        return [item async for item in breaker.call(_Either)]

    assert asyncio.run(read()) == [1, 2]
    assert breaker.state().failures == 0


@pytest.mark.parametrize(
    ("length", "kind", "members", "failures"),
    [
        ("1000", "application/json", {}, 2),
        ("1000", "application/x-amz-json-1.1", {}, 2),
        ("2", "application/json", {}, 0),
        ("1000", "text/xml", {}, 0),
        ("1000", "application/json", {"output": {}}, 0),
        ("", "application/json", {}, 0),
    ],
)
def test_json_of_aws_of_which_nothing_was_read_broke_off(
    breaker: Breaker, length: str, kind: str, members: dict[str, Any], failures: int
) -> None:
    about = {"HTTPStatusCode": 200, "HTTPHeaders": {"content-type": kind, "content-length": length}}
    breaker.call(lambda: {"ResponseMetadata": about, **members})
    assert breaker.state().failures == failures


@pytest.mark.parametrize(("status", "failures"), [(200, 0), (404, 1), (503, 2)])
def test_a_with_that_begins_with_a_status_is_judged_by_it(
    breaker: Breaker, status: int, failures: int
) -> None:
    """INV-BREAKER-7: also when its body looks at the status itself and goes on."""
    transport = httpx.MockTransport(lambda _: httpx.Response(status, content=b"one\ntwo\n"))
    with (
        httpx.Client(transport=transport) as client,
        breaker.call(client.stream, "GET", "https://example.org") as answer,
    ):
        assert (answer.status_code, list(answer.iter_lines())) == (status, ["one", "two"])
    assert breaker.state().failures == failures
