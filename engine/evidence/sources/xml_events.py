"""XML in pieces: expat with nothing expanded, nothing read from elsewhere, and memory bounded."""

from __future__ import annotations

import pyexpat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn, Protocol

from engine.errors import DocumentError, Position
from engine.system.reading import open_to_read

MAX_TOKEN_BYTES = 16 * 1024 * 1024
"""Of one start tag or comment, which expat has to keep whole."""
MAX_DEPTH = 200
_PIECE = 256 * 1024
_CUT = "was it cut off? run the tool that wrote it again"


class RefusedXmlError(Exception):
    """What a handler found wrong at the element that is being read."""


class Handler(Protocol):
    """Who is told of the elements of a file."""

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """An element begins."""

    def end(self, name: str) -> None:
        """An element ends."""


def _refuse_entities(*_: object) -> NoReturn:
    raise RefusedXmlError("declares an entity: no report needs one, and none is expanded")


def parser_for(
    start: Callable[[str, Mapping[str, str]], None], end: Callable[[str], None]
) -> pyexpat.XMLParserType:
    """Return an expat parser that expands no entity and reads nothing but what it is fed."""
    parser = pyexpat.ParserCreate()
    parser.SetParamEntityParsing(pyexpat.XML_PARAM_ENTITY_PARSING_NEVER)
    parser.EntityDeclHandler = _refuse_entities
    parser.ExternalEntityRefHandler = _refuse_entities
    parser.SkippedEntityHandler = _refuse_entities
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    return parser


def read_xml(
    file: Path,
    name: str,
    start: Callable[[str, Mapping[str, str]], None],
    end: Callable[[str], None],
) -> None:
    """Tell ``start`` and ``end`` of every element of ``file``.

    Args:
        file: Where.
        name: What it is called in messages.
        start: Receives an element's name and attributes; may raise :class:`RefusedXmlError`.
        end: Receives an element's name; likewise.

    Raises:
        DocumentError: Not well-formed, in another encoding than it says, cut off, with an entity
            of its own, too deep, or refused by a handler; says in which line.
    """
    parser = parser_for(start, end)
    fed = 0
    try:
        with open_to_read(file) as opened:
            while piece := opened.read(_PIECE):
                fed += len(piece)
                parser.Parse(piece, False)
                if fed - max(parser.CurrentByteIndex, 0) > MAX_TOKEN_BYTES:
                    raise RefusedXmlError(f"a tag of more than {MAX_TOKEN_BYTES:,} bytes")
            parser.Parse(b"", True)
    except RefusedXmlError as refused:
        place = Position(name, parser.CurrentLineNumber, parser.CurrentColumnNumber + 1)
        raise DocumentError(place, str(refused), "run the tool that wrote it again") from None
    except pyexpat.ExpatError as error:
        place = Position(name, error.lineno, error.offset + 1)
        reason = f"is no whole XML: {pyexpat.ErrorString(error.code)}"
        raise DocumentError(place, reason, _CUT) from None
    except (ValueError, LookupError) as error:  # an encoding that Python has no table of
        place = Position(name, parser.CurrentLineNumber)
        raise DocumentError(place, f"is no XML that can be read: {error}", _CUT) from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DocumentError(Position(name), reason, "name a file that can be read") from None
