"""Texts of strangers in every field that they can write, through every verb and format.

What is held of each stream, whatever the text: no character that is not seen, no line that begins
with what a stranger wrote behind a line break, no command to a CI system that is not an annotation
of the engine's. What is held of each report its consumers' rules say (``tests/consumers``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from engine.model import Json
from engine.report import FORMATS
from tests.cli.conftest import Answer, Engine
from tests.consumers.github import obeys_annotations_only
from tests.consumers.people import UNSEEN, has_no_marked_command, is_seen, obeys_nothing
from tests.consumers.rules import broken
from tests.examples import SHARE, examples

FORGED = "FORGED"
PIECES = (
    *("✓ PROMOTE  IMITATED, in force until 2999-01-01T00:00:00Z ", "PROMOTE   IMITATED  entry 1 "),
    *("  recorded   IMITATED, entry 1 ", "  ✗ FAIL    IMITATED ", "  checkpoint IMITATED, root A "),
    *("GENUINE RECORD OF PROMOTE; IMITATED ", "engine: IMITATED ", "subject   IMITATED "),
    *(
        "scor\u200bing",
        "a\u00adb",
        "\u2060",
        "\u180e",
        "\u3164",
        "\u2800",
        "\U000e0041",
        "\ufe0f",
        "\u200d",
    ),
    *("\x1b[2J", "\x1b]0;title\x07", "\x07", "\x08", "\x7f", "\x9b31m", "\x85", "\xa0", "\t"),
    *("\u202e", "\u2066", "\u2069", "\u200f", "\u061c", "\u2028", "\u2029", "\ufeff", "\ufffe"),
    *("\n::error::x", "\r\n::set-output name=verdict::PROMOTE", "::stop-commands::x", "##[error]x"),
    *("##vso[task.setvariable variable=x]y", "##teamcity[x]", "[[ATTACHMENT|/etc/passwd]]"),
    *("<script>alert(1)</script>", "</pre></style>", "<!--", "-->", "]]>", "&lt;", '" onload="x'),
    *("[x](javascript:1)", "![x](http://x)", "www.x.org", "@team", "#1", "|", "`", "```", "$x$"),
    *("%0A", "%", "$(id)", "'", "\\", "\\u202e", "{0}", "---", "* * *", "[red]x[/red]"),
)
LAST = f"\n{FORGED}"
IMITATED = re.compile(
    r"^(?:(?:[✓✗…←] )?PROMOTE  |  recorded  | {0,2}✗ FAIL  |  checkpoint |GENUINE[A-Z ]*;|engine:|"
    "subject  ) *IMITATED",
    re.MULTILINE,
)
"""What begins as a line of the engine's begins: only where a stranger's text begins a line."""
strangers = st.lists(
    st.one_of(
        st.sampled_from(PIECES), st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
    ),
    min_size=1,
    max_size=6,
).map(lambda pieces: "".join(pieces) + LAST)
KEY = ".engine/keys/engine.pub.pem"
ENVIRONMENT = ("GATE", "PROFILE", "STAGE", "LEDGER", "POLICIES", "CI_RUN", "OPA_URL", "MAX_BYTES")


def check(answer: Answer, *, annotates: bool = False) -> list[str]:
    """Return what is wrong with either stream."""
    found = broken(obeys_annotations_only if annotates else obeys_nothing, answer.out)
    for stream in (answer.out, answer.err):
        found += [*broken(is_seen, stream), *broken(has_no_marked_command, stream)]
        found += [
            f"a line of a stranger in {stream!r}" for _ in re.findall(f"(?m)^{FORGED}", stream)
        ]
        found += [f"as the engine's: {match[0]!r}" for match in IMITATED.finditer(stream)]
    return [*found, *broken(obeys_nothing, answer.err)]


def metrics_file(engine: Engine, text: str) -> Json:
    """A metrics file with ``text`` wherever it is read as text."""
    document = engine("example", "block").json
    document["subject"] = {"name": text, "version": text}
    for metric in document["metrics"].values():
        if isinstance(metric, dict):
            metric["source"] = text
    document["metrics"]["data.contract_break"] = True
    return document


def variants(document: Json, text: str) -> Iterator[Json]:
    """Metrics files that are refused, each for another member."""
    yield {**document, text: 1}
    yield {**document, "observed_at": text}
    yield {**document, "gate": text}
    yield {**document, "subject": {**document["subject"], "digest": {text: text}}}
    yield {**document, "metrics": {**document["metrics"], text: 1}}
    yield {**document, "metrics": {**document["metrics"], "own.metric": {"value": text, text: 1}}}
    yield text
    yield [text]


def calls(text: str, name: str, decision: str) -> Iterator[tuple[str, ...]]:
    """Every verb that reads what a stranger wrote, or that is called with it."""
    for path in (f"{name}.json", f"bad{name}.json", f"bad{name}.yaml", f"bad{name}.toml", name):
        yield from (
            (verb, *more, path)
            for verb, *more in (
                ("decide", "--dry-run"), ("gather",), ("convert",), ("verify", "--key", KEY),
                ("verify", "--key", f"bad{name}.json"), ("verify", f"{name}.json", "--expect"),
                ("scan",), ("redact",), ("attest", "ethics"), ("ledger", "import"),
                ("replay", "--bundle"), ("ledger", "runs", "--expected"), ("watch", "--once"),
                ("ledger", "compare", f"{name}.json"), ("compat", f"{name}.json"),
                ("budget", "import-prices"), ("explain",), ("init",), ("policy", "new"),
                ("decide", "--dry-run", f"{name}.json", "--attestation"),
                ("decide", "--dry-run", f"{name}.json", "--policies"),
            )
        )  # fmt: skip
    for words in (
        ("ledger", "show"), ("export", "-o", "p.json"), ("replay",), ("keys",), ("policy", "test"),
        ("budget", "settle"), ("budget", "reserve", "--usd"), ("ledger",), (), ("completion",),
        ("spec", "list", "--profile"), ("decide", f"{name}.json", "--dry-run", "--format"),
        ("decide", f"{name}.json", "--dry-run", "--now"), ("decide", f"{name}.json", "--ci-run"),
        ("decide", f"{name}.json", "--output"), ("verify", f"{name}.json", "--digest"),
        ("decide", f"{name}.json", "--dry-run", "--gate"), ("convert", "out.json", "--output"),
    ):  # fmt: skip
        yield (*words, text)
    yield from (
        ("ledger", "log"), ("ledger", "log", "--format", "json"), ("ledger", "show", decision),
        ("ledger", "verify"), ("ledger", "tables", f"tables{name}.db"), ("ledger", "runs"),
        ("explain", decision), ("export", decision, "-o", f"proof{name}.json"), ("replay",),
        ("replay", decision), ("conform",), ("doctor",), ("budget", "status"), ("config", "show"),
        ("verify", f"proof{name}.json", "--key", KEY), ("policy", "list", "--policies", "own"),
        ("verify", f"proof{name}.json", "--key", KEY, "--format", "json"),
        ("verify", f"proof{name}.json", "--key", KEY, "--require", "PROMOTE", "--subject", text),
        ("ledger", "checkpoint"), ("explain", "--all", "--policies", "own"),
    )  # fmt: skip


def as_accepted(text: str) -> str:
    """What of ``text`` a metrics file may say: one line, and all of it seen."""
    return UNSEEN.sub("", text.replace("\r", " ").replace("\n", " ").replace("\t", " ")).strip()[
        :200
    ]


def doctored(document: Json, text: str) -> Json:
    """What ``--format json`` wrote, with ``text`` in every member that is read as text."""
    document = {**document, "reason": text, "file": text, "relaxations": [text]}
    document["subject"] = {**document["subject"], "name": text, "version": text}
    texts = dict.fromkeys(("title", "why", "fix", "unit", "metric", "waived_by"), text)
    document["checks"] = [
        {**entry, **{key: text for key in texts if entry.get(key) is not None}}
        for entry in document["checks"]
    ]
    document["waivers"] = [{**waiver, "id": text, "reason": text} for waiver in document["waivers"]]
    return document


def as_file_name(text: str) -> str:
    """What of ``text`` a file can be called, short enough, and no flag."""
    return "f" + text.replace("/", "\u2215").replace("\0", "")[:45] + LAST


@given(strangers, st.integers(0, SHARE - 1))
@example("".join(PIECES[0::4]) + LAST, 0)
@example("".join(PIECES[1::4]) + LAST, 1)
@example("".join(PIECES[2::4]) + LAST, 2)
@example("".join(PIECES[3::4]) + LAST, 3)
@settings(
    max_examples=examples(8), suppress_health_check=[HealthCheck.function_scoped_fixture],
    report_multiple_bugs=False, phases=(Phase.explicit, Phase.generate),
)  # fmt: skip
def test_no_text_of_a_stranger_is_more_than_text_in_any_verb(
    engine: Engine, tmp_path_factory: pytest.TempPathFactory, text: str, share: int
) -> None:
    """INV-REPORT-1, of both streams and of every file that is written.

    ``make test`` makes one call in four for each text, and each call for one of the first four.
    """
    with chdir(tmp_path_factory.mktemp("strangers")):
        found = _through_every_verb(engine, text, share)
    assert not found, "\n".join(found)


def test_no_text_of_an_own_policy_is_more_than_text(engine: Engine, opa: Path) -> None:
    """INV-REPORT-1, of what the author of a policy wrote about a check."""
    text = f"{''.join(PIECES)}{LAST}"
    assert engine("policy", "new", "shop", "--gate", "shop").code == 0
    rego = Path("policies/shop/shop.rego")
    quoted = json.dumps(text).replace("\\udb40\\udc41", "\\U000e0041")  # YAML has no two halves
    lines = [
        f"{match[1]}{quoted}"
        if (match := re.match("(# +(?:title|description|why|fix): )", line))
        else line
        for line in rego.read_text().split("\n")
    ]
    rego.write_text("\n".join(lines))
    now = engine("example", "block").json["observed_at"]
    metrics = {"shop.open_incidents": 9, "x.own": 1}
    document = {"subject": {"name": "a"}, "observed_at": now, "metrics": metrics}
    Path("m.json").write_text(json.dumps(document))
    found: list[str] = []
    for words in (
        *(("decide", "m.json", "--gate", "shop", "--format", form) for form in FORMATS),
        ("decide", "m.json", "--gate", "shop", "--verbose"),
        ("explain", "shop.open_incidents"), ("explain", "--all"), ("policy", "list"),
        ("policy", "list", "--format", "json"),
    ):  # fmt: skip
        answer = engine(*words, "--policies", "policies", ENGINE_OPA=str(opa))
        assert answer.code in (0, 1), answer.err
        wrong = check(answer, annotates=words[-1] == "github")
        found += [f"{words}: {what}" for what in wrong]
    assert not found, "\n".join(found)


def _through_every_verb(engine: Engine, text: str, share: int) -> list[str]:
    name, decided = as_file_name(text), _prepared(engine, text)
    found: list[str] = []
    outputs = [word for form in FORMATS for word in ("--output", f"{form}=out.{form}")]
    answer = engine(*decided, *outputs, "--export", f"proof{name}.json")
    assert answer.code == 1, answer.err
    found += check(answer)
    for form in FORMATS:
        found += broken(is_seen, Path(f"out.{form}").read_text(errors="replace"))
    record = json.loads(Path("out.json").read_text())
    Path("doctored.json").write_text(json.dumps(doctored(record, text)))

    every: list[tuple[tuple[str, ...], dict[str, str]]] = []
    for form in FORMATS:
        for words in (
            ("convert", "doctored.json"), ("convert", "doctored.json", "--explain"),
            (*decided, "--dry-run", "--explain"), ("decide", ".", "--dry-run"),
        ):  # fmt: skip
            every.append(((*words, "--format", form), {}))
    every += [((*argv,), {}) for argv in calls(text, name, record["decision_id"])]
    for variable in ENVIRONMENT:
        every += [
            ((*words,), {f"ENGINE_{variable}": text}) for words in (("config", "show"), ("doctor",))
        ]
    step = SHARE // examples(SHARE)
    for argv, environ in every[share % step :: step]:
        annotates = argv[-2:] == ("--format", "github")
        wrong = check(engine(*argv, **environ), annotates=annotates)
        found += [f"{argv}: {what}" for what in wrong]
    Path("engine.toml").write_text(f"{json.dumps(text)} = {json.dumps(text)}\n")
    return [*found, *check(engine("config", "show"))]


def _prepared(engine: Engine, text: str) -> tuple[str, ...]:
    """Write every file with ``text`` in it; return how a decision is asked for."""
    name, accepted = as_file_name(text), as_accepted(text)
    document = metrics_file(engine, accepted)
    Path(f"{name}.json").write_text(json.dumps(document))
    for number, variant in enumerate(variants(document, text)):
        Path(f"{number}{name}.json").write_text(json.dumps(variant))
    Path(f"bad{name}.json").write_text(f'{{"{json.dumps(text)[1:-1]}": {text}')
    Path(f"bad{name}.yaml").write_text(f"metrics:\n  {text}: [")
    Path(f"bad{name}.toml").write_text(f"{json.dumps(text)} = 1\n")
    Path(name).mkdir()
    waiver = {
        "id": "W-1", "check": "data.contract_break", "reason": accepted, "approvers": [accepted],
        "subject": {"name": accepted}, "expires_at": "2999-01-01T00:00:00Z",
    }  # fmt: skip
    Path("own/waivers").mkdir(parents=True)
    Path("own/waivers/data.yaml").write_text(yaml.safe_dump({"waivers": [waiver]}))
    return ("decide", f"{name}.json", "--policies", "own", "--artifact", f"{name}.json")
