"""Metrics files: cut, turned into other types, out of range, too large, in other encodings."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import yaml

from engine.model import Json
from tests.edges.calls import argv_of
from tests.edges.case import HELD, INVALID, PROMOTED, Case
from tests.repository import ROOT

_CUTS = 48
_JSON_TYPES: dict[str, Json] = {
    "null": None, "boolean": True, "integer": 7, "number": 0.5, "string": "text",
    "array": [], "object": {},
}  # fmt: skip
_MEMBERS = {
    "subject": {"object"},
    "subject/name": {"string"},
    "subject/version": {"string"},
    "subject/digest": {"object"},
    "subject/digest/sha256": {"string"},
    "observed_at": {"string"},
    "metrics": {"object"},
    "metrics/ethics.ece/n": {"integer"},
    "metrics/ethics.ece/ci": {"array"},
    "metrics/ethics.ece/source": {"string"},
    "metrics/ethics.ece/status": {"string"},
    "metrics/ethics.ece/unit": {"string"},
    "metrics/ethics.ece/baseline": {"integer", "number"},
    "metrics/ethics.ece/observed_at": {"string"},
    "metrics/ethics.ece/computed": {"object"},
}
"""Members of a metrics file with the JSON types that its schema allows."""
_TYPES = {
    "ethics.ece": {"integer", "number", "null", "object"},
    "slo.dec_p95_ms": {"integer", "number", "null", "object"},
    "ethics.consent": {"boolean", "null", "object"},
    "data.dbt_tests": {"string", "null", "object"},
    "security.critical_findings": {"integer", "null", "object"},
}
"""Metrics with the JSON types that the catalogue allows; an object needs a ``value``."""
_NO_NUMBERS = (
    "NaN", "Infinity", "-Infinity", "1e999", "-1e999", "123456789012345678901234567890",
    "0.12345678901234567890123", "01", "+1", ".5", "1.", "0x10", "1_000", "1,5", "'1'",
)  # fmt: skip
_NO_TIMES = (
    "", "now", "2026-01-31", "2026-01-31T12:00:00", "2026-01-31 12:00:00Z", "2026-13-01T00:00:00Z",
    "2026-02-30T00:00:00Z", "2026-01-31T24:00:00Z", "2026-01-31T12:00:00+25:00",
    "26-01-31T12:00:00Z", "2026-01-31T12:00:00Z\n", "0000-01-01T00:00:00Z", "20260131T120000Z",
    "２０２６-01-31T12:00:00Z",
)  # fmt: skip
_STALE = ("2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z", "0001-01-01T00:00:00Z")
_NO_TEXTS = {
    "empty": "", "of 300 characters": "x" * 300, "with a line break": "a\nb", "with NUL": "a\0b",
    "with an escape": "a\x1b[2J", "with a mark of direction": "a\u202eb", "with a BOM": "\ufeffa",
    "with a line separator": "a\u2028b", "with a C1 control": "a\x85b",
}  # fmt: skip
_YAML = {
    "an anchor and its alias": "subject: &a {name: s}\nobserved_at: *a\nmetrics: {}\n",
    "a merge key": "a: &a {name: s}\nsubject: {<<: *a}\n",
    "a tag": "subject: !!python/object/apply:os.system ['id']\n",
    "a tag of its own": "subject: !mine {name: s}\n",
    "a binary tag": "subject: !!binary aGk=\n",
    "two documents": "a: 1\n---\nb: 2\n",
    "a billion laughs": "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nd: [*c,*c]\n",
    "a tab": "subject:\n\tname: s\n",
    "the same key twice": "subject: {name: a}\nsubject: {name: b}\n",
    "a key that is no text": "1: 2\n",
    "a complex key": "? [a]\n: b\n",
    "a list": "- a\n- b\n",
    "a scalar": "just text\n",
    "a directive": "%YAML 9.9\n---\na: 1\n",
    "an unclosed flow": "subject: {name: s\n",
    "an unclosed quote": 'subject: {name: "s}\n',
    "nothing but a comment": "# nothing\n",
    "nested flows": "a: " + "[" * 5_000 + "]" * 5_000 + "\n",
    "nested blocks": "".join("  " * n + "a:\n" for n in range(200)),
    "an octal number": "metrics: {slo.dec_p95_ms: 0644}\n",
    "a NaN": "metrics: {slo.dec_p95_ms: .nan}\n",
}
"""YAML that is refused before it is asked what it says, or that says what is refused."""


def edited(change: Callable[[Json], object]) -> Callable[[], None]:
    """Change the document of ``m.json``."""

    def edit() -> None:
        document = json.loads(Path("m.json").read_text())
        change(document)
        Path("m.json").write_text(json.dumps(document))

    return edit


def rewritten(change: Callable[[bytes], bytes]) -> Callable[[], object]:
    """Change the bytes of ``m.json``."""
    return lambda: Path("m.json").write_bytes(change(Path("m.json").read_bytes()))


def put(pointer: str, value: Json) -> Callable[[Json], None]:
    """Set the member at ``pointer``; a metric that is a bare value becomes an object."""
    *above, last = pointer.split("/")

    def change(document: Json) -> None:
        for step in above:
            if not isinstance(document.setdefault(step, {}), dict):
                document[step] = {"value": document[step]}
            document = document[step]
        document[last] = value

    return change


def cut(place: int) -> Callable[[bytes], bytes]:
    """Cut JSON off before the structural character at ``place`` of :data:`_CUTS`."""

    def change(data: bytes) -> bytes:
        points = [at for at, sign in enumerate(data) if sign in b'{}[],:"']
        return data[: points[place * len(points) // _CUTS]]

    return change


def cases() -> Iterator[Case]:
    """Each mutation at ``decide``; some at the other verbs that read metrics."""
    for verb, share in (("decide", 1), ("attest", 4), ("init", 9)):
        for number, (what, code, before) in enumerate(_mutations()):
            # A policy's answer differs by gate; what the reader refuses does not.
            if number % share or (verb != "decide" and code != INVALID):
                continue
            yield Case(f"{verb} metrics: {what}", argv_of(verb), code, before=before)
    for what, text in _YAML.items():
        for verb, argv in (
            ("decide", ("m.yaml",)),
            ("attest", ("ethics", "m.yaml")),
            ("init", ("m.yaml", "--profile", "mine", "--policies", "mine")),
        ):
            yield Case(f"{verb} metrics, YAML: {what}", (verb, *argv), INVALID, {"m.yaml": text})
        yield Case(
            f"decide metrics of standard input, YAML: {what}", ("decide", "-"), INVALID,
            stdin=text.encode(),
        )  # fmt: skip
    yield Case("decide metrics as YAML", ("decide", "m.yaml"), PROMOTED, before=_as_yaml)
    yield from _several()


def _as_yaml() -> None:
    Path("m.yaml").write_text(yaml.safe_dump(json.loads(Path("m.json").read_text())))


Mutation = tuple[str, int, Callable[[], object]]


def _mutations() -> Iterator[Mutation]:
    for place in range(_CUTS):
        yield f"cut at {place} of {_CUTS}", INVALID, rewritten(cut(place))
    yield from _encodings()
    yield from _members()
    yield from _numbers()
    yield from _texts()
    yield from _ranges()


def _encodings() -> Iterator[Mutation]:
    def as_text(change: Callable[[str], bytes]) -> Callable[[], object]:
        return rewritten(lambda data: change(data.decode()))

    for name in ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-7", "cp037"):
        code = PROMOTED if name == "utf-7" else INVALID  # which is ASCII here
        yield f"in {name}", code, as_text(lambda text, name=name: text.encode(name))  # type: ignore[misc]
    latin = as_text(lambda text: text.replace("scoring", "caf\u00e9").encode("latin-1"))
    yield "in latin-1", INVALID, latin
    yield "with CRLF", PROMOTED, rewritten(lambda data: data.replace(b"\n", b"\r\n"))
    yield "with CR", PROMOTED, rewritten(lambda data: data.replace(b"\n", b"\r"))
    added = {
        "NUL": b"\0", "a comma": b",", "a document": b"{}", "a bracket": b"}", "a letter": b"x",
        "a comment": b"// x", "^Z": b"\x1a", "a form feed": b"\f", "a no-break space": b"\xc2\xa0",
    }  # fmt: skip
    for name, more in added.items():
        yield f"{name} after it", INVALID, rewritten(lambda data, more=more: data + more)  # type: ignore[misc]
        yield f"{name} before it", INVALID, rewritten(lambda data, more=more: more + data)  # type: ignore[misc]
    yield "blanks around it", PROMOTED, rewritten(lambda data: b" \n\t" + data + b"\n\n")
    yield "past 1 MiB by blanks", INVALID, rewritten(lambda data: data + b" " * 2**20)
    for name, size in (("empty", 0), ("blank", 9)):
        yield name, INVALID, rewritten(lambda _, size=size: b" " * size)  # type: ignore[misc]
    for depth in (33, 200, 5_000, 200_000):
        for name, start, end in (("arrays", "[", "]"), ("objects", '{"a":', "}")):
            inner = start * depth + "1" + end * depth
            yield (
                f"{depth} {name} deep", INVALID,
                rewritten(lambda _, inner=inner: b'{"metrics": ' + inner.encode() + b"}"),  # type: ignore[misc]
            )  # fmt: skip
    for key in ("subject", "observed_at", "metrics", "name", "sha256", "ethics.ece", "n", "value"):
        yield (
            f"key {key} twice", INVALID,
            rewritten(
                lambda data, key=key: data.replace(  # type: ignore[misc]
                    f'"{key}":'.encode(), f'"{key}": 1, "{key}":'.encode(), 1
                )
            ),
        )  # fmt: skip
    yield (
        "half a surrogate pair", INVALID,
        rewritten(lambda data: data.replace(b"scoring-model", b"\\ud800")),
    )  # fmt: skip
    yield (
        "a whole surrogate pair", PROMOTED,
        rewritten(lambda data: data.replace(b"scoring-model", b"\\ud83d\\ude00")),
    )  # fmt: skip


def _members() -> Iterator[Mutation]:
    for pointer, right in _MEMBERS.items():
        for kind, value in _JSON_TYPES.items():
            if kind not in right:
                yield f"{pointer}: {kind}", INVALID, edited(put(pointer, value))
    for name, right in _TYPES.items():
        for kind, value in _JSON_TYPES.items():
            if kind not in right or kind == "object":
                yield f"{name}: {kind}", INVALID, edited(put(f"metrics/{name}", value))
        yield f"{name}: null", HELD, edited(put(f"metrics/{name}", None))
        yield (
            f"{name}: missing", HELD,
            edited(lambda document, name=name: document["metrics"].pop(name)),  # type: ignore[misc]
        )  # fmt: skip
    for name in ("subject", "observed_at", "metrics"):
        yield f"no {name}", INVALID, edited(lambda document, name=name: document.pop(name))  # type: ignore[misc]
    for pointer in ("extra", "subject/extra", "subject/digest/extra", "metrics/ethics.ece/extra"):
        yield f"{pointer}: unknown", INVALID, edited(put(pointer, 1))
    for name in (
        "no.such",
        "slo.dec_p95",
        "SLO.x",
        "slo",
        "slo.",
        ".slo",
        "x." + "y" * 200,
        "",
        "x",
    ):
        yield f"metric {name[:20]!r}: unknown", INVALID, edited(put(f"metrics/{name}", 1))
    yield "a metric of their own", PROMOTED, edited(put("metrics/x.mine", 1))
    for claim, agreed, wrong in (
        ("gate", "promotion", "ethics"), ("profile", "default", "strict"),
        ("stage", "candidate", "production"),
    ):  # fmt: skip
        yield f"it claims {claim} {agreed}", PROMOTED, edited(put(claim, agreed))
        for other in (wrong, "", "no such", "x" * 100_000):
            yield f"it claims {claim} {other[:10]!r}", INVALID, edited(put(claim, other))
    many = {f"x.m{number}": number for number in range(30_000)}
    yield "30,000 metrics", INVALID, edited(put("metrics", many))
    yield "no metric in it", INVALID, edited(put("metrics", {}))
    series = list(range(1001))
    yield "a series too long", INVALID, edited(put("metrics/x.mine", series))


def _numbers() -> Iterator[Mutation]:
    for text in _NO_NUMBERS:
        for name in ("slo.dec_p95_ms", "security.critical_findings"):
            yield (
                f"{name} is {text[:12]}", INVALID,
                rewritten(
                    lambda data, name=name, text=text: data.replace(  # type: ignore[misc]
                        f'"{name}": '.encode(), f'"{name}": {text}, "x.was": '.encode()
                    )
                ),
            )  # fmt: skip
    for n in (-1, 0):
        yield f"n is {n}", HELD, edited(put("metrics/ethics.ece/n", n))
    for wrong in (1.5, "24000", True, 2**53):
        yield f"n is {wrong!r}", INVALID, edited(put("metrics/ethics.ece/n", wrong))
    for ci in ([], [0.1], [0, 0.1, 0.2], ["a", "b"], [None, 1], [[0], [1]]):
        yield f"ci is {ci!r}", INVALID, edited(put("metrics/ethics.ece/ci", ci))
    yield "ci is upside down", HELD, edited(put("metrics/ethics.ece/ci", [0.008, 0.004]))


def _texts() -> Iterator[Mutation]:
    for text in _NO_TIMES:
        yield f"observed at {text!r}", INVALID, edited(put("observed_at", text))
        yield (
            f"ece observed at {text!r}",
            INVALID,
            edited(put("metrics/ethics.ece/observed_at", text)),
        )
    for text in _STALE:
        yield f"observed at {text!r}", HELD, edited(put("observed_at", text))
    for pointer in ("subject/name", "subject/version", "metrics/ethics.ece/unit"):
        for name, text in _NO_TEXTS.items():
            yield f"{pointer} {name}", INVALID, edited(put(pointer, text))
    for name, text in _NO_TEXTS.items():
        if name != "of 300 characters":  # a source may have 1,024
            yield f"source {name}", INVALID, edited(put("metrics/ethics.ece/source", text))
    for digest in (
        "",
        "0" * 63,
        "0" * 65,
        "G" * 64,
        "A" * 64,
        "sha256:" + "0" * 64,
        "0" * 64 + "\n",
    ):
        yield (
            f"digest {digest[:9]!r}, {len(digest)}{digest[64:]!r}",
            INVALID,
            edited(put("subject/digest/sha256", digest)),
        )
    yield "no digest", INVALID, edited(lambda document: document["subject"].pop("digest"))
    for status in ("", "OK", "fine", "not_measured", "x" * 10_000):
        yield f"status {status[:9]!r}", INVALID, edited(put("metrics/ethics.ece/status", status))
    for status in ("undefined", "insufficient_data", "invalid_input"):
        yield f"status {status}", HELD, edited(put("metrics/ethics.ece/status", status))


def _ranges() -> Iterator[Mutation]:
    """A value that its metric cannot have makes that metric ``invalid_input``: a HOLD."""
    catalogue = yaml.safe_load((ROOT / "policies/catalogue/data.yaml").read_text())["metrics"]
    limits = yaml.safe_load((ROOT / "policies/limits/default/data.yaml").read_text())["checks"]
    for name, row in catalogue.items():
        low, high = row.get("range", (None, None))
        blocks = limits.get(name, {}).get("severity") == "block"
        asked = name.split(".")[0] in ("ethics", "model", "slo", "data", "privacy", "security")
        if not (blocks and asked and row["type"] in ("number", "integer")):
            continue
        for value in ([low - 1] if low is not None else []) + (
            [high + 1] if high is not None else []
        ):
            yield f"{name} is {value}", HELD, edited(put(f"metrics/{name}", value))


def _several() -> Iterator[Case]:
    """Several files: the worst of their codes, and nothing is combined that does not fit."""
    for what, text in {"cut": "{", "empty": "", "no object": "[]", "binary": "\0\1"}.items():
        files = {"in/bad.json": text}
        copied = lambda: Path("in/good.json").write_bytes(Path("m.json").read_bytes())  # noqa: E731
        yield Case(f"decide a folder with one {what}", ("decide", "in"), INVALID, files, copied)
        yield Case(
            f"decide --combine with one {what}",
            ("decide", "in", "--combine"),
            INVALID,
            files,
            copied,
        )
        yield Case(f"decide one beside {what}", ("decide", "m.json", "in/bad.json"), INVALID, files)
        yield Case(
            f"decide metrics of standard input: {what}",
            ("decide", "-"),
            INVALID,
            stdin=text.encode(),
        )
    yield Case(
        "decide --combine of a file and itself",
        ("decide", "m.json", "m.json", "--combine"),
        INVALID,
    )
    yield Case("decide an empty folder", ("decide", "own"), INVALID, before=_emptied)
    yield Case("decide standard input twice", ("decide", "-", "-"), INVALID)


def _emptied() -> None:
    for file in Path("own").rglob("*.yaml"):
        file.unlink()
