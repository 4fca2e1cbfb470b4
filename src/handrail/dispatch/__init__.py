"""Puts tasks on the queue inside the caller's transaction: they exist exactly if the rows they speak of do."""

from handrail.dispatch.queue import TaskName, enqueue

__all__ = ["TaskName", "enqueue"]
