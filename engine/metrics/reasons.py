"""Why a sample is not counted: the words behind the codes of ``excluded``. Pure."""

from __future__ import annotations

from collections.abc import Mapping

IN_WORDS = {
    "flag_not_set": "without a required flag",
    "expired": "whose consent expired",
    "group_missing": "without a group",
    "group_too_small": "of groups that are too small",
    "label_missing": "without a label",
    "label_unknown": "with a label that is no class",
    "no_record": "without a record",
    "not_yet_issued": "whose consent is of a later date",
    "other_notice": "who agreed to another notice",
    "other_purpose": "who agreed to another purpose",
    "prediction_missing": "without a prediction",
    "prediction_unknown": "with a prediction that is no class",
    "refused": "who refused",
    "score_infinite": "with a score that is infinite",
    "score_missing": "without a score",
    "score_nan": "with a score that is NaN",
    "score_not_a_number": "with a score that is no number",
    "score_out_of_range": "with a score outside of 0 to 1",
    "score_unusable": "with a score that is no probability",
    "withdrawn": "who withdrew",
}
"""What is said of a sample, by the code in its metric; a code of a stranger's stands for itself."""


def in_words(excluded: Mapping[str, int]) -> str:
    """Return how many samples are not counted and why, such as ``3 without a label``.

    Args:
        excluded: How many, by code.
    """
    return ", ".join(f"{n:,} {IN_WORDS.get(code, code)}" for code, n in sorted(excluded.items()))
