"""What a call gave back: an answer that is whole, or one that is still coming.

A stream says how it went only when it ends. So a call that gives one back is counted then: the
caller gets a stand-in that does what the stream does, and tells once how it ended. Types whose
answers are whole, which are nearly all, are known again by a look into a set.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

from engine.calls.breaker.classify import of_event, of_status, status_of
from engine.calls.breaker.machine import CallOutcome

Ended = BaseException | CallOutcome
"""How an answer ended: what was raised, or what it says."""

MAX_WHOLE_TYPES = 4096
WHOLE: set[type] = {str, bytes, int, float, bool, list, tuple, type(None)}
"""Types whose values are whole answers. Looked at by every call; see :func:`is_whole`."""

_HTTP = frozenset(("httpx", "httpx2", "requests", "aiohttp", "urllib3", "http"))
_CLIENTS = _HTTP | {"openai", "anthropic", "grpc", "contextlib", "botocore", "aiobotocore"}
_NAMED = ("Manager", "Stream", "Response")
_DONE = ("is_stream_consumed", "is_closed", "_content_consumed", "closed")
_READ_WHOLE = frozenset(
    [
        "read",
        "aread",
        "readall",
        "json",
        "text",
        "content",
        "result",
        "until_done",
        "get_final_message",
        "get_final_text",
        "get_final_completion",
        "get_final_response",
    ]
)
"""Members of a stream that give all the rest of it."""


def is_whole(answer: object) -> bool:
    """Whether nothing of ``answer`` is still coming and it has no status; remembers its type."""
    kind = type(answer)
    if isinstance(answer, dict):
        return "ResponseMetadata" not in answer
    if inspect.isawaitable(answer) or _is_stream(kind) or _is_response(kind):
        return False
    if len(WHOLE) >= MAX_WHOLE_TYPES:
        WHOLE.clear()
    WHOLE.add(kind)
    return True


def is_coming(answer: object) -> bool:
    """Whether an answer that is not whole is a stream, of which some is still to come."""
    if not _is_response(type(answer)):
        return _is_stream(type(answer))
    if any(getattr(answer, name, False) is True for name in _DONE):
        return False
    return getattr(answer, "_body", None) is None  # aiohttp's, once it is read


def is_async(answer: object) -> bool:
    """Whether a stream is read with ``async for`` or ``async with``."""
    return hasattr(type(answer), "__aiter__") or hasattr(type(answer), "__aenter__")


def outcome_of(answer: object) -> CallOutcome:
    """Return what the status of an answer says; a success when it has none."""
    status = status_of(answer) if _is_response(type(answer)) else None
    return CallOutcome.SUCCESS if status is None else of_status(status)


def streams_of(answer: object) -> list[str]:
    """The members of an answer of AWS, a dictionary, that are streams."""
    members = answer.items() if isinstance(answer, dict) else ()
    return [name for name, value in members if _root(type(value)).endswith("botocore")]


def _is_response(kind: type) -> bool:
    return _root(kind) in _HTTP and kind.__name__.endswith("Response")


def _is_stream(kind: type) -> bool:
    if hasattr(kind, "__pydantic_fields__") or _root(kind) == "unittest":
        return False  # one can iterate over its members, and a mock does all there is
    if hasattr(kind, "__next__") or hasattr(kind, "__aiter__"):
        return True
    if _root(kind) not in _CLIENTS:
        return False
    managed = hasattr(kind, "__enter__") or hasattr(kind, "__aenter__") or _is_paged(kind)
    return managed and any(word in kind.__name__ for word in _NAMED)


def _is_paged(kind: type) -> bool:
    return _root(kind).endswith("botocore") and hasattr(kind, "__iter__")


def _root(kind: type) -> str:
    return kind.__module__.partition(".")[0]


class _Once:
    """Tells how an answer ended, the first time that it is known."""

    __slots__ = ("judge", "over", "tell")

    def __init__(
        self, tell: Callable[[Ended], Any], judge: Callable[[BaseException], CallOutcome]
    ) -> None:
        self.tell = tell
        self.judge = judge
        self.over = False

    def ends(self, error: BaseException) -> bool:
        """Whether what a method raised ends the answer: not what is only the caller's."""
        return not isinstance(error, Exception) or self.judge(error) is CallOutcome.FAILURE

    def __call__(self, how: Ended) -> Any:
        if self.over:
            return None
        self.over = True
        return self.tell(how)


class _StandIn:
    """Does what an answer does. Its class is the answer's, to all that asks."""

    __slots__ = ("_answer", "_items", "_once")
    _answer: Any
    _items: Any
    _once: _Once

    def __init__(self, answer: Any, once: _Once) -> None:
        object.__setattr__(self, "_answer", answer)
        object.__setattr__(self, "_once", once)
        object.__setattr__(self, "_items", None)

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return type(object.__getattribute__(self, "_answer"))

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._answer, name, value)

    def __repr__(self) -> str:
        return repr(self._answer)

    def __bool__(self) -> bool:
        return bool(self._answer)


class Stream(_StandIn):
    """Stands in for a stream that is read with ``for`` and ``with``."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        value = self._watching(lambda: getattr(self._answer, name))
        if not callable(value):
            return self._part(name, value)

        def method(*args: Any, **kwargs: Any) -> Any:
            given = self._watching(lambda: value(*args, **kwargs))
            if name == "close":
                self._once(CallOutcome.NEUTRAL)
            whole = not args and not kwargs.get("amt") and not kwargs.get("size")
            return self._part(name, given, whole=whole)

        return method

    def __iter__(self) -> Iterator[Any]:
        object.__setattr__(self, "_items", self._watching(lambda: iter(self._answer)))
        return self

    def __next__(self) -> Any:
        if self._items is None:
            iter(self)
        try:
            item = next(self._items)
        except StopIteration:
            self._once(CallOutcome.SUCCESS)
            raise
        except BaseException as error:
            self._once(error)
            raise
        if (outcome := of_event(item)) is not None:
            self._once(outcome)
        return item

    def __enter__(self) -> Any:
        inner = self._watching(self._answer.__enter__)
        return self if inner is self._answer else self._part("", inner)

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> Any:
        try:
            done = self._answer.__exit__(kind, error, trace)
        except BaseException as other:
            self._once(error or other)
            raise
        self._once(CallOutcome.SUCCESS if error is None else error)
        return done

    def _watching(self, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except BaseException as error:
            if self._once.ends(error):
                self._once(error)
            raise

    def _part(self, name: str, value: Any, *, whole: bool = True) -> Any:
        if _is_stream(type(value)) and not is_async(value):
            return Stream(value, self._once)
        if (name in _READ_WHOLE and whole) or (name == "read" and value == b""):
            self._once(CallOutcome.SUCCESS)
        return value


class AsyncStream(_StandIn):
    """Stands in for a stream that is read with ``async for`` and ``async with``."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._answer, name)
        if not callable(value):
            return self._part(value)

        def method(*args: Any, **kwargs: Any) -> Any:
            given = value(*args, **kwargs)
            if inspect.isawaitable(given):
                return self._awaited(name, given, whole=not args and not kwargs)
            return self._part(given)

        return method

    async def _awaited(self, name: str, given: Awaitable[Any], *, whole: bool) -> Any:
        try:
            value = await given
        except BaseException as error:
            if self._once.ends(error):
                await self._end(error)
            raise
        if name in ("aclose", "close"):
            await self._end(CallOutcome.NEUTRAL)
        elif (name in _READ_WHOLE and whole) or (name == "read" and value == b""):
            await self._end(CallOutcome.SUCCESS)
        return self._part(value)

    def __aiter__(self) -> AsyncIterator[Any]:
        object.__setattr__(self, "_items", aiter(self._answer))
        return self

    async def __anext__(self) -> Any:
        if self._items is None:
            aiter(self)
        try:
            item = await anext(self._items)
        except StopAsyncIteration:
            await self._end(CallOutcome.SUCCESS)
            raise
        except BaseException as error:
            await self._end(error)
            raise
        if (outcome := of_event(item)) is not None:
            await self._end(outcome)
        return item

    async def __aenter__(self) -> Any:
        try:
            inner = await self._answer.__aenter__()
        except BaseException as error:
            await self._end(error)
            raise
        return self if inner is self._answer else self._part(inner)

    async def __aexit__(self, kind: Any, error: BaseException | None, trace: Any) -> Any:
        try:
            done = await self._answer.__aexit__(kind, error, trace)
        except BaseException as other:
            await self._end(error or other)
            raise
        await self._end(CallOutcome.SUCCESS if error is None else error)
        return done

    async def _end(self, how: Ended) -> None:
        telling = self._once(how)
        if telling is not None:
            await telling

    def _part(self, value: Any) -> Any:
        if _is_stream(type(value)) and is_async(value):
            return AsyncStream(value, self._once)
        return value


def watched(
    answer: object, tell: Callable[[Ended], None], judge: Callable[[BaseException], CallOutcome]
) -> Any:
    """Return what does as ``answer`` does, a stream, and tells how it ended."""
    return Stream(answer, _Once(tell, judge))


def watched_aside(
    answer: object,
    tell: Callable[[Ended], Awaitable[None]],
    judge: Callable[[BaseException], CallOutcome],
) -> Any:
    """As :func:`watched`, of a stream that coroutines read."""
    return AsyncStream(answer, _Once(tell, judge))
