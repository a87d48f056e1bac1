"""Real clients against a provider that misbehaves: what the breaker counted of each.

``python -m tests.calls.breaker.real_clients`` measures all of them and writes the table into
``docs/circuit-breaker.md``; the tests measure them again and compare.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import signal
import socket
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from typing import Any
from unittest import mock

from engine.calls.breaker import Breaker, CallOutcome, MemoryCircuits, Ticket
from tests.calls.breaker import misbehaving
from tests.calls.breaker.fakes import Clock, breaker_of
from tests.repository import ROOT

PAGE = ROOT / "docs" / "circuit-breaker.md"
BEGIN, END = "<!-- clients -->\n", "<!-- /clients -->\n"
SOON_S = 0.05
PATIENCE: ContextVar[float] = ContextVar("PATIENCE", default=10)
"""How long a client waits, seconds: short only where the provider hangs."""
_CONTENT = [{"role": "user", "content": [{"text": "?"}]}]
MESSAGES: Any = [{"role": "user", "content": "?"}]
SHOWN = {CallOutcome.FAILURE: "**F**", CallOutcome.NEUTRAL: "-", CallOutcome.SUCCESS: "S"}

FAILURES = (
    *("refused", "DNS", "TLS", "hang", "reset", "close", "no HTTP", "truncated"),
    *("408", "429", "500", "503", "529", "error in stream"),
)
CALLERS = ("400", "cancelled", "caller's bug", "bug while handling")
ANSWERED = ("answer", "stream")
EXPECTED = {
    **dict.fromkeys(FAILURES, CallOutcome.FAILURE),
    **dict.fromkeys(CALLERS, CallOutcome.NEUTRAL),
    **dict.fromkeys(ANSWERED, CallOutcome.SUCCESS),
}
"""What a scenario is, whichever client sees it."""
SCENARIOS = tuple(EXPECTED)

Ask = Callable[[Breaker, str, bool], Any]
"""Asks a provider at an address through a breaker, and reads the whole answer; streamed or not."""


def module(name: str) -> Any:
    """A client library, by name: where the types of its own are installed or not."""
    return importlib.import_module(name)


def ask_httpx(breaker: Breaker, address: str, streamed: bool) -> Any:
    """httpx."""
    httpx = module("httpx")
    with httpx.Client(timeout=PATIENCE.get(), trust_env=False) as client:
        if not streamed:
            return breaker.call(lambda: client.get(address).raise_for_status())
        with breaker.call(client.stream, "GET", address) as answer:
            answer.raise_for_status()
            return list(answer.iter_lines())


async def ask_httpx_async(breaker: Breaker, address: str, streamed: bool) -> Any:
    """httpx, with its asynchronous client."""
    httpx = module("httpx")
    async with httpx.AsyncClient(timeout=PATIENCE.get(), trust_env=False) as client:
        if not streamed:
            answer = await breaker.acall(client.get, address)
            return answer.raise_for_status()
        async with await breaker.acall(client.stream, "GET", address) as answer:
            return [line async for line in answer.aiter_lines()]


def ask_requests(breaker: Breaker, address: str, streamed: bool) -> Any:
    """requests."""
    with module("requests").Session() as session:
        session.trust_env = False
        answer = breaker.call(session.get, address, timeout=PATIENCE.get(), stream=streamed)
        return list(answer.iter_lines()) if streamed else answer.raise_for_status()


async def ask_aiohttp(breaker: Breaker, address: str, streamed: bool) -> Any:
    """aiohttp."""
    aiohttp = module("aiohttp")
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(PATIENCE.get())) as session:
        answer = await breaker.acall(session.get, address)
        if streamed:
            return [line async for line in answer.content]
        return await answer.read()


def ask_openai(breaker: Breaker, address: str, streamed: bool) -> Any:
    """openai."""
    with module("openai").OpenAI(
        base_url=f"{address}v1", api_key="k", max_retries=0, timeout=PATIENCE.get()
    ) as client:
        create = client.chat.completions.create
        answer = breaker.call(create, model="m", messages=MESSAGES, stream=streamed)
        return list(answer) if streamed else answer


async def ask_openai_async(breaker: Breaker, address: str, streamed: bool) -> Any:
    """openai, with its asynchronous client."""
    async with module("openai").AsyncOpenAI(
        base_url=f"{address}v1", api_key="k", max_retries=0, timeout=PATIENCE.get()
    ) as client:
        create = client.chat.completions.create
        answer = await breaker.acall(create, model="m", messages=MESSAGES, stream=streamed)
        return [event async for event in answer] if streamed else answer


def ask_anthropic(breaker: Breaker, address: str, streamed: bool) -> Any:
    """anthropic."""
    with module("anthropic").Anthropic(
        base_url=address, api_key="k", max_retries=0, timeout=PATIENCE.get()
    ) as client:
        given: Any = {"model": "m", "messages": MESSAGES, "max_tokens": 5}
        if not streamed:
            return breaker.call(client.messages.create, **given)
        with breaker.call(client.messages.stream, **given) as answer:
            return list(answer.text_stream)


async def ask_anthropic_async(breaker: Breaker, address: str, streamed: bool) -> Any:
    """anthropic, with its asynchronous client."""
    async with module("anthropic").AsyncAnthropic(
        base_url=address, api_key="k", max_retries=0, timeout=PATIENCE.get()
    ) as client:
        given: Any = {"model": "m", "messages": MESSAGES, "max_tokens": 5, "stream": streamed}
        answer = await breaker.acall(client.messages.create, **given)
        return [event async for event in answer] if streamed else answer


def ask_botocore(breaker: Breaker, address: str, streamed: bool) -> Any:
    """botocore, for a body as it comes or a stream of events."""
    with _bedrock(address) as client:
        if streamed:
            answer = breaker.call(client.converse_stream, modelId="m", messages=_CONTENT)
            return list(answer["stream"])
        return breaker.call(client.invoke_model, modelId="m", body=b"{}")["body"].read()


def ask_botocore_json(breaker: Breaker, address: str, streamed: bool) -> Any:
    """botocore, for JSON that it reads itself."""
    if streamed:
        return ask_botocore(breaker, address, streamed)
    with _bedrock(address) as client:
        return breaker.call(client.converse, modelId="m", messages=_CONTENT)


@contextmanager
def _bedrock(address: str) -> Iterator[Any]:
    config = module("botocore.config").Config(
        connect_timeout=PATIENCE.get(),
        read_timeout=PATIENCE.get(),
        retries={"total_max_attempts": 1},
        proxies={},
    )
    session = module("botocore.session").get_session()
    session.set_credentials("id", "key")
    client = session.create_client(
        "bedrock-runtime", region_name="us-east-1", endpoint_url=address, config=config
    )
    try:
        yield client
    finally:
        client.close()


def ask_grpc(breaker: Breaker, address: str, streamed: bool) -> Any:
    """grpcio."""
    grpc = module("grpc")
    target, secure = _target(address)
    channel = (
        grpc.secure_channel(target, grpc.ssl_channel_credentials())
        if secure
        else grpc.insecure_channel(target)
    )
    with channel:
        if streamed:
            return list(
                breaker.call(channel.unary_stream("/a/stream"), b"?", timeout=PATIENCE.get())
            )
        return breaker.call(channel.unary_unary("/a/ask"), b"?", timeout=PATIENCE.get())


async def ask_grpc_async(breaker: Breaker, address: str, streamed: bool) -> Any:
    """grpcio, with its asynchronous client."""
    aio, grpc = module("grpc").aio, module("grpc")
    target, secure = _target(address)
    channel = (
        aio.secure_channel(target, grpc.ssl_channel_credentials())
        if secure
        else aio.insecure_channel(target)
    )
    async with channel:
        if not streamed:
            return await breaker.acall(channel.unary_unary("/a/ask"), b"?", timeout=PATIENCE.get())
        answer = await breaker.acall(
            channel.unary_stream("/a/stream"), b"?", timeout=PATIENCE.get()
        )
        return [piece async for piece in answer]


def _target(address: str) -> tuple[str, bool]:
    scheme, _, rest = address.partition("://")
    return rest.rstrip("/"), scheme == "https"


LIGHT: Mapping[str, Ask] = {
    "httpx": ask_httpx,
    "httpx, async": ask_httpx_async,
    "requests": ask_requests,
}
"""Those whose libraries the core suite has."""
CLIENTS: Mapping[str, Ask] = {
    **LIGHT,
    "aiohttp": ask_aiohttp,
    "openai": ask_openai,
    "openai, async": ask_openai_async,
    "anthropic": ask_anthropic,
    "anthropic, async": ask_anthropic_async,
    "botocore": ask_botocore,
    "botocore, JSON": ask_botocore_json,
    "grpcio": ask_grpc,
    "grpcio, async": ask_grpc_async,
}
_EMPTY_MESSAGE: dict[str, Any] = {
    "type": "message_start",
    "message": {
        **{"id": "1", "type": "message", "role": "assistant", "content": [], "model": "m"},
        **{"stop_reason": None, "stop_sequence": None},
        "usage": {"input_tokens": 1, "output_tokens": 1},
    },
}
GRPC = ("grpcio", "grpcio, async")
GRPC_CODES = {
    "answer": "OK",
    "stream": "OK",
    "caller's bug": "OK",
    "error in stream": "UNAVAILABLE",
    "bug while handling": "UNAVAILABLE",
    "400": "INVALID_ARGUMENT",
    "408": "DEADLINE_EXCEEDED",
    "429": "RESOURCE_EXHAUSTED",
    "500": "INTERNAL",
    "503": "UNAVAILABLE",
    "529": "RESOURCE_EXHAUSTED",
}


@contextmanager
def nobody_knows(host: str) -> Iterator[None]:
    """A name is not found, without a question to a server of names; gRPC's own code asks one."""
    find = socket.getaddrinfo

    def found(name: Any, *args: Any, **kwargs: Any) -> Any:
        if name in (host, host.encode()):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return find(name, *args, **kwargs)

    with mock.patch.object(socket, "getaddrinfo", found):
        yield


@contextmanager
def provider(client: str, scenario: str) -> Iterator[str]:
    """A provider that behaves as the scenario says; its address."""
    if scenario == "DNS":
        with nobody_knows("nowhere.invalid"):
            yield "http://nowhere.invalid:1/"
        return
    scheme = "https" if scenario == "TLS" else "http"
    with ExitStack() as stack:
        if scenario == "refused":
            port = stack.enter_context(misbehaving.refusing())
        elif client in GRPC and scenario in GRPC_CODES:
            port = stack.enter_context(_grpc_server(GRPC_CODES[scenario]))
        else:
            port = stack.enter_context(misbehaving.serving(_manner(client, scenario)))
        yield f"{scheme}://127.0.0.1:{port}/"


def _manner(client: str, scenario: str) -> misbehaving.Manner:
    if scenario in ("error in stream", "stream"):
        return _stream(client, broken=scenario != "stream")
    if scenario == "bug while handling":
        return misbehaving.failing(503)
    plain: dict[str, misbehaving.Manner] = {
        "TLS": misbehaving.answering(b"{}"),
        "hang": misbehaving.hanging,
        "cancelled": misbehaving.hanging,
        "reset": misbehaving.resetting,
        "close": misbehaving.closing,
        "no HTTP": misbehaving.babbling,
        "truncated": misbehaving.cut_frame if client in GRPC else misbehaving.truncating,
        "caller's bug": misbehaving.answering(b"{}"),
        "answer": misbehaving.answering(b"{}"),
    }
    return plain[scenario] if scenario in plain else misbehaving.failing(int(scenario))


def _stream(client: str, *, broken: bool) -> misbehaving.Manner:
    """A stream that begins with 200; an error event where the client knows such, or it is cut."""
    events = "text/event-stream"
    if client.startswith("openai"):
        error = b'data: {"error": {"type": "server_error", "message": "no luck"}}\n\n'
        return misbehaving.streaming(error if broken else b"data: [DONE]\n\n", kind=events)
    if client.startswith("anthropic"):
        said: list[dict[str, Any]] = [_EMPTY_MESSAGE, {"type": "message_stop"}]
        if broken:
            told = {"type": "overloaded_error", "message": "Overloaded"}
            said[1] = {"type": "error", "error": told}
        pieces = [f"event: {one['type']}\ndata: {json.dumps(one)}\n\n".encode() for one in said]
        return misbehaving.streaming(*pieces, kind=events)
    if client.startswith("botocore"):
        about = {":message-type": "exception", ":exception-type": "modelStreamErrorException"}
        body = b'{"message": "no luck"}'
        if not broken:
            about = {":message-type": "event", ":event-type": "messageStop"}
            body = b'{"stopReason": "end_turn"}'
        message = misbehaving.event_stream_message(about, body)
        return misbehaving.streaming(message, kind="application/vnd.amazon.eventstream")
    return misbehaving.streaming(b"one\n", b"two\n", kind="text/plain", cut=broken)


@contextmanager
def _grpc_server(code: str) -> Iterator[int]:
    grpc = module("grpc")
    futures = module("concurrent.futures")

    def end(context: Any) -> None:
        if code != "OK":
            context.abort(grpc.StatusCode[code], "no luck")

    def answer(_: bytes, context: Any) -> bytes:
        end(context)
        return b"one"

    def stream(_: bytes, context: Any) -> Iterator[bytes]:
        yield b"one"
        end(context)

    def service(_: Any, details: Any) -> Any:
        if details.method.endswith("stream"):
            return grpc.unary_stream_rpc_method_handler(stream)
        return grpc.unary_unary_rpc_method_handler(answer)

    handler = type("Handler", (grpc.GenericRpcHandler,), {"service": service})
    with futures.ThreadPoolExecutor(2) as pool:
        server = grpc.server(pool)
        server.add_generic_rpc_handlers((handler(),))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield int(port)
        finally:
            server.stop(0).wait()


def counted(client: str, scenario: str) -> CallOutcome:
    """What the breaker counts of one call of ``client``; one failure was counted before it."""
    patience = PATIENCE.set(0.3 if scenario == "hang" else 10)
    breaker = breaker_of(MemoryCircuits(), Clock())
    breaker.reported(Ticket("", 0, probe=False), CallOutcome.FAILURE)
    outcomes = (Exception, asyncio.CancelledError, KeyboardInterrupt)
    with provider(client, scenario) as address, suppress(*outcomes):
        _run(CLIENTS[client], breaker, address, scenario)
    PATIENCE.reset(patience)
    if breaker.unrecorded:
        raise AssertionError(f"{client}, {scenario}: the classifier failed")
    failures = breaker.state().failures
    return {0: CallOutcome.SUCCESS, 1: CallOutcome.NEUTRAL, 2: CallOutcome.FAILURE}[failures]


def _run(ask: Ask, breaker: Breaker, address: str, scenario: str) -> Any:
    streamed = scenario in ("error in stream", "stream")
    if scenario == "caller's bug":
        return _with_bug(ask, breaker, address, before=True)
    if scenario == "bug while handling":
        return _with_bug(ask, breaker, address, before=False)
    if scenario != "cancelled":
        answer = ask(breaker, address, streamed)
        return asyncio.run(answer) if asyncio.iscoroutine(answer) else answer
    heard = misbehaving.heard
    heard.clear()
    if asyncio.iscoroutinefunction(ask):
        return asyncio.run(_cancelled(ask(breaker, address, streamed), heard))
    return _interrupted(lambda: ask(breaker, address, streamed), heard)


def _with_bug(ask: Ask, breaker: Breaker, address: str, *, before: bool) -> Any:
    """The caller's own function asks, and fails by itself: at once, or in its except block."""
    inner = breaker_of(MemoryCircuits(), Clock())

    def own() -> Any:
        if before:
            return MESSAGES[0]["missing"]
        try:
            return _must_raise(ask(inner, address, False))
        except Exception:  # noqa: BLE001
            return MESSAGES[0]["missing"]

    async def own_async() -> Any:
        if before:
            return MESSAGES[0]["missing"]
        try:
            return _must_raise(await ask(inner, address, False))
        except Exception:  # noqa: BLE001
            return MESSAGES[0]["missing"]

    if asyncio.iscoroutinefunction(ask):
        return asyncio.run(breaker.acall(own_async))
    return breaker.call(own)


def _must_raise(answer: Any) -> Any:
    """Where a client gives back what failed, its caller looks at that."""
    raise ConnectionError(repr(answer)[:80])


async def _cancelled(asked: Awaitable[Any], heard: threading.Event) -> Any:
    task = asyncio.ensure_future(asked)
    await asyncio.to_thread(heard.wait, 30)
    await asyncio.sleep(SOON_S)
    task.cancel()
    return await task


def _interrupted(work: Callable[[], Any], heard: threading.Event) -> Any:
    """Ctrl-C once the provider has heard ``work``; the main thread alone hears of it."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)

    def interrupt() -> None:
        heard.wait(30)
        time.sleep(SOON_S)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        return work()
    finally:
        try:
            thread.join()
        finally:
            signal.signal(signal.SIGINT, previous)


def table(results: Mapping[tuple[str, str], CallOutcome]) -> str:
    """The page's table of what was counted."""
    lines = [
        "| | " + " | ".join(CLIENTS) + " |",
        "|---|" + "---|" * len(CLIENTS),
        *(
            f"| {scenario} | "
            + " | ".join(SHOWN[results[client, scenario]] for client in CLIENTS)
            + " |"
            for scenario in SCENARIOS
        ),
    ]
    return "\n".join(lines) + "\n"


def written() -> dict[tuple[str, str], CallOutcome]:
    """What the page's table says."""
    text = PAGE.read_text(encoding="utf-8")
    rows = text.partition(BEGIN)[2].partition(END)[0].splitlines()
    read = {shown: outcome for outcome, shown in SHOWN.items()}
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    names = cells[0][1:]
    return {
        (client, row[0]): read[cell]
        for row in cells[2:]
        for client, cell in zip(names, row[1:], strict=True)
    }


def main() -> int:
    """Measure all, and write the page's table."""
    results = {(client, one): counted(client, one) for one in SCENARIOS for client in CLIENTS}
    text = PAGE.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    PAGE.write_text(head + BEGIN + table(results) + END + rest.partition(END)[2], encoding="utf-8")
    sys.stdout.write(table(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
