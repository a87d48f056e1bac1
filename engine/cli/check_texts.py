"""The words that a policy bundle has for its checks, as reports need them."""

from __future__ import annotations

from functools import lru_cache

from engine.policy.bundle import PolicyBundle


@lru_cache(maxsize=4)
def texts_of(bundle: PolicyBundle) -> dict[str, dict[str, str]]:
    """Return title, why, fix and code by check id."""
    return {
        check.id: {
            "title": check.title,
            "why": check.why,
            "fix": check.fix,
            **({"code": check.code} if check.code else {}),
        }
        for check in bundle.checks()
    }


@lru_cache(maxsize=16)
def off_reasons(bundle: PolicyBundle, profile: str) -> dict[str, str]:
    """Return, by check id, why ``profile`` turned a check off."""
    rows = bundle.profile(profile)["checks"]
    return {name: row["reason"] for name, row in rows.items() if row.get("severity") == "off"}
