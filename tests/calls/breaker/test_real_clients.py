"""INV-BREAKER-7: what is counted of real clients when their provider misbehaves."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pytest

from engine.calls.breaker import Breaker, CallOutcome, CircuitBreaker, MemoryCircuits
from engine.calls.breaker.classify import classify
from tests.calls.breaker import misbehaving, real_clients
from tests.calls.breaker.fakes import Clock, Provider, breaker_of, fail
from tests.calls.breaker.real_clients import CLIENTS, EXPECTED, LIGHT, SCENARIOS, counted, written

pytestmark = pytest.mark.filterwarnings(
    # Clients leave the sockets of calls that failed to the garbage collector.
    "ignore::pytest.PytestUnraisableExceptionWarning",
    "ignore::ResourceWarning",
)


def test_the_page_says_what_each_scenario_is_of_every_client() -> None:
    page = real_clients.PAGE.read_text(encoding="utf-8")
    expected = {(client, one): EXPECTED[one] for client in CLIENTS for one in SCENARIOS}

    assert written() == expected
    assert real_clients.table(expected) in page


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("client", LIGHT)
def test_light_clients_are_counted_as_the_page_says(client: str, scenario: str) -> None:
    assert counted(client, scenario) is written()[client, scenario]


@pytest.mark.system
@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("client", [client for client in CLIENTS if client not in LIGHT])
def test_clients_are_counted_as_the_page_says(client: str, scenario: str) -> None:
    assert counted(client, scenario) is written()[client, scenario]


def twenty(call: Any) -> Counter[str]:
    """The errors of twenty calls that are refused."""
    seen = Counter[str]()
    for _ in range(20):
        try:
            call()
        except Exception as error:  # noqa: BLE001
            seen[type(error).__name__] += 1
    return seen


def test_refused_calls_of_httpx_open_the_circuit() -> None:
    breaker = CircuitBreaker("openai", "gpt-4o")
    with misbehaving.refusing() as port, real_clients.module("httpx").Client() as client:
        seen = twenty(lambda: breaker.call(client.get, f"http://127.0.0.1:{port}/"))
    assert seen == {"ConnectError": 5, "CircuitOpenError": 15}


@pytest.mark.system
def test_refused_calls_of_openai_open_the_circuit() -> None:
    breaker = CircuitBreaker("openai", "gpt-4o")
    with (
        misbehaving.refusing() as port,
        real_clients.module("openai").OpenAI(
            base_url=f"http://127.0.0.1:{port}/v1", api_key="x", max_retries=0, timeout=1
        ) as client,
    ):
        create = client.chat.completions.create
        seen = twenty(lambda: breaker.call(create, model="gpt-4o", messages=real_clients.MESSAGES))
    assert seen == {"APIConnectionError": 5, "CircuitOpenError": 15}


_FAILED = {"id": "r", "object": "response", "status": "failed", "output": []}


@pytest.mark.system
@pytest.mark.parametrize(
    ("kind", "event", "failures"),
    [
        ("error", {"code": "server_error", "message": "no luck"}, 2),
        ("error", {"code": "invalid_prompt", "message": "no luck"}, 1),
        ("response.failed", {"response": {**_FAILED, "error": {"code": "server_error"}}}, 2),
        ("response.failed", {"response": {**_FAILED, "error": {"code": "invalid_prompt"}}}, 1),
        ("response.completed", {"response": {**_FAILED, "status": "completed"}}, 0),
    ],
)
def test_error_events_that_openai_gives_back_count(
    kind: str, event: dict[str, Any], failures: int
) -> None:
    breaker = breaker_of(MemoryCircuits(), Clock())
    fail(breaker, Provider(), 1)
    told = json.dumps({"type": kind, "sequence_number": 1, **event})
    manner = misbehaving.streaming(
        f"event: {kind}\ndata: {told}\n\n".encode(), kind="text/event-stream"
    )
    with (
        misbehaving.serving(manner) as port,
        real_clients.module("openai").OpenAI(
            base_url=f"http://127.0.0.1:{port}/v1", api_key="x", max_retries=0, timeout=5
        ) as client,
    ):
        stream = breaker.call(client.responses.create, model="m", input="?", stream=True)
        assert [one.type for one in stream] == [kind]
    assert breaker.state().failures == failures


def _chunk(text: str | None, reason: str | None) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": reason}
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return f"data: {json.dumps({**chunk, 'choices': [choice]})}\n\n".encode()


def _by_helper(breaker: Breaker, completions: Any) -> list[Any]:
    with breaker.call(completions.stream, model="m", messages=real_clients.MESSAGES) as stream:
        return list(stream)


def _by_raw_answer(breaker: Breaker, completions: Any) -> list[Any]:
    create = completions.with_raw_response.create
    answer = breaker.call(create, model="m", messages=real_clients.MESSAGES, stream=True)
    return list(answer.parse())


def _by_streamed_answer(breaker: Breaker, completions: Any) -> list[Any]:
    create = completions.with_streaming_response.create
    with breaker.call(create, model="m", messages=real_clients.MESSAGES, stream=True) as answer:
        return list(answer.iter_lines())


@pytest.mark.system
@pytest.mark.parametrize("read", [_by_helper, _by_raw_answer, _by_streamed_answer])
@pytest.mark.parametrize("cut", [False, True])
def test_every_way_to_stream_of_openai_counts_when_it_ends(read: Any, cut: bool) -> None:
    breaker = breaker_of(MemoryCircuits(), Clock())
    fail(breaker, Provider(), 1)
    events = [_chunk("hi", None)] if cut else [_chunk("hi", None), _chunk(None, "stop")]
    end = () if cut else (b"data: [DONE]\n\n",)
    manner = misbehaving.streaming(*events, *end, kind="text/event-stream", cut=cut)
    with (
        misbehaving.serving(manner) as port,
        real_clients.module("openai").OpenAI(
            base_url=f"http://127.0.0.1:{port}/v1", api_key="x", max_retries=0, timeout=5
        ) as client,
    ):
        broken = pytest.raises(Exception, match=r"Connection error|peer closed")
        with broken if cut else nullcontext():
            assert read(breaker, client.chat.completions)
    assert breaker.state().failures == (2 if cut else 0)


def _raises(*_: object) -> Any:
    raise LookupError("the caller's")


def _requests() -> Iterator[bytes]:
    yield _raises()


@pytest.mark.system
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # the caller's
@pytest.mark.parametrize(
    ("options", "ask"),
    [
        ({}, lambda channel: channel.unary_unary("/a/ask", request_serializer=_raises)(b"?")),
        ({}, lambda channel: channel.unary_unary("/a/ask", response_deserializer=_raises)(b"?")),
        ({}, lambda channel: channel.stream_unary("/a/ask")(_requests())),
        ({}, lambda channel: channel.unary_unary("/a/ask")(b"?", metadata=(("no key", "v"),))),
        ({"grpc.max_send_message_length": 1}, lambda channel: channel.unary_unary("/a/ask")(b"??")),
        (
            {"grpc.max_receive_message_length": 1},
            lambda channel: channel.unary_unary("/a/ask")(b"?"),
        ),
    ],
    ids=["serializer", "deserializer", "requests", "metadata", "sent", "received"],
)
def test_what_grpc_says_of_the_callers_own_code_does_not_count(
    options: dict[str, int], ask: Any
) -> None:
    """Though its code is INTERNAL, UNKNOWN or RESOURCE_EXHAUSTED."""
    breaker = breaker_of(MemoryCircuits(), Clock())
    grpc = real_clients.module("grpc")
    with (
        real_clients.provider("grpcio", "answer") as address,
        grpc.insecure_channel(
            address.removeprefix("http://").rstrip("/"), options=list(options.items())
        ) as channel,
        pytest.raises(grpc.RpcError),
    ):
        breaker.call(ask, channel)
    assert breaker.state().failures == 0


def _body() -> Iterator[bytes]:
    yield b"one"
    _raises()


def _in_a_full_pool(httpx: Any, address: str) -> None:
    timeout = httpx.Timeout(10, pool=0.05)
    with (
        httpx.Client(limits=httpx.Limits(max_connections=1), timeout=timeout) as client,
        client.stream("GET", address),
    ):
        client.get(address)


_WRONG: dict[str, Any] = {
    "httpx, body": lambda to: real_clients.module("httpx").post(to, content=_body()),
    "httpx, scheme": lambda _: real_clients.module("httpx").get("nowhere"),
    "httpx, header": lambda to: real_clients.module("httpx").get(to, headers={"a": "b\nc"}),
    "httpx, pool": lambda to: _in_a_full_pool(real_clients.module("httpx"), to),
    "requests, body": lambda to: real_clients.module("requests").post(to, data=_body()),
    "requests, scheme": lambda _: real_clients.module("requests").get("nowhere"),
    "requests, header": lambda to: real_clients.module("requests").get(to, headers={"a": "b\nc"}),
}


def _openai(address: str, **given: Any) -> Any:
    with real_clients.module("openai").OpenAI(
        base_url=address, api_key="k", max_retries=0, **given
    ) as client:
        return client.models.list()


async def _aiohttp_body(address: str) -> None:
    async def body() -> Any:
        yield b"one"
        _raises()

    async with real_clients.module("aiohttp").ClientSession() as session:
        await session.post(address, data=body())


_WRONG_TOO: dict[str, Any] = {
    "openai, scheme": lambda _: _openai("nowhere"),
    "openai, header": lambda to: _openai(to, default_headers={"a": "b\nc"}),
    "aiohttp, body": lambda to: asyncio.run(_aiohttp_body(to)),
}


@pytest.mark.parametrize(
    "wrong",
    [*_WRONG, *(pytest.param(name, marks=pytest.mark.system) for name in _WRONG_TOO)],
)
def test_a_request_that_the_caller_got_wrong_does_not_count(wrong: str) -> None:
    """INV-BREAKER-7: also where the client wraps it as if the connection had failed."""
    with misbehaving.serving(misbehaving.answering(b"{}")) as port:
        with pytest.raises(Exception) as caught:  # noqa: PT011
            {**_WRONG, **_WRONG_TOO}[wrong](f"http://127.0.0.1:{port}/")
        assert classify(caught.value) is CallOutcome.NEUTRAL
