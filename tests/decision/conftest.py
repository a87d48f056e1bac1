"""The command line as one of the doors."""

from tests.cli.conftest import engine, module_cache

__all__ = ["engine", "module_cache"]
