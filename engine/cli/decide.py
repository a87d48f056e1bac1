"""``engine decide``: ask a gate about evidence and record the verdict."""

from __future__ import annotations

import argparse
import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

from engine.cli import workspace
from engine.cli.interrupts import Interrupts
from engine.cli.printer import Printer
from engine.cli.progress import Screen
from engine.cli.shell import Shell
from engine.cli.summary import Summary, standing_against
from engine.cli.texts import off_reasons, texts_of
from engine.cli.workers import Workers, worth
from engine.config import Config
from engine.documents import Document, expand, read
from engine.errors import DocumentError, GovernanceError, PolicyError, UsageError
from engine.evidence import Input, Question, gather
from engine.model import Decision, Json, Verdict
from engine.positions import escape
from engine.report import Location, Report
from engine.strict import MAX_BYTES

if TYPE_CHECKING:
    from engine.decide import Judgement
    from engine.ledger import Ledger
    from engine.policy import Evaluator
    from engine.policy.bundle import PolicyBundle
    from engine.signers import Signer

DESCRIPTION = (
    "Ask a gate about evidence. Each metrics file is one decision: signed, appended to the\n"
    "ledger, durable, and only then printed. A folder is all its *.json, *.yaml and *.yml."
)
EXAMPLE = "  engine decide metrics.json --artifact dist/model.tar.gz --export proof.json"

BATCH = 256
BATCH_S = 0.25
CODES = {
    Verdict.PROMOTE: 0,
    Verdict.ALLOW: 0,
    Verdict.BLOCK: 1,
    Verdict.DENY: 1,
    Verdict.HOLD: 5,
    Verdict.ROLLBACK: 6,
}
WORST_FIRST = (3, 2, 6, 1, 5, 0)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare flags. DESIGN section 6."""
    parser.add_argument("paths", nargs="+", metavar="PATH", help="metrics file, folder, or -")
    workspace.question_arguments(parser)
    workspace.policy_arguments(parser)
    workspace.ledger_arguments(parser)
    parser.add_argument("--artifact", metavar="PATH", help="compute the subject's digest from it")
    parser.add_argument("--combine", action="store_true", help="the files are about one subject")
    parser.add_argument("--opa", dest="opa_url", metavar="URL", help="OPA server to ask")
    parser.add_argument("--max-bytes", type=_bytes, metavar="N", help="largest metrics file")
    parser.add_argument("--format", default=None, metavar="F", help="text, json or jsonl (text)")
    parser.add_argument(
        "--output", action="append", default=[], metavar="F=PATH", help="also write format F"
    )
    parser.add_argument("--export", metavar="FILE", help="write the proof (a folder for several)")
    parser.add_argument("--explain", action="store_true", help="say why and what to do, for all")
    parser.add_argument("--dry-run", action="store_true", help="record nothing; never exits 0")
    parser.add_argument("--now", metavar="T", type=_instant, help="decide as of T; a dry run")
    parser.add_argument(
        "--jobs", type=_jobs, metavar="N", help="processes that judge (2 from 400 files on)"
    )
    parser.add_argument("--emit-input", metavar="DIR", help="write what OPA sees, one file each")


def _bytes(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= 2**30:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of bytes from 1 to 2^30")
    return int(text)


def _jobs(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= 64:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 64")
    return int(text)


def _instant(text: str) -> datetime:
    from engine.times import parse_time

    try:
        return parse_time(text).astimezone(UTC).replace(microsecond=0)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def run(args: argparse.Namespace, shell: Shell) -> int:
    """Decide, record, print; return the worst exit code of all decisions."""
    args.dry_run = args.dry_run or args.now is not None
    config = workspace.settings(args, shell)
    bundle = workspace.open_policies(config, shell)
    _no_contradiction(args, config)
    question = Question(
        gate=bundle.gate(config.text("gate")).name,
        profile=config.text("profile"),
        stage=config.text("stage"),
        now=args.now or shell.now(),
        relaxations=_relaxations(config, bundle),
    )
    bundle.profile(question.profile)
    groups = list(_groups(args))
    jobs = 1 if "-" in args.paths else args.jobs or worth(len(groups))
    artifact = digest_of(args.artifact) if args.artifact else None
    several = len(groups) > 1 or (not args.combine and Path(args.paths[0]).is_dir())
    screen = Screen(shell, len(groups), several=several)
    printer = Printer(args, screen, shell, several=several)
    judge = _Judge(
        args, shell, config, bundle, question, artifact, printer.locates, few=len(groups) < 8
    )
    if args.export:
        _require_export(Path(args.export), several=several)
    # Decisions hold no cycles; looking for some in every batch took a tenth of the time.
    gc.freeze()
    gc.set_threshold(100_000)
    with ExitStack() as stack:
        if jobs > 1:
            judged = stack.enter_context(Workers(jobs, judge.open)).judged(groups)
        else:
            judge.open()
            stack.callback(judge.close)
            judged = ((names, judge(names)) for names in groups)
        recorder = None
        if not args.dry_run:
            recorder = stack.enter_context(workspace.open_ledger_to_write(config, shell))
        stack.enter_context(screen)
        stack.enter_context(printer)
        stop = stack.enter_context(Interrupts(patient=several))
        call = _Call(args, shell, bundle, question, recorder, printer, screen, several)
        code = call.run(_until(stop, judged))
        if several:
            call.summarise()
        if stop.asked:
            left = len(groups) - call.summary.done
            screen.say(f"engine: stopped; {left:,} of {len(groups):,} inputs were not decided")
            return 3
        return code


def _until(
    stop: Interrupts, judged: Iterator[tuple[list[str], object]]
) -> Iterator[tuple[list[str], object]]:
    """What is judged, until somebody asks to stop."""
    for outcome in judged:
        if stop.asked:
            return
        yield outcome


def _groups(args: argparse.Namespace) -> Iterator[list[str]]:
    """The files of each decision."""
    files = expand(args.paths)
    if args.combine:
        yield list(files)
    else:
        for name in files:
            yield [name]


def _no_contradiction(args: argparse.Namespace, config: Config) -> None:
    if config.text("ledger") == workspace.RUN_LEDGER and not args.export and not args.dry_run:
        raise UsageError(
            "a run: ledger lives in its proof, and no proof was asked for", "add --export FILE"
        )
    if args.export and args.dry_run:
        raise UsageError("a dry run has no proof to export", "leave out --dry-run or --export")
    if args.artifact and len(args.paths) > 1 and not args.combine:
        raise UsageError("one artifact, several metrics files", "decide them one by one")


def _relaxations(config: Config, bundle: PolicyBundle) -> tuple[str, ...]:
    """Every option of this call that weakens it. INV-RELAX-1."""
    from engine.policy.bundle import shipped_bundle

    named = []
    if config.text("ledger") == workspace.RUN_LEDGER:
        named.append("ephemeral_ledger")
    if config.number("max_bytes") > MAX_BYTES:
        named.append("input_limit_raised")
    if config.values["policies"].by_caller and bundle.digest != shipped_bundle().digest:
        named.append("policies_overridden")
    return tuple(named)


@dataclass(frozen=True, slots=True)
class _Judged:
    """A verdict, and where its evidence stands."""

    judgement: Judgement
    locations: dict[str, Location]


@dataclass
class _Judge:
    """Files in, a verdict that nobody has seen yet out; or the error that stood against it."""

    args: argparse.Namespace
    shell: Shell
    config: Config
    bundle: PolicyBundle
    question: Question
    artifact_sha256: str | None
    locates: bool
    few: bool
    schema: Json = None
    evaluator: Evaluator | None = None

    def open(self) -> _Judge:
        """Get what judging needs; in a worker process, after the fork."""
        from engine.policy.bundle import shipped_schema

        self.schema = shipped_schema("metrics.schema.json")
        self.evaluator = workspace.open_evaluator(
            self.bundle, self.config, self.shell, few=self.few
        )
        return self

    def close(self) -> None:
        if self.evaluator is not None:
            self.evaluator.close()

    def __call__(self, names: list[str]) -> _Judged | GovernanceError:
        try:
            documents = [self._read(name) for name in names]
            return _Judged(self._judged(documents), self._located(documents))
        except (DocumentError, PolicyError) as error:
            return error

    def _located(self, documents: Sequence[Document]) -> dict[str, Location]:
        """Where each metric stands, for the formats that say it."""
        places: dict[str, Location] = {}
        for document in documents if self.locates else ():
            for name in document.value["metrics"]:
                at = document.position(f"/metrics/{escape(name)}")
                places[name] = Location(at.file, at.line, at.column)
        return places

    def _read(self, name: str) -> Document:
        return read(name, stdin=self.shell.stdin, max_bytes=self.config.number("max_bytes"))

    def _judged(self, documents: Sequence[Document]) -> Judgement:
        from engine.decide import judge, uuid7

        if self.evaluator is None:
            raise PolicyError("nobody to ask: the evaluator was not opened")
        asked = gather(
            documents,
            self.question,
            self.bundle,
            self.schema,
            artifact_sha256=self.artifact_sha256,
        )
        if self.args.emit_input:
            _emit(Path(self.args.emit_input), asked)
        judgement = judge(
            asked,
            self.question,
            self.bundle,
            self.evaluator,
            decision_id=uuid7(self.shell.milliseconds(), self.shell.random),
            salt=self.shell.random(32),
        )
        # What crosses from a worker is what recording needs; the encoded Input has the rest.
        light = replace(asked, document={"subject": asked.document["subject"]})
        return replace(judgement, input=light)


@dataclass
class _Call:
    """One call of ``engine decide``: judgements through the ledger in batches, lines out."""

    args: argparse.Namespace
    shell: Shell
    bundle: PolicyBundle
    question: Question
    recorder: tuple[Ledger, Signer] | None
    printer: Printer
    screen: Screen
    several: bool
    summary: Summary = field(default_factory=Summary)
    checkpoint: str | None = None
    codes: set[int] = field(default_factory=set)
    waiting: list[_Judged] = field(default_factory=list)
    since: float = 0.0

    def run(self, judged: Iterable[tuple[list[str], object]]) -> int:
        """Record and print what was judged; return the worst code."""
        for names, outcome in judged:
            if isinstance(outcome, GovernanceError):
                self._failed(names, outcome)
            else:
                self._take(cast(_Judged, outcome))
        self._flush()
        return next((code for code in WORST_FIRST if code in self.codes), 3)

    def summarise(self) -> None:
        """Say what became of all inputs, and the checkpoint that covers them."""
        self.shell.stdout.flush()
        head, *table = self.summary.lines()
        self.screen.say("\n".join([f"engine: {head}", *table]))
        if self.checkpoint:
            self.screen.say(f"checkpoint:\n{self.checkpoint}")

    def _take(self, judged: _Judged) -> None:
        if not self.waiting:
            self.since = self.shell.elapsed_s()
        self.waiting.append(judged)
        if len(self.waiting) >= BATCH or self.shell.elapsed_s() - self.since > BATCH_S:
            self._flush()

    def _flush(self) -> None:
        """Record what waits, then say it: never the other way round. INV-LEDGER-1."""
        from engine.decide import record, unrecorded

        waiting, self.waiting = self.waiting, []
        if not waiting:
            return
        judgements = [judged.judgement for judged in waiting]
        if self.recorder is None:
            decisions = [unrecorded(judgement) for judgement in judgements]
        else:
            ledger, signer = self.recorder
            decisions = record(judgements, ledger, signer, self.bundle)
            if self.args.export:
                _export(decisions, ledger, Path(self.args.export), several=self.several)
        texts, reasons = texts_of(self.bundle), off_reasons(self.bundle, self.question.profile)
        for judged, decision in zip(waiting, decisions, strict=True):
            self.codes.add(_code(decision))
            name = judged.judgement.input.name
            self.printer.add(Report(decision, texts, reasons, name, judged.locations))
            self.summary.add(decision.verdict, standing_against(decision.checks))
            self.checkpoint = decision.checkpoint
        self.screen.advance(len(waiting))

    def _failed(self, names: Sequence[str], error: GovernanceError) -> None:
        """Say what is wrong with one input and go on; leave a record where that works."""
        from engine.decide import record_failure

        self._flush()
        self.codes.add(error.exit_code)
        self.screen.say("engine: " + str(error).replace("\n", "\n  "))
        self.summary.failed(error)
        self.screen.advance(1)
        self.printer.failed(", ".join(names), error)
        if self.recorder is not None:
            try:
                record_failure(
                    error, names, self.question, *self.recorder, attempt_id=self._new_id()
                )
            except GovernanceError as second:
                self.screen.say(f"engine: the failure is not recorded: {second.message}")

    def _new_id(self) -> str:
        from engine.decide import uuid7

        return uuid7(self.shell.milliseconds(), self.shell.random)


def _code(decision: Decision) -> int:
    code = CODES[decision.verdict]
    return 5 if code == 0 and not decision.recorded else code


def digest_of(path: str) -> str:
    """SHA-256 of the artifact, read in pieces."""
    import hashlib

    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(
            f"--artifact {path}: {(error.strerror or str(error)).lower()}",
            "give the one file that would be promoted",
        ) from None


def _emit(folder: Path, asked: Input) -> None:
    """Write what OPA sees, under the evidence file's own name."""
    name = "stdin" if asked.name == "-" else asked.name.lstrip("/").replace("/", "_")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name.rpartition('.')[0] or name}.json").write_bytes(asked.encoded)
    except OSError as error:
        raise UsageError(
            f"--emit-input {folder}: {(error.strerror or str(error)).lower()}"
        ) from None


def _require_export(target: Path, *, several: bool) -> None:
    from engine.files import require_writable

    if several and not target.is_dir():
        raise UsageError(
            f"--export {target}: is no folder, and several decisions have several proofs",
            "name a folder that exists",
        )
    require_writable(target / "proof.json" if several else target)


def _export(decisions: Sequence[Decision], ledger: Ledger, target: Path, *, several: bool) -> None:
    from engine.export import export
    from engine.files import write_whole

    for decision in decisions:
        file = target / f"{decision.decision_id}.proof.json" if several else target
        write_whole(file, export(ledger, decision.decision_id).encode())
