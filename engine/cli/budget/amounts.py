"""Amounts as people type them."""

from __future__ import annotations

import argparse


def usd(text: str) -> int:
    """Return an amount of US dollars in micro-dollars, for argparse."""
    from engine.formats.money import micros

    try:
        return micros(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def whole(text: str) -> int:
    """Return a whole number, for argparse."""
    if not (text.isascii() and text.isdigit()) or len(text) > 15:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)
