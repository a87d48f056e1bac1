"""The result of a computation: a value or why there is none, and all that it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.model import INVALID_INPUT, Json, MetricStatus

OK = MetricStatus.OK.value
UNDEFINED = MetricStatus.UNDEFINED.value
INSUFFICIENT = MetricStatus.INSUFFICIENT_DATA.value
INVALID = INVALID_INPUT


@dataclass(frozen=True, slots=True)
class ComputedMetric:
    """A computed metric.

    Attributes:
        method: Name and version of the computation, such as ``ece/1``.
        status: ``ok``, ``undefined``, ``insufficient_data`` or ``invalid_input``.
        value: The value; None unless ``status`` is ``ok``.
        n: Samples that it rests on.
        ci: Lower and upper bound; None unless ``status`` is ``ok``.
        because: Why there is no value, in one clause; empty when there is one.
        parameters: Everything that was set.
        groups: Sample size by group.
        excluded: How many samples were left out, by reason.
        reference: Numbers that came with the value.
    """

    method: str
    status: str
    value: float | bool | None = None
    n: int = 0
    ci: tuple[float, float] | None = None
    because: str = ""
    parameters: Mapping[str, Json] = field(default_factory=dict)
    groups: Mapping[str, int] = field(default_factory=dict)
    excluded: Mapping[str, int] = field(default_factory=dict)
    reference: Mapping[str, float] = field(default_factory=dict)

    def metric(self, unit: str | None = None, **about: Json) -> dict[str, Json]:
        """Return it in the long form of a metrics file.

        Args:
            unit: Unit of the value.
            about: ``source``, ``observed_at`` and ``source_sha256``.
        """
        sha256 = about.pop("source_sha256", None)
        computed: dict[str, Json] = {"method": self.method}
        for name in ("parameters", "groups", "excluded", "reference"):
            if members := getattr(self, name):
                computed[name] = dict(members)
        if sha256 is not None:
            computed["source_sha256"] = sha256
        metric: dict[str, Json] = {"value": self.value, "status": self.status, "n": self.n}
        if self.ci is not None:
            metric["ci"] = list(self.ci)
        if unit is not None:
            metric["unit"] = unit
        return {**metric, **about, "computed": computed}
