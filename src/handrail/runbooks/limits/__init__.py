"""Limits of each connector's calls, and its circuit breaker, over all workers on all machines."""
