"""``kind = "sbom"``: bills of materials, CycloneDX and SPDX 2.3 in JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from engine.evidence.sources.contract import Evidence, SourceRequest
from engine.evidence.sources.heads import Head, read_head
from engine.evidence.sources.json_events import ANY, OPENED, Place, read_values
from engine.evidence.sources.reports import Reports, counts, reports_of, unfit
from engine.model import Json

EXAMPLE = """\
[[source]]
kind = "sbom"
path = "bom.json"                   # CycloneDX or SPDX 2.3, JSON
"""
METHOD = "sbom/1"
_NO_LICENCE = ("", "NOASSERTION", "NONE", None)
_CYCLONEDX = (("components", ANY), ("metadata",), ("bomFormat",))
_SPDX = (
    ("packages", ANY),
    ("creationInfo",),
    ("spdxVersion",),
    ("documentDescribes", ANY),
    ("relationships", ANY),
)
MAX_DIGESTS = 100_000
"""Of packages that an SPDX document could be about."""


def recognise(head: Head) -> str:
    """Return why a file is a bill of materials; empty where it is none."""
    form = _form_of(head)
    return form and f"the form of {form}"


def _form_of(head: Head) -> str:
    found = head.json
    if found is None or found.is_list:
        return ""
    members = found.members
    if members.get("bomFormat") == "CycloneDX" and (
        "components" in members or "vulnerabilities" not in members
    ):
        return "CycloneDX"
    version = members.get("spdxVersion")
    is_spdx = isinstance(version, str) and version.startswith("SPDX-2.") and "SPDXID" in members
    return "SPDX" if is_spdx else ""


@dataclass
class _Tally:
    """What the components of all files came to.

    Attributes:
        about: By file, the SHA-256 digests of what it is about.
    """

    components: int = 0
    without_version: int = 0
    without_licence: int = 0
    about: dict[Path, set[str]] = field(default_factory=dict)

    def add(self, *, has_version: bool, has_licence: bool) -> None:
        self.components += 1
        self.without_version += not has_version
        self.without_licence += not has_licence


def read(request: SourceRequest) -> Evidence:
    """Count the components of every file, and compare what it is about with the subject."""
    reports = reports_of(request)
    request.table.finish()
    tally = _Tally()
    for file in reports.files:
        name = reports.names[file]
        form = _form_of(read_head(file, name))
        if not form:
            raise unfit(name, "is neither CycloneDX nor SPDX 2 in JSON; an error page, or cut off?")
        reading = _read_cyclonedx if form == "CycloneDX" else _read_spdx
        at: list[Place] = [()]
        try:
            for place in reading(file, reports, tally):
                at[0] = place
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            reason = f"is not as {form} writes it: {type(error).__name__}: {error}"
            raise unfit(name, reason[:200], "".join(f"/{key}" for key in at[0])) from None
    values: dict[str, Json] = {
        "security.sbom_components": tally.components,
        "security.sbom_without_version": tally.without_version,
        "security.sbom_without_licence": tally.without_licence,
        "security.sbom_about_subject": _is_about(request.subject, reports, tally),
    }
    status = "" if tally.components else "insufficient_data"
    if status:
        reports.note("no component is listed")
    about = reports.about(METHOD, {})
    return Evidence(counts(values, about, tally.components, status=status), tuple(reports.notes))


def _is_about(subject: Mapping[str, Json], reports: Reports, tally: _Tally) -> bool | None:
    """Whether every file names the subject's digest; None where the subject has none."""
    digest = subject.get("digest")
    if not isinstance(digest, dict):
        reports.note("whether it is about the subject is not known: the subject has no digest")
        return None
    return all(digest["sha256"] in tally.about.get(file, ()) for file in reports.files)


def _read_cyclonedx(file: Path, reports: Reports, tally: _Tally) -> Iterator[Place]:
    for which, place, value in read_values(file, reports.names[file], _CYCLONEDX):
        yield place
        if value is OPENED:
            continue
        if which == 0:
            _add_components(value, tally)
        elif which == 1:
            reports.made(file, value.get("timestamp"))
            hashes = (value.get("component") or {}).get("hashes") or ()
            tally.about[file] = {
                str(digest["content"]).lower() for digest in hashes if digest["alg"] == "SHA-256"
            }


def _add_components(value: Json, tally: _Tally) -> None:
    waiting = [value]
    while waiting:
        component = waiting.pop()
        if not isinstance(component["name"], str) or not component["name"]:
            raise ValueError("a component has no name")
        licences = component.get("licenses") or ()
        tally.add(
            has_version=bool(component.get("version")),
            has_licence=any(_is_licence(licence) for licence in licences),
        )
        waiting += component.get("components") or ()


def _is_licence(licence: Json) -> bool:
    named = licence.get("license") or {}
    given = licence.get("expression"), named.get("id"), named.get("name")
    return any(text not in _NO_LICENCE for text in given)


def _read_spdx(file: Path, reports: Reports, tally: _Tally) -> Iterator[Place]:
    digests: dict[str, set[str]] = {}
    described: set[str] = set()
    held: dict[str, tuple[bool, bool]] = {}
    for which, place, value in read_values(file, reports.names[file], _SPDX):
        yield place
        if value is OPENED:
            continue
        if which == 0:
            reference = str(value["SPDXID"])
            licences = (value.get("licenseConcluded"), value.get("licenseDeclared"))
            has_licence = any(licence not in _NO_LICENCE for licence in licences)
            held[reference] = (bool(value.get("versionInfo")), has_licence)
            found = {
                str(given["checksumValue"]).lower()
                for given in value.get("checksums") or ()
                if given["algorithm"] == "SHA256"
            }
            if found and len(digests) < MAX_DIGESTS:
                digests[reference] = found
        elif which == 1:
            reports.made(file, value.get("created"))
        elif which == 3:
            described.add(str(value))
        elif which == 4 and value["relationshipType"] == "DESCRIBES":
            described.add(str(value["relatedSpdxElement"]))
    for reference, (has_version, has_licence) in held.items():
        if reference not in described:
            tally.add(has_version=has_version, has_licence=has_licence)
    tally.about[file] = set().union(*(digests.get(reference, set()) for reference in described))
