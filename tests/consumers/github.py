"""GitHub Actions: the lines of a step's log, its summary and its outputs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from tests.consumers.people import UNSEEN

MOST_ANNOTATIONS = 10
LONGEST_MESSAGE = 4096
LONGEST_TITLE = 255
LARGEST_SUMMARY = 1024 * 1024
LARGEST_OUTPUTS = 1024 * 1024
_LEVELS = ("error", "warning", "notice")
_PROPERTIES = {"file", "line", "endLine", "col", "endColumn", "title"}
_COMMAND = re.compile(r"::([A-Za-z-]+)(?: ([^:]*(?:%3A[^:]*)*))?::(.*)")


class Command(NamedTuple):
    """A line that the runner obeys, unescaped."""

    name: str
    properties: dict[str, str]
    message: str


def commands(text: str) -> Iterator[Command | str]:
    """Yield each line that the runner obeys; as text where it makes nothing of it.

    Source: https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs
    """
    for line in text.split("\n"):
        if not line.lstrip().startswith("::"):
            continue
        match = _COMMAND.fullmatch(line)
        pairs = (
            [pair.partition("=") for pair in (match[2] or "").split(",") if pair] if match else []
        )
        if match is None or not all(sign for _, sign, _ in pairs):
            yield line
        else:
            values = {name.strip(): _unescaped(value) for name, _, value in pairs}
            yield Command(match[1], values, _unescaped(match[3]))


def _unescaped(text: str) -> str:
    for escape, character in (
        ("%0D", "\r"),
        ("%0A", "\n"),
        ("%3A", ":"),
        ("%2C", ","),
        ("%25", "%"),
    ):
        text = text.replace(escape, character)
    return text


def _annotations(text: str) -> list[Command]:
    return [command for command in commands(text) if isinstance(command, Command)]


def obeys_annotations_only(text: str) -> Iterator[str]:
    """The runner obeys every line that begins with ``::``, and ``##[`` anywhere in a line.

    Source: https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
    """
    for command in commands(text):
        if isinstance(command, str) or command.name not in _LEVELS:
            yield f"a command that is no annotation: {command}"
        elif odd := command.properties.keys() - _PROPERTIES:
            yield f"properties that no annotation has: {sorted(odd)}"
    if "##[" in text:
        yield "an older form of command: ##["


def shows_every_annotation(text: str) -> Iterator[str]:
    """Ten annotations of a level in a step are shown.

    Source: https://docs.github.com/rest/checks/runs ("limited to 10 warning annotations and 10
    error annotations per step")
    """
    for level, count in Counter(command.name for command in _annotations(text)).items():
        if count > MOST_ANNOTATIONS:
            yield f"{count} annotations of level {level}; {MOST_ANNOTATIONS} are shown"


def shows_whole_annotations(text: str) -> Iterator[str]:
    """A message has up to 4,096 characters, a title up to 255.

    Source: https://github.com/actions/runner/blob/main/src/Runner.Worker/ExecutionContext.cs
    (``_maxIssueMessageLength``); https://docs.github.com/rest/checks/runs ("maximum size is 255")
    """
    for command in _annotations(text):
        if not command.message.strip():
            yield "an annotation without a message"
        if len(command.message) > LONGEST_MESSAGE:
            yield f"a message of {len(command.message):,} characters"
        if len(command.properties.get("title", "")) > LONGEST_TITLE:
            yield f"a title of {len(command.properties['title']):,} characters"


def finds_the_line(text: str) -> Iterator[str]:
    """``line`` and ``col`` are whole numbers from 1, next to the file that they are of.

    Source: https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
    """
    for _, properties, _ in _annotations(text):
        if not properties.get("file", "x").strip():
            yield "a file without a name"
        for name in properties.keys() & {"line", "col", "endLine", "endColumn"}:
            if not re.fullmatch("[1-9][0-9]*", properties[name]) or "file" not in properties:
                yield f"{name} is {properties[name]!r}"


COMMANDS = (
    obeys_annotations_only, shows_every_annotation, shows_whole_annotations, finds_the_line,
)  # fmt: skip


def keeps_the_summary(text: str) -> Iterator[str]:
    """A step's summary of more than 1 MiB is not shown at all.

    Source: https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
    ("limited to a maximum size of 1MiB")
    """
    if (size := len(text.encode())) > LARGEST_SUMMARY:
        yield f"a summary of {size:,} bytes"


def reads_the_outputs(text: str) -> Iterator[str]:
    """Outputs are ``name=value``, or lines between two that are alike; 1 MB of a job.

    Source: https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
    ("Multiline strings"); https://docs.github.com/actions/how-tos/write-workflows ("1 MB per job")
    """
    if (size := len(text.encode())) > LARGEST_OUTPUTS:
        yield f"outputs of {size:,} bytes"
    lines = iter(text.removesuffix("\n").split("\n") if text else [])
    for line in lines:
        if match := re.fullmatch(r"[A-Za-z_][\w-]*<<(\S+)", line):
            if match[1] not in lines:  # takes lines up to and with the one that ends them
                yield f"{line!r} is never ended"
        elif not re.fullmatch(r"[A-Za-z_][\w-]*=.*", line):
            yield f"no output: {line!r}"
    if UNSEEN.search(text):
        yield "an unseen character"
