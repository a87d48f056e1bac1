"""The forms in which providers say what a call used, read into one. Pure.

Every member is read, or passed over because it costs nothing, or named as unknown: what nobody
here understands may cost something (INV-BUDGET-17).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from enum import Enum
from typing import NamedTuple

from engine.calls.budget.token_usage import COUNTS, MODALITIES, TokenUsage, require_count
from engine.errors import UsageError, suggest
from engine.model import Json

DEEPEST = 8
"""Levels of an object that are looked into."""

_FREE = (
    *("queue_time", "prompt_time", "completion_time", "total_time", "type", "is_byok"),
    *(
        "service_tier",
        "serviceTier",
        "traffic_type",
        "trafficType",
        "ttft_ms",
        "latency_checkpoint",
    ),
)
"""Members that cost nothing: times, and which tier it was, of which the dearest is the price."""
_OF_OLLAMA = (
    *("model", "created_at", "done", "done_reason", "message", "response", "context", "thinking"),
    *("total_duration", "load_duration", "prompt_eval_duration", "eval_duration", "logprobs"),
)
_SAME_PRICE = {"inference_geo": ("global", "not_available"), "speed": ("standard",)}
"""Anthropic's members that say how a call was served, and the words that cost no more."""
_READ, _WRITTEN = "cache_read_input_tokens", "cache_creation_input_tokens"
_OWN_READ, _OWN_WRITTEN = "cached_tokens", "cache_write_tokens"
_IN_DETAILS = ("prompt_tokens_details", "input_tokens_details", "input_token_details")
_OUT_DETAILS = ("completion_tokens_details", "output_tokens_details", "output_token_details")
_KNOWN = (
    *COUNTS,
    *("prompt_tokens", "completion_tokens", _READ, _WRITTEN, "inputTokens", "outputTokens"),
    *("promptTokenCount", "candidatesTokenCount", "prompt_eval_count", "eval_count"),
    "billed_units",
)


class _Members:
    """The members of an object: those that were read, and the rest."""

    def __init__(self, value: Json, where: str = "") -> None:
        if not isinstance(value, Mapping):
            raise UsageError(f"usage: {where or 'it'} is no object", _AS_IT_CAME)
        self._value, self._where = value, where
        self._read: set[str] = set()
        self._inner: list[_Members] = []

    def __contains__(self, name: str) -> bool:
        return self._value.get(name) is not None

    def count(self, *names: str) -> int:
        """Return the count that the first of ``names`` has which is there; 0 if none is."""
        self._read.update(names)
        name = next((name for name in names if name in self), None)
        return 0 if name is None else require_count(self._named(name), self._value[name])

    def whole(self, name: str) -> int:
        """Return a count that may be written with a fraction of zero, as Cohere's are."""
        self._read.add(name)
        value = self._value.get(name)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        return 0 if value is None else require_count(self._named(name), value)

    def needed(self, *names: str) -> int:
        """Return :meth:`count`; one of ``names`` has to be there."""
        if not any(name in self for name in names):
            near = suggest(next(iter(self._value)), names)
            raise UsageError(f"usage: {self._named(names[0])} is missing", near)
        return self.count(*names)

    def inner(self, *names: str) -> _Members:
        """Return the object that the first of ``names`` has which is there; an empty one else."""
        self._read.update(names)
        name = next((name for name in names if name in self), None)
        found = _Members({} if name is None else self._value[name], self._named(name or names[0]))
        self._inner.append(found)
        return found

    def rows(self, *names: str) -> list[Json]:
        """Return the list that the first of ``names`` has which is there; an empty one else."""
        self._read.update(names)
        name = next((name for name in names if name in self), None)
        rows = [] if name is None else self._value[name]
        if not isinstance(rows, list | tuple):
            raise UsageError(f"usage: {self._named(str(name))} is no list", _AS_IT_CAME)
        return list(rows)

    def text(self, name: str) -> str:
        """Return a member as text, without reading it; empty where it is not there."""
        return str(self._value.get(name) or "")

    def pass_over(self, names: Iterable[str]) -> None:
        """Take ``names`` as what costs nothing."""
        self._read.update(names)

    def unknown(self) -> list[str]:
        """Return the names of members that say something and were not read."""
        own = [
            self._named(str(name))
            for name, value in self._value.items()
            if name not in self._read and _says_something(value)
        ]
        return own + [name for inner in self._inner for name in inner.unknown()]

    def _named(self, name: str) -> str:
        return f"{self._where}.{name}" if self._where else name


_AS_IT_CAME = "give the provider's `usage` object as it came"


def _says_something(value: Json, depth: int = 0) -> bool:
    if isinstance(value, Mapping) and depth < DEEPEST:
        return any(_says_something(inner, depth + 1) for inner in value.values())
    if isinstance(value, list | tuple) and depth < DEEPEST:
        return any(_says_something(inner, depth + 1) for inner in value)
    return bool(value)


class _Prompt(NamedTuple):
    """A prompt in kinds; every token once."""

    text: int
    read: int
    written: int
    audio: int
    image: int


def _prompt_of(name: str, total: int, read: int, written: int, audio: int, image: int) -> _Prompt:
    """The kinds of a prompt of ``total`` tokens, all of them inside it.

    A cached token of another modality is that modality's: the dearer kind of the two.
    """
    if audio + image + written > total or read > total:
        raise UsageError(
            f"usage: {max(read, audio + image + written)} cached tokens, or of other kinds, of "
            f"{total} in {name}",
            "cached tokens are part of them in this form",
        )
    read = min(read, total - audio - image - written)
    return _Prompt(total - read - written - audio - image, read, written, audio, image)


def read(value: Mapping[str, Json]) -> TokenUsage:
    """Return the usage that a provider's object says.

    Understands OpenAI's forms (``prompt_tokens`` or ``input_tokens`` with the cached ones inside,
    audio and images in ``…_details``), Anthropic's and Bedrock's (cached ones beside the input),
    Gemini's (``promptTokenCount``), Cohere's (``billed_units``), Ollama's (``prompt_eval_count``)
    and the members of :class:`TokenUsage`. Where a total is more than the parts, the rest counts
    as output, the dearest kind.

    Raises:
        UsageError: None of the forms, a count that is none, more cached than there was, or a
            total that is less than its parts.
    """
    members = _Members(value)
    members.pass_over(_FREE)
    form = next((form for fits, form in _FORMS if fits(members)), None)
    if form is None:
        raise UsageError(
            "usage: neither prompt_tokens nor input_tokens is there",
            suggest(next(iter(value), ""), _KNOWN) or "give the provider's `usage` object",
        )
    usage, total = form(members)
    if total and total < usage.tokens:
        raise UsageError(
            f"usage: total_tokens is {total}, its parts are {usage.tokens}", _AS_IT_CAME
        )
    rest = total - usage.tokens if total else 0
    counts = {name: getattr(usage, name) for name in COUNTS}
    counts["output_tokens"] += rest
    return replace(TokenUsage(**counts), unknown=tuple(sorted(members.unknown())))


def _is_openai(members: _Members) -> bool:
    return "prompt_tokens" in members or any(name in members for name in _IN_DETAILS)


def _openai(members: _Members) -> tuple[TokenUsage, int]:
    name = "prompt_tokens" if "prompt_tokens" in members else "input_tokens"
    total = members.needed(name)
    details = members.inner(*_IN_DETAILS)
    details.pass_over(("text_tokens",))
    read = max(
        members.count(_READ),
        members.count("prompt_cache_hit_tokens"),
        details.count(_OWN_READ),
    )
    members.pass_over(("prompt_cache_miss_tokens", "num_cached_tokens"))
    of_cached = details.inner("cached_tokens_details")
    of_cached.pass_over(("text_tokens", "audio_tokens", "image_tokens"))
    written = max(
        members.count(_WRITTEN), details.count("cache_creation_tokens", "cache_write_tokens")
    )
    details.pass_over(("cache_creation_token_details",))
    prompt = _prompt_of(
        name, total, read, written, details.count("audio_tokens"), details.count("image_tokens")
    )
    # An embedding's usage has no output to tell.
    output = members.count("completion_tokens" if name == "prompt_tokens" else "output_tokens")
    made = members.inner(*_OUT_DETAILS)
    made.pass_over(("text_tokens", "accepted_prediction_tokens", "rejected_prediction_tokens"))
    reasoning = max(made.count("reasoning_tokens"), members.count("reasoning_tokens"))
    audio, image = made.count("audio_tokens"), made.count("image_tokens")
    if audio + image > output:
        raise UsageError(f"usage: {audio + image} tokens of other kinds of {output} put out")
    if reasoning > output:  # then it is not among them
        output += reasoning
    usage = TokenUsage(
        prompt.text,
        output - audio - image,
        prompt.read,
        prompt.written,
        prompt.audio,
        audio,
        prompt.image,
        image,
        members.count("num_search_queries", "web_search_requests"),
    )
    return usage, members.count("total_tokens")


def _anthropic(members: _Members) -> tuple[TokenUsage, int]:
    """Anthropic's form, and our own: each kind beside the others."""
    tools = members.inner("server_tool_use")
    tools.pass_over(("web_fetch_requests",))
    cache = members.inner("cache_creation")
    cache.pass_over(("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens"))
    audio_in, audio_out, image_in, image_out = (
        members.count(f"{kind}_tokens") for kind in MODALITIES
    )
    usage = TokenUsage(
        members.needed("input_tokens"),
        members.needed("output_tokens"),
        members.count(_READ) + members.count(_OWN_READ),
        members.count(_WRITTEN) + members.count(_OWN_WRITTEN),
        audio_in,
        audio_out,
        image_in,
        image_out,
        members.count("searches") + tools.count("web_search_requests"),
    )
    for name, words in _SAME_PRICE.items():
        if members.text(name) in words:
            members.pass_over((name,))
    made = members.inner("output_tokens_details")
    made.pass_over(("thinking_tokens", "reasoning_tokens", "text_tokens"))  # all of the output
    return usage, members.count("total_tokens")


def _bedrock(members: _Members) -> tuple[TokenUsage, int]:
    members.pass_over(("cacheDetails", "cacheReadInputTokenCount", "cacheWriteInputTokenCount"))
    usage = TokenUsage(
        members.needed("inputTokens"),
        members.count("outputTokens"),
        members.count("cacheReadInputTokens", "cacheReadInputTokenCount"),
        members.count("cacheWriteInputTokens", "cacheWriteInputTokenCount"),
    )
    return usage, members.count("totalTokens")


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def _both(name: str) -> tuple[str, str]:
    """A name of Gemini's, as JSON and as its SDK write it."""
    return name, _snake(name)


def _gemini(members: _Members) -> tuple[TokenUsage, int]:
    prompt = members.count(*_both("promptTokenCount"))
    by_tools = members.count(*_both("toolUsePromptTokenCount"))
    cached = members.count(*_both("cachedContentTokenCount"))
    thoughts = members.count(*_both("thoughtsTokenCount"))
    made = members.count(*_both("candidatesTokenCount"), *_both("responseTokenCount"))
    into = _modalities(members, "promptTokensDetails")
    tools = _modalities(members, "toolUsePromptTokensDetails")
    out = _modalities(members, "candidatesTokensDetails", "responseTokensDetails")
    members.rows(*_both("cacheTokensDetails"))
    kinds = _prompt_of(
        "promptTokenCount",
        prompt + by_tools,
        cached,
        0,
        into["AUDIO"] + tools["AUDIO"],
        into["IMAGE"] + tools["IMAGE"],
    )
    if out["AUDIO"] + out["IMAGE"] > made:
        raise UsageError("usage: candidatesTokensDetails are more than candidatesTokenCount")
    usage = TokenUsage(
        kinds.text,
        made - out["AUDIO"] - out["IMAGE"] + thoughts,
        kinds.read,
        0,
        kinds.audio,
        out["AUDIO"],
        kinds.image,
        out["IMAGE"],
    )
    return usage, members.count(*_both("totalTokenCount"))


def _modalities(members: _Members, *names: str) -> dict[str, int]:
    """Tokens by modality; what is neither audio nor image is counted as text is."""
    found = {"AUDIO": 0, "IMAGE": 0}
    spellings = [spelling for name in names for spelling in _both(name)]
    for row in members.rows(*spellings):
        inner = _Members(row, names[0])
        kind = row.get("modality")
        kind = str(getattr(kind, "name", kind)).rpartition(".")[2].upper()
        tokens = inner.count(*_both("tokenCount"))
        if kind == "VIDEO":  # images and sound: nobody says how much of which
            kind = "IMAGE"
        if kind in found:
            found[kind] += tokens
    return found


def _cohere(members: _Members) -> tuple[TokenUsage, int]:
    billed, counted = members.inner("billed_units"), members.inner("tokens")
    billed.pass_over(("text_tokens",))
    usage = TokenUsage(
        max(billed.whole("input_tokens"), counted.whole("input_tokens")),
        max(billed.whole("output_tokens"), counted.whole("output_tokens")),
        image_input_tokens=billed.whole("image_tokens"),
        searches=billed.whole("search_units"),
    )
    members.pass_over((_OWN_READ,))  # counted in full above
    return usage, 0


def _ollama(members: _Members) -> tuple[TokenUsage, int]:
    members.pass_over(_OF_OLLAMA)
    return TokenUsage(members.count("prompt_eval_count"), members.count("eval_count")), 0


def _has(*names: str) -> Callable[[_Members], bool]:
    return lambda members: any(name in members for name in names)


_FORMS: tuple[tuple[Callable[[_Members], bool], Callable[..., tuple[TokenUsage, int]]], ...] = (
    (_has("billed_units"), _cohere),
    (_has(*_both("promptTokenCount"), *_both("totalTokenCount")), _gemini),
    (_has("prompt_eval_count", "eval_count"), _ollama),
    (_has("inputTokens"), _bedrock),
    (_is_openai, _openai),
    (_has("input_tokens"), _anthropic),
)


def plain(value: object, depth: int = 0) -> Json:
    """Return an SDK's object as plain JSON: models, dataclasses, named tuples, simple objects.

    Raises:
        UsageError: It nests deeper than 8 levels.
    """
    if depth > DEEPEST:
        raise UsageError(f"usage: it nests deeper than {DEEPEST} levels", _AS_IT_CAME)
    if isinstance(value, Enum):
        return value.name
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, Mapping):
        return {str(name): plain(inner, depth + 1) for name, inner in value.items()}
    if (members := _members_of(value)) is not None:
        return {name: plain(inner, depth + 1) for name, inner in members.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(inner, depth + 1) for inner in value]
    return str(value)


def _members_of(value: object) -> Mapping[str, object] | None:
    """The members of an object that is no scalar and no list; None where it has none."""
    from dataclasses import fields as fields_of
    from dataclasses import is_dataclass

    for name in ("model_dump", "to_dict", "dict", "_asdict"):
        dump = getattr(value, name, None)
        if callable(dump) and not isinstance(value, type):
            try:
                dumped = dump()
            except TypeError:  # of its class: a proto of Google's takes the message
                continue
            if isinstance(dumped, Mapping):
                return dumped
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields_of(value)}
    descriptor = getattr(value, "DESCRIPTOR", None)
    if descriptor is not None:
        return {field.name: getattr(value, field.name) for field in descriptor.fields}
    slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
    names = [*getattr(value, "__dict__", {}), *slots]
    found = {n: getattr(value, n) for n in names if not n.startswith("_") and hasattr(value, n)}
    return found or None
