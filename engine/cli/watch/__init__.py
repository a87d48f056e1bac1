"""``engine watch``: plan, measurement, loop, effects, and the check against the specs."""
