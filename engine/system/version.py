"""The version that was built; of sources of which nothing was built, the one that is installed."""

from __future__ import annotations

try:
    from engine._version import __version__
except ModuleNotFoundError:
    from importlib.metadata import version

    __version__ = version("governance-engine")

__all__ = ["__version__"]
