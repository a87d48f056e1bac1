"""The metrics of a watched subject: each source on its own, so that none hides another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from engine.errors import GovernanceError
from engine.evidence.gather import MergedMetrics
from engine.evidence.metrics_file import RefusalError, expand
from engine.evidence.sources import Evidence, SourceRequest, source_of
from engine.formats.times import write_time
from engine.model import Json
from engine.settings.table import Table


@dataclass(slots=True)
class Measurement:
    """What the sources of a subject measured at one instant.

    Attributes:
        metrics: Metrics in long form by id; what could not be measured is missing.
        failures: What kept a source from measuring, one line each.
        notes: What a person should know of what was measured.
    """

    metrics: dict[str, Json] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class World:
    """What reading sources takes, apart from their tables.

    Attributes:
        folder: What their paths are relative to.
        environ: The environment.
        catalogue: Row by metric id.
        schema: ``metrics.schema.json``.
    """

    folder: Path
    environ: Mapping[str, str]
    catalogue: Mapping[str, Json]
    schema: Json


def measure(
    about: Mapping[str, Json], sources: tuple[Table, ...], now: datetime, world: World
) -> Measurement:
    """Read every source of a subject, ``about`` as a metrics file writes it.

    What goes wrong is in the answer.

    A source that fails or gives a metric that the catalogue does not know gives nothing; a metric
    that several sources give is dropped. A metric that is missing passes nowhere.
    """
    measured, merged = Measurement(), MergedMetrics()
    for table in sources:
        fresh, place = table.again(), f"{table.file}:{table.line}"
        try:
            request = SourceRequest(fresh, world.folder, now, world.environ, about)
            evidence = source_of(fresh).read(request)
            fresh.finish()
            found = _expanded(about["name"], evidence, now, world, measured.notes)
        except GovernanceError as error:
            measured.failures.append(error.message)
            continue
        except RefusalError as refused:
            measured.failures.append(f"{place}: {refused.pointer}: {refused.reason}")
            continue
        except Exception as error:  # noqa: BLE001  (a defect of a source must not end the watch)
            measured.failures.append(f"{place}: a defect: {type(error).__name__}: {error}")
            continue
        measured.notes += evidence.notes
        measured.failures += [
            f"{place}: {metric} is measured by the source at line {first.line}, too; neither counts"
            for metric, first in merged.add(found, table).items()
        ]
    measured.metrics = merged.metrics
    return measured


def _expanded(
    name: str, evidence: Evidence, now: datetime, world: World, notes: list[str]
) -> dict[str, Json]:
    """The metrics as a metrics file of them would be read: checked, typed, with their ages."""
    if not (metrics := dict(evidence.metrics)):
        return {}
    document = {"subject": {"name": name}, "observed_at": write_time(now), "metrics": metrics}
    try:
        return expand(document, world.catalogue, now, world.schema, notes)
    except RefusalError as refused:
        if error := evidence.refused(refused.pointer, refused.reason, refused.hint):
            raise error from None
        raise
