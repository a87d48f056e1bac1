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
_AI = frozenset(("openai", "anthropic"))
_CLIENTS = _HTTP | _AI | {"grpc", "contextlib", "botocore", "aiobotocore"}
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
    if _root(type(answer)) in _AI:
        answer = getattr(answer, "http_response", answer)
    if any(getattr(answer, name, False) is True for name in _DONE):
        return False
    if _root(type(answer)) != "aiohttp":
        return True
    at_end = getattr(getattr(answer, "content", None), "at_eof", bool)
    return getattr(answer, "_body", None) is None and not at_end()


def is_async(answer: object) -> bool:
    """Whether a stream is read with ``async for`` or ``async with``."""
    return hasattr(type(answer), "__aiter__") or hasattr(type(answer), "__aenter__")


def outcome_of(answer: object) -> CallOutcome:
    """Return what the status of an answer says; a success when it has none."""
    if isinstance(answer, dict):
        return CallOutcome.FAILURE if _is_unread(answer) else CallOutcome.SUCCESS
    status = status_of(answer) if _is_response(type(answer)) else None
    return CallOutcome.SUCCESS if status is None else of_status(status)


def _is_unread(answer: dict[str, Any]) -> bool:
    """Whether botocore understood nothing of the JSON of AWS: it takes what broke off as empty."""
    if set(answer) != {"ResponseMetadata"}:
        return False
    headers = answer["ResponseMetadata"].get("HTTPHeaders", {})
    length = str(headers.get("content-length", ""))
    empty = len("null")
    return "json" in headers.get("content-type", "") and length.isdecimal() and int(length) > empty


def streams_of(answer: object) -> list[str]:
    """The members of an answer of AWS, a dictionary, that are streams."""
    members = answer.items() if isinstance(answer, dict) else ()
    return [name for name, value in members if _root(type(value)).endswith("botocore")]


def _is_response(kind: type) -> bool:
    raw = _root(kind) in _AI and kind.__name__.endswith("APIResponse")
    return raw or (_root(kind) in _HTTP and kind.__name__.endswith("Response"))


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
    """Tells how an answer ended, the first time that it is known.

    Args:
        tell: Takes how it ended.
        tell_aside: As ``tell``, without holding up an event loop.
        judge: What an error says of the provider.
    """

    __slots__ = ("_judge", "_over", "_tell", "_tell_aside")

    def __init__(
        self,
        tell: Callable[[Ended], None],
        tell_aside: Callable[[Ended], Awaitable[None]],
        judge: Callable[[BaseException], CallOutcome],
    ) -> None:
        self._tell = tell
        self._tell_aside = tell_aside
        self._judge = judge
        self._over = False

    def is_end(self, error: BaseException) -> bool:
        """Whether what a method raised ends the answer: not what is only the caller's."""
        return not isinstance(error, Exception) or self._judge(error) is CallOutcome.FAILURE

    def __call__(self, how: Ended) -> None:
        if not self._over:
            self._over = True
            self._tell(how)

    async def aside(self, how: Ended) -> None:
        """Tell it from a coroutine."""
        if not self._over:
            self._over = True
            await self._tell_aside(how)


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

    def __getattr__(self, name: str) -> Any:
        value = self._watching(lambda: getattr(self._answer, name))
        if not inspect.isroutine(value):
            return self._part(name, value)

        def method(*args: Any, **kwargs: Any) -> Any:
            whole = not args and not kwargs.get("amt") and not kwargs.get("size")
            given = self._watching(lambda: value(*args, **kwargs))
            if inspect.isawaitable(given):
                return self._awaited(name, given, whole=whole)
            if (outcome := _end_by(name, given, whole=whole)) is not None:
                self._once(outcome)
            return self._part("", given)

        return method

    async def _awaited(self, name: str, given: Awaitable[Any], *, whole: bool) -> Any:
        try:
            value = await given
        except BaseException as error:
            if self._once.is_end(error):
                await self._once.aside(error)
            raise
        if (outcome := _end_by(name, value, whole=whole)) is not None:
            await self._once.aside(outcome)
        return self._part("", value)

    def _watching(self, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except BaseException as error:
            if self._once.is_end(error):
                self._once(error)
            raise

    def _part(self, name: str, value: Any) -> Any:
        if _is_stream(type(value)):
            return _standing_for(value, self._once)
        if name in _READ_WHOLE:
            self._once(CallOutcome.SUCCESS)
        return value


class _Iterated(_StandIn):
    """Stands in for a stream that is read with ``for`` and ``with``."""

    __slots__ = ()

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
        if (outcome := outcome_of(inner)) is not CallOutcome.SUCCESS:
            self._once(outcome)
        return self if inner is self._answer else self._part("", inner)

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> Any:
        try:
            done = self._answer.__exit__(kind, error, trace)
        except BaseException as other:
            self._once(error or other)
            raise
        self._once(CallOutcome.SUCCESS if error is None else error)
        return done


class _IteratedAside(_StandIn):
    """Stands in for a stream that is read with ``async for`` and ``async with``."""

    __slots__ = ()

    def __aiter__(self) -> AsyncIterator[Any]:
        object.__setattr__(self, "_items", aiter(self._answer))
        return self

    async def __anext__(self) -> Any:
        if self._items is None:
            aiter(self)
        try:
            item = await anext(self._items)
        except StopAsyncIteration:
            await self._once.aside(CallOutcome.SUCCESS)
            raise
        except BaseException as error:
            await self._once.aside(error)
            raise
        if (outcome := of_event(item)) is not None:
            await self._once.aside(outcome)
        return item

    async def __aenter__(self) -> Any:
        try:
            inner = await self._answer.__aenter__()
        except BaseException as error:
            await self._once.aside(error)
            raise
        if (outcome := outcome_of(inner)) is not CallOutcome.SUCCESS:
            await self._once.aside(outcome)
        return self if inner is self._answer else self._part("", inner)

    async def __aexit__(self, kind: Any, error: BaseException | None, trace: Any) -> Any:
        try:
            done = await self._answer.__aexit__(kind, error, trace)
        except BaseException as other:
            await self._once.aside(error or other)
            raise
        await self._once.aside(CallOutcome.SUCCESS if error is None else error)
        return done


class _IteratedEither(_Iterated, _IteratedAside):
    """Stands in for a stream that is read with either, such as that of a library for both."""

    __slots__ = ()


def _end_by(name: str, value: object, *, whole: bool) -> CallOutcome | None:
    """How an answer ended when its method ``name`` gave ``value``; None when it goes on."""
    if name in ("close", "aclose", "release"):
        return CallOutcome.NEUTRAL
    if (name in _READ_WHOLE and whole) or (name == "read" and value == b""):
        return None if _is_stream(type(value)) else CallOutcome.SUCCESS
    return None


def _standing_for(answer: object, once: _Once) -> Any:
    kind = type(answer)
    plain = hasattr(kind, "__iter__") or hasattr(kind, "__next__") or hasattr(kind, "__enter__")
    if not is_async(answer):
        return _Iterated(answer, once)
    return (_IteratedEither if plain else _IteratedAside)(answer, once)


def watched(
    answer: object,
    tell: Callable[[Ended], None],
    tell_aside: Callable[[Ended], Awaitable[None]],
    judge: Callable[[BaseException], CallOutcome],
) -> Any:
    """Return what does as ``answer`` does, a stream, and tells once how it ended.

    Args:
        answer: Of which some is still to come.
        tell: Takes how it ended.
        tell_aside: As ``tell``, for those who read it in a coroutine.
        judge: What an error says of the provider.
    """
    return _standing_for(answer, _Once(tell, tell_aside, judge))
