"""Job runners: start with an idempotency key, poll, look up by key."""

from handrail.connectors.jobs.operations import LookUp, Poll, Start

__all__ = ["LookUp", "Poll", "Start"]
