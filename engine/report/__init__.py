"""Decisions as text. One format per module: values in, text out; nothing is read or written.

Only verbs enter: by :func:`format_named` for the formats of :data:`FORMATS`, by ``reading`` for
what ``json`` wrote, by ``spending`` for budgets.
"""

from __future__ import annotations

import importlib
import posixpath
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import ClassVar, NamedTuple, TypeAlias, cast

from engine.decision.margins import (
    STRADDLING,
    UNSIGNED,
    counterfactual,
    is_straddling,
    is_unsigned,
    margin_number,
)
from engine.errors import DocumentError, GovernanceError, UsageError, suggest
from engine.formats.columns import NARROW
from engine.model import Decision, Json
from engine.report.way_out import way_out
from engine.report.wording import fix_of

FORMATS = {
    "text": "engine.report.text:TextWriter",
    "json": "engine.report.json:JsonWriter",
    "jsonl": "engine.report.jsonl:LinesWriter",
    "markdown": "engine.report.markdown:MarkdownWriter",
    "github": "engine.report.github:GithubWriter",
    "sarif": "engine.report.sarif:SarifWriter",
    "junit": "engine.report.junit:JunitWriter",
    "gitlab": "engine.report.gitlab:GitlabWriter",
    "html": "engine.report.html:HtmlWriter",
}


class Location(NamedTuple):
    """Where a metric stands: file as the caller named it, line and column from 1."""

    file: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Inclusion:
    """Where an entry stands in the ledger's tree. RFC 9162 section 2.1.3.

    Attributes:
        leaf: Hash of the entry, 32 bytes.
        index: Position, counted from 0.
        size: Size of the tree that the checkpoint signs.
        path: Hashes that lead from the leaf to the root, leaf first, 32 bytes each.
    """

    leaf: bytes
    index: int
    size: int
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """A decision with the texts that its policy bundle has for it.

    Attributes:
        decision: What was decided.
        texts: By check id: ``title``, ``why``, ``fix``, ``code``.
        reasons: By check id, why the profile turned it off.
        file: File the evidence came from; ``-`` is standard input.
        locations: By metric id, where it was given, and under ``""`` where the metrics are;
            empty unless the format ``LOCATES``.
        proof: Where the record stands in the ledger's tree; None unless the format ``PROVES``.
        waivers_of_others: Which waivers of a failing check are for another subject, a line each.
    """

    decision: Decision
    texts: Mapping[str, Mapping[str, str]]
    reasons: Mapping[str, str]
    file: str
    locations: Mapping[str, Location] = field(default_factory=dict)
    proof: Inclusion | None = None
    waivers_of_others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """How the decisions of one call are to be written.

    Attributes:
        several: Whether there may be more than one, so that they are framed.
        explain: Whether to explain checks and their fixes, passing ones too.
        width: Columns that text is wrapped to.
        terminal: Whether a person reads it at a terminal.
        signs: Whether what reads it can show signs such as ``✓``.
        quiet: Of text, the verdict alone.
        verbose: Of text, everything: digests whole, margins, where each metric was given.
        passes: Of text, a line for each check that passed.
        failures_only: Of text, nothing of what passed or is off.
        checkpoint: Of text, the signed note whole.
        folder: Where the engine was called.
        root: Folder of the repository; a CI system finds files by their names below it.
    """

    several: bool = False
    explain: bool = False
    width: int = 100
    folder: str = ""
    root: str = ""
    terminal: bool = False
    signs: bool = True
    quiet: bool = False
    verbose: bool = False
    passes: bool = False
    failures_only: bool = False
    checkpoint: bool = False

    @property
    def is_narrow(self) -> bool:
        """Whether facts stand under each other."""
        return self.width < NARROW

    def mark(self, sign: str) -> str:
        """Return ``sign`` or, where it cannot be shown, letters for it."""
        return sign if self.signs else PLAIN_SIGNS.get(sign, sign)

    def place_name(self, file: str) -> str:
        """Return ``file`` as it is called from the repository, if it is below it."""
        path = posixpath.normpath(posixpath.join(self.folder, file))
        root = (self.root or self.folder).rstrip("/") + "/"
        return path.removeprefix(root) if path.startswith(root) else posixpath.normpath(file)


PLAIN_SIGNS = {"✓": "ok", "✗": "X", "…": "H", "⚑": "W", "!": "!", "←": "<"}
"""What stands for each sign where it cannot be shown."""

RenderedParts: TypeAlias = tuple[bytes, bytes]
"""Text before and behind what only the ledger knows, in UTF-8."""


class Writer(ABC):
    """Writes the decisions of one call in one format, in this order: head, items, tail.

    It may count, and keeps nothing else of what it wrote: a call may have a million decisions.

    Attributes:
        locates: Whether it says where each metric stands; finding that takes time.
        proves: Whether it shows the path from the record to the ledger's root; that takes time too.
    """

    locates: bool = False
    proves: ClassVar[bool] = False

    def __init__(self, options: ReportOptions) -> None:
        self._options = options

    def head(self) -> str:
        """What stands before the first decision."""
        return ""

    @abstractmethod
    def item(self, report: Report) -> str:
        """One decision."""

    def failed(self, file: str, error: GovernanceError) -> str:  # noqa: ARG002
        """One input that could not be decided on; most formats leave it to standard error."""
        return ""

    def tail(self) -> str:
        """What stands behind the last one."""
        return ""

    def parts(self, report: Report) -> RenderedParts | None:  # noqa: ARG002
        """Return an item's text around :meth:`entry`; None where that is not all of it.

        It is made where the decision was judged, so that the process that records it adds only
        what the ledger knows.
        """
        return None

    def entry(self, index: int | None, checkpoint: str | None) -> bytes:  # noqa: ARG002
        """Return what belongs between the parts, in UTF-8; an ``index`` of None is a dry run."""
        return b""


def format_named(name: str) -> type[Writer]:
    """Return the writer of the format ``name``.

    Raises:
        UsageError: No such format.
    """
    if name not in FORMATS:
        raise UsageError(f"format {name!r} is not known", suggest(name, FORMATS))
    module, _, writer = FORMATS[name].partition(":")
    return cast(type[Writer], getattr(importlib.import_module(module), writer))


def check_document(check: Json, report: Report) -> dict[str, Json]:
    """Return one check as ``--format json`` writes it."""
    name, status = check["id"], check["status"]
    texts = report.texts.get(name, _NO_TEXTS)
    passes, fix = status == "pass", texts["fix"]
    get = check.get
    document = {
        "id": name,
        "status": status,
        "severity": check["severity"],
        "operator": check["operator"],
        "observed": check["observed"],
        "limit": check["limit"],
        "unit": get("unit"),
        "margin": margin_number(check),
        "n": get("n"),
        "age_s": get("age_s"),
        "title": texts["title"],
        "why": texts["why"],
        "fix": fix if passes else fix_of(check, fix, report.decision.verdict),
        "code": texts.get("code"),
        "passes_when": None if passes else counterfactual(check),
        "off_because": report.reasons.get(name) if status == "off" else None,
        "waived_by": check["waived_by"],
    }
    if status in _LACKING:
        document["metric_status"] = get("metric_status")
    if status == "insufficient":
        document[STRADDLING] = is_straddling(check)
    if "signed_by" in check or "producers" in check:
        document[UNSIGNED] = is_unsigned(check)
    if "signers" in check:
        document["signers"] = check["signers"]
    return document


_LACKING = ("unknown", "insufficient")
_NO_TEXTS: Mapping[str, str] = {"title": "", "why": "", "fix": ""}


def decision_document(report: Report) -> dict[str, Json]:
    """Return one decision as ``--format json`` writes it."""
    decision = report.decision
    return {
        **before_entry(report),
        "recorded": decision.recorded,
        "index": decision.index,
        "checkpoint": decision.checkpoint,
        **after_entry(report),
    }


def before_entry(report: Report) -> dict[str, Json]:
    """Return the members before those that only the ledger knows."""
    decision = report.decision
    return {
        "decision_id": decision.decision_id,
        "decided_at": decision.decided_at,
        "valid_until": decision.valid_until,
        "gate": decision.gate,
        "profile": decision.profile,
        "stage": decision.stage,
        "verdict": decision.verdict,
        "reason": decision.reason,
    }


def after_entry(report: Report) -> dict[str, Json]:
    """Return the members after those."""
    from engine.proof.input_document import subject_document

    decision = report.decision
    return {
        "subject": subject_document(decision.subject),
        "checks": [check_document(check, report) for check in decision.checks],
        "obligations": list(decision.obligations),
        "waivers": list(decision.waivers),
        "relaxations": list(decision.relaxations),
        **({"intolerable": list(decision.intolerable)} if decision.intolerable else {}),
        "fix": way_out(decision) or None,
        "unread_metrics": [metric._asdict() for metric in report.decision.unread_metrics],
        **({"attestations": list(decision.attestations)} if decision.attestations else {}),
        **({"evidence_files": decision.evidence_files} if decision.evidence_files else {}),
        **({"policy_changes": decision.policy_changes} if decision.policy_changes else {}),
        **(
            {"policy_approvals": list(decision.policy_approvals)}
            if decision.policy_approvals
            else {}
        ),
        **({"signed_evidence": list(decision.signed_evidence)} if decision.signed_evidence else {}),
    }


def failure_document(file: str, error: GovernanceError) -> dict[str, Json]:
    """Return one input that could not be decided on, as json and jsonl of several write it."""
    details: dict[str, Json] = {
        "message": error.message,
        "hint": error.hint,
        "exit_code": error.exit_code,
        "reason": None,
        "position": None,
    }
    if isinstance(error, DocumentError):
        details |= {"reason": error.reason, "position": asdict(error.position)}
    return {"file": file, "verdict": None, "error": details}
