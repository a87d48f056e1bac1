"""The files that a newcomer starts from: a policy of their own, and a CI job."""

from __future__ import annotations

import re
from pathlib import Path

from engine.errors import UsageError
from engine.policy.bundle import shipped_bundle, shipped_folder

TEMPLATES = Path(__file__).parents[1] / "starter"
PLACEHOLDER = "my_domain"
"""Name of the domain in the templates, so that they are Rego as they stand."""

_DOMAIN = re.compile(r"[a-z][a-z0-9_]{0,31}")
_TAKEN = frozenset(
    (
        *("as", "contains", "default", "else", "every", "false", "if", "import", "in", "input"),
        *("not", "null", "package", "some", "true", "with", "x"),
    )
)
"""Words of Rego, and of metrics that no policy evaluates."""


def starter_policy(domain: str) -> dict[str, str]:
    """Return the files of a starter policy by their path below a policy folder.

    Laid over the shipped policies they are whole: a domain that is its own gate, with one check
    and its test, its metric in a copy of the shipped catalogue, its limit in a copy of the
    shipped ``default`` profile. The Rego needs OPA to be compiled.

    Raises:
        UsageError: ``domain`` cannot be a Rego package of its own.
    """
    _require_domain(domain)

    def filled(name: str) -> str:
        return (TEMPLATES / "policy" / name).read_text("utf-8").replace(PLACEHOLDER, domain)

    def shipped(path: str) -> str:
        return (shipped_folder("policies") / path).read_text("utf-8")

    return {
        f"{domain}/{domain}.rego": filled(f"{PLACEHOLDER}.rego"),
        f"{domain}/{domain}_test.rego": filled(f"{PLACEHOLDER}_test.rego"),
        "catalogue/data.yaml": shipped("catalogue/data.yaml") + filled("catalogue.yaml"),
        "limits/default/data.yaml": shipped("limits/default/data.yaml") + filled("limits.yaml"),
    }


def _require_domain(domain: str) -> None:
    if not _DOMAIN.fullmatch(domain) or domain.endswith("_test"):
        raise UsageError(
            f"policy {domain!r} is not a name for a Rego package",
            "lowercase letters, digits and _, such as checkout",
        )
    shipped = {path.partition("/")[0] for path in shipped_bundle().source_digests}
    if domain in _TAKEN | shipped:
        raise UsageError(f"policy {domain!r}: the name is taken", "choose another, such as own")
