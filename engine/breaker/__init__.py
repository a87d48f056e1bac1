"""Circuit breaker: calls to a provider's model that keeps failing are stopped, then probed."""
