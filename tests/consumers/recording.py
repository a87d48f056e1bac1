"""Holds every report that a test makes in this process against the rules of its consumers.

All reports come from the classes that :data:`engine.report.FORMATS` names, and what GitHub gives a
step besides from ``GithubFiles``; :func:`recorded` wraps both, at the one place where each ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import pytest

from engine.cli.console.github_files import GithubFiles
from engine.report import FORMATS, RenderedParts, Writer, format_named
from tests.consumers.github import keeps_the_summary, reads_the_outputs
from tests.consumers.rules import complaints

BY_PIECE = ("text", "jsonl", "markdown")
"""Formats whose pieces are read alone; a decision of them may be written without head and tail."""


@contextmanager
def recorded() -> Iterator[list[str]]:
    """Let every report of the process be checked; yield what consumers have against them."""
    found: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        for name in FORMATS:
            _watch(patch, name, format_named(name), found)
        _watch_files(patch, found)
        yield found


def _watch(patch: pytest.MonkeyPatch, name: str, writer: type[Writer], found: list[str]) -> None:
    def keep(method: Callable[..., str]) -> Callable[..., str]:
        @wraps(method)
        def call(self: Any, *args: Any) -> str:
            text = method(self, *args)
            if name in BY_PIECE:
                found.extend(complaints(name, text))
            else:
                self.pieces_of_test = [*getattr(self, "pieces_of_test", []), text]
            return text

        return call

    def end(method: Callable[..., str]) -> Callable[..., str]:
        @wraps(method)
        def call(self: Any) -> str:
            text = method(self)
            pieces = [*getattr(self, "pieces_of_test", []), text]
            found.extend(complaints(name, "".join(pieces)))
            return text

        return call

    def keep_parts(method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def call(self: Any, *args: Any) -> RenderedParts | None:
            parts: RenderedParts | None = method(self, *args)
            if parts is not None:
                line = self.entry(None, None).join(parts)
                found.extend(complaints(name, line.decode(errors="replace")))
            return parts

        return call

    for method in ("head", "item", "failed"):
        patch.setattr(writer, method, keep(getattr(writer, method)))
    patch.setattr(writer, "tail", end(writer.tail))
    patch.setattr(writer, "parts", keep_parts(writer.parts))


def _watch_files(patch: pytest.MonkeyPatch, found: list[str]) -> None:
    write = GithubFiles.write

    @wraps(write)
    def call(self: GithubFiles, exit_code: int) -> None:
        write(self, exit_code)
        for path, rule in ((self._summary, keeps_the_summary), (self._outputs, reads_the_outputs)):
            if path is not None and path.is_file():
                text = path.read_bytes().decode(errors="replace")
                found.extend(f"{path.name}: {complaint}" for complaint in rule(text))

    patch.setattr(GithubFiles, "write", call)
