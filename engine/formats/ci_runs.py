"""What a run of a CI is called: one form, wherever it is read."""

from __future__ import annotations

import re
from typing import Final

from engine.formats.signed_json import read_object, read_text, refuse
from engine.model import CiRun, Json

RUN_PART: Final = r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}"
"""Id and attempt: at most 64 letters, digits and ``._:-``."""

_PART = re.compile(RUN_PART, re.ASCII)
_CIS = ("github", "gitlab", "named")


def read_run(value: Json, what: str) -> CiRun:
    """Return the run that a signed document names.

    Raises:
        VerificationError: It is no object of ``ci``, ``id`` and ``attempt``, or one is of another
            form.

    Source: spec/predicate-v2.md section 4.
    """
    members = read_object(value, what, CiRun._fields)
    run = CiRun(*(read_text(members[name], f"{name} of {what}") for name in CiRun._fields))
    if run.ci not in _CIS:
        refuse(f"{what} is of the CI {run.ci[:64]!r}, which is not known")
    for name in ("id", "attempt"):
        if not _PART.fullmatch(members[name]):
            refuse(f"{name} of {what} is not at most 64 letters, digits and ._:-")
    return run
