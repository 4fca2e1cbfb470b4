"""Job runners: start with an idempotency key, poll, look up by key."""

from handrail.connectors.jobs.connector import KINDS, JobsConfig, JobsConnector
from handrail.connectors.jobs.operations import LookUp, Poll, Start

__all__ = ["KINDS", "JobsConfig", "JobsConnector", "LookUp", "Poll", "Start"]
