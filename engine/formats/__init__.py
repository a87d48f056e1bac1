"""From bytes to values and back: JSON, canonical JSON, times, calendar days, money. Pure.

Every room may enter. A reader here is strict: what it does not accept it refuses with its place.
"""
