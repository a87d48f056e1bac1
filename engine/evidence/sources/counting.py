"""The SQL that counts predictions: plain enough for DuckDB and for a cluster engine.

The first statement makes a view ``predictions`` of the data and differs from engine to engine;
the second one counts it and does not. Whole numbers only: probabilities are summed in
millionths, and the bin of one is found at a resolution of 10^-12, so that a score that is
written as a decimal edge, such as 0.29 of a hundred bins, lies in the bin that starts there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

COLUMNS = ("group_name", "bin", "hit", "label", "prediction", "flaw", "n", "score_sum")
"""Of the table that comes out; NULL where nothing of the kind is known."""

ROLES = ("label", "score", "prediction", "group")


class Flaw(NamedTuple):
    """Why a row cannot be used, in words.

    Attributes:
        reason: Behind the column's name and its value.
        fix: What to do.
    """

    reason: str
    fix: str


_FILL = "fill it in: a row that is left out may be the one that matters"
_CLASSES = 'write 0 or 1, or say how classes are written: positive = "…", negative = "…"'
FLAWS: Mapping[str, Flaw] = {
    "group_missing": Flaw("is missing", _FILL),
    "label_missing": Flaw("is missing", _FILL),
    "label_unknown": Flaw("is no class", _CLASSES),
    "prediction_missing": Flaw("is missing", _FILL),
    "prediction_unknown": Flaw("is no class", _CLASSES),
    "score_missing": Flaw("is missing", _FILL),
    "score_not_a_number": Flaw("is no number", "write it as 0.93 or 0,93"),
    "score_nan": Flaw("is NaN", "look for what divided by zero, and score the row anew"),
    "score_infinite": Flaw("is infinite", "give the probability, not its logarithm or odds"),
    "score_out_of_range": Flaw(
        "is outside of 0 to 1", "give a probability; of a percentage its hundredth"
    ),
}
"""By the code that :meth:`CountingPlan.flaws` gives."""
MISSING = ("", "nan", "na", "n/a", "<na>", "#n/a", "nat", "null", "none", "nil")
"""How tools write a group that nobody knows, in small letters: one and the same, and no group."""


def name(text: str) -> str:
    """Return ``text`` quoted as an identifier."""
    return '"' + text.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return ``text`` quoted as a text."""
    return "'" + text.replace("'", "''") + "'"


@dataclass(frozen=True, slots=True)
class Classes:
    """How a class is written.

    Attributes:
        task: ``binary``: the score is P(y = 1). ``multiclass``: it is the confidence in the
            class that was predicted.
        positive: The class that counts as 1; None is 1 or true.
        negative: The class that counts as 0; None is 0 or false, and for a multiclass model
            every class but the positive one.
    """

    task: str = "binary"
    positive: str | None = None
    negative: str | None = None

    def number(self, column: str) -> str:
        """Return SQL for 1, 0, or NULL where ``column`` holds neither."""
        text = f"CAST({column} AS STRING)"
        if self.positive is not None:
            positive = f"{text} = {literal(self.positive)}"
            if self.negative is not None:
                negative = f"{text} = {literal(self.negative)}"
            else:
                negative = f"{column} IS NOT NULL"
        elif self.task == "multiclass":
            return "NULL"
        else:
            number = f"TRY_CAST({text} AS DOUBLE)"
            positive = f"{number} = 1 OR LOWER({text}) = 'true'"
            negative = f"{number} = 0 OR LOWER({text}) = 'false'"
        return f"CASE WHEN {positive} THEN 1 WHEN {negative} THEN 0 END"

    def unknown(self, column: str) -> str:
        """Return SQL for whether ``column`` holds something, but no class."""
        if self.task == "multiclass" and self.negative is None:
            return f"LOWER(CAST({column} AS STRING)) IN ('', 'nan')"
        return f"({self.number(column)}) IS NULL"


@dataclass(frozen=True, slots=True)
class CountingPlan:
    """What is counted and how.

    Attributes:
        roles: Which of label, score, prediction and group the data has.
        classes: How labels and predictions are written.
        bins: How many bins.
        strategy: ``equal_width`` or ``equal_mass``.
    """

    roles: frozenset[str]
    classes: Classes
    bins: int = 15
    strategy: str = "equal_width"

    def statement(self) -> str:
        """Return the statement that counts the view ``predictions``."""
        keys = ", ".join(COLUMNS[:6])
        return f"""\
WITH {self._ranks()}checked AS (
  SELECT group_name, label, prediction,
    CASE WHEN score >= 0 AND score <= 1 THEN {self._bin()} ELSE -1 END AS bin,
    CASE WHEN score >= 0 AND score <= 1 THEN {_MILLIONTHS} ELSE 0 END AS millionths
  FROM predictions{self._join()}
), counted AS (
  SELECT group_name, label, prediction, bin, COUNT(*) AS n, SUM(millionths) AS score_sum
  FROM checked
  GROUP BY group_name, label, prediction, bin
), named AS (
  SELECT
    {self._known("group", "CAST(group_name AS STRING)")} AS group_name,
    {self._known("score", "bin")} AS bin,
    {self._hit()} AS hit,
    {self._known("label", self.classes.number("label"))} AS label,
    {self._known("prediction", self.classes.number("prediction"))} AS prediction,
    {self._flaw()} AS flaw,
    n, score_sum
  FROM counted
), usable AS (
  SELECT
    CASE WHEN flaw IS NULL THEN group_name END AS group_name,
    CASE WHEN flaw IS NULL THEN bin END AS bin,
    CASE WHEN flaw IS NULL THEN hit END AS hit,
    CASE WHEN flaw IS NULL THEN label END AS label,
    CASE WHEN flaw IS NULL THEN prediction END AS prediction,
    flaw, n,
    CASE WHEN flaw IS NULL THEN score_sum ELSE 0 END AS score_sum
  FROM named
)
SELECT {keys},
  CAST(SUM(n) AS BIGINT) AS n, CAST(SUM(score_sum) AS BIGINT) AS score_sum
FROM usable
GROUP BY {keys}
ORDER BY {keys}"""  # noqa: S608  (every name and text in it is quoted)

    def flaws(self) -> str:
        """Return SQL for why a row of ``predictions`` is not counted; NULL where it is."""
        cases = self._flaw_cases()
        if "score" in self.roles:
            cases += [
                ("score_missing AND score IS NULL", "score_missing"),
                ("score IS NULL", "score_not_a_number"),
                ("isnan(score)", "score_nan"),
                ("isinf(score)", "score_infinite"),
                ("score < 0 OR score > 1", "score_out_of_range"),
            ]
        return _case(cases)

    def _flaw(self) -> str:
        score = [("bin = -1", "score_unusable")] if "score" in self.roles else []
        return _case(self._flaw_cases() + score)

    def _flaw_cases(self) -> list[tuple[str, str]]:
        cases: list[tuple[str, str]] = []
        if "group" in self.roles:
            text = "LOWER(TRIM(CAST(group_name AS STRING)))"
            spellings = ", ".join(f"'{spelling}'" for spelling in MISSING)
            cases += [(f"group_name IS NULL OR {text} IN ({spellings})", "group_missing")]
        for role in ("label", "prediction"):
            if role in self.roles:
                cases += [(f"{role} IS NULL", f"{role}_missing")]
                cases += [(self.classes.unknown(role), f"{role}_unknown")]
        return cases

    def _known(self, role: str, expression: str) -> str:
        return expression if role in self.roles else "NULL"

    def _hit(self) -> str:
        """What the score is the probability of, in SQL."""
        if self.classes.task == "binary":
            return self._known("label", self.classes.number("label"))
        if not {"label", "prediction"} <= self.roles:
            return "NULL"
        same = "CAST(label AS STRING) = CAST(prediction AS STRING)"
        return f"CASE WHEN {same} THEN 1 WHEN label IS NOT NULL THEN 0 END"

    def _bin(self) -> str:
        if self.strategy == "equal_mass":
            return "rank_bin"
        at = f"CAST(FLOOR(ROUND(score * 1e12) * {self.bins} / 1e12) AS INTEGER)"
        return f"LEAST({at}, {self.bins - 1})"

    def _ranks(self) -> str:
        """Equal mass: how many rows have a smaller score, so that ties are in one bin."""
        if self.strategy != "equal_mass":
            return ""
        return f"""\
masses AS (
  SELECT {_MILLIONTHS} AS mass_score, COUNT(*) AS mass
  FROM predictions WHERE score >= 0 AND score <= 1
  GROUP BY {_MILLIONTHS}
), ranked AS (
  SELECT mass_score, CAST(FLOOR(
      {self.bins} * CAST(SUM(mass) OVER (ORDER BY mass_score) - mass AS DOUBLE)
      / SUM(mass) OVER ()
    ) AS INTEGER) AS rank_bin
  FROM masses
), """  # noqa: S608

    def _join(self) -> str:
        if self.strategy != "equal_mass":
            return ""
        on = f"CASE WHEN score >= 0 AND score <= 1 THEN {_MILLIONTHS} END"
        return f" LEFT JOIN ranked ON mass_score = {on}"


_MILLIONTHS = "CAST(ROUND(score * 1e6) AS BIGINT)"


def _case(cases: list[tuple[str, str]]) -> str:
    if not cases:
        return "NULL"
    return f"CASE {' '.join(f'WHEN {when} THEN {literal(then)}' for when, then in cases)} END"
