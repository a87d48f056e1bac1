"""``kind = "metrics"``: what a metrics file says that another program writes."""

from __future__ import annotations

from io import BytesIO

from engine.evidence.documents import Document
from engine.evidence.documents import read as read_document
from engine.evidence.metrics_file import is_regular, long_form
from engine.evidence.sources.contract import Evidence, SourceRequest
from engine.evidence.sources.heads import Head
from engine.formats.json_schema import first_mismatch
from engine.policy.bundle import shipped_schema

EXAMPLE = """\
[[source]]
kind = "metrics"
path = "service.json"               # a metrics file about this very subject; read anew each time
"""

IS_ONE_FILE = True


def recognise(head: Head) -> str:
    """Return why a file is a metrics file; empty where it is none."""
    found = head.json
    is_one = found is not None and {"subject", "observed_at", "metrics"} <= found.members.keys()
    return "a metrics file, with subject, observed_at and metrics" if is_one else ""


def read(request: SourceRequest) -> Evidence:
    """Take the metrics of the file over, each as old as the file says.

    A file about another subject is refused: name, version and digest, where both say them.
    """
    table = request.table
    files = table.paths(request.folder, "path")
    if len(files) != 1:
        raise table.refused("path", "names more than one file", "a [[source]] table for each")
    table.finish()
    document = read_document(str(files[0]), stdin=BytesIO())
    if not is_regular(document.value):
        schema = shipped_schema("metrics.schema.json")
        raise document.refused(*(first_mismatch(schema, document.value) or ("", "no metrics file")))
    _require_same(document, request)
    observed_at, name = document.value["observed_at"], files[0].name
    return Evidence(
        {
            metric: {"observed_at": observed_at, "source": name} | long_form(given)
            for metric, given in document.value["metrics"].items()
        },
        document=document,
    )


def _require_same(document: Document, request: SourceRequest) -> None:
    if document.signed is not None:
        raise document.refused(
            "",
            "is signed, and merged into another file nobody's signature is on it",
            "give it to `engine decide --combine` beside the file that is gathered",
        )
    for member, expected in request.subject.items():
        found = document.value["subject"].get(member, expected)
        if found != expected:
            raise document.refused(
                f"/subject/{member}",
                f"this is evidence about {found!r}, and {expected!r} is asked about",
                "name a file about that, or measure it again",
            )
