"""Amounts as people type them."""

from __future__ import annotations

import argparse

from engine.cli.arguments import whole_number


def usd(text: str) -> int:
    """Return an amount of US dollars in micro-dollars, for argparse."""
    from engine.formats.money import micros

    try:
        return micros(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def whole(text: str) -> int:
    """Return a whole number, for argparse."""
    return whole_number(text, 0, 10**15 - 1, "a whole number")
