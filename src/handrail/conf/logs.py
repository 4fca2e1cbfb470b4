"""Structured logs: one JSON object a line on standard error, without bodies, secrets or customer text."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import structlog

EVENT_LIMIT = 500
FRAMES_LIMIT = 40
CAUSES_LIMIT = 5
# What an exception says of itself that never is a customer's text: codes of PostgreSQL, the system, Handrail.
CODES = ("sqlstate", "errno", "code")

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


def _summarized(exc_info: ExcInfo) -> list[dict[str, Any]]:
    """The exception and its causes: class, codes and place. Their texts may quote a customer, and are left out."""
    return [
        {
            "class": f"{type(error).__module__}.{type(error).__qualname__}",
            **{name: code for name in CODES if isinstance(code := getattr(error, name, None), str | int)},
            "frames": [
                f"{frame.filename}:{frame.lineno} {frame.name}"
                for frame in traceback.extract_tb(error.__traceback__)[-FRAMES_LIMIT:]
            ],
        }
        for error in _chain(exc_info[1])
    ]


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    for _ in range(CAUSES_LIMIT):
        if error is None:
            return
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _bounded(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    event["event"] = str(event.get("event", ""))[:EVENT_LIMIT]
    return event


_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.ExceptionRenderer(_summarized),
    _bounded,
]


def configure() -> None:
    """Routes structlog through the standard library, so that one handler prints everything."""
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def django_logging() -> dict[str, Any]:
    """Django's LOGGING: JSON lines from ours at INFO, others' only from WARNING."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processor": structlog.processors.JSONRenderer(),
                "foreign_pre_chain": _SHARED,
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {"handrail": {"level": "INFO"}},
    }
