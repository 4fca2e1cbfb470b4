"""What the log says of a request."""

from __future__ import annotations

from django.http import HttpRequest
from django_structlog.middlewares import RequestMiddleware


class Numbered(RequestMiddleware):
    """Gives each request the number that its log lines carry, and names it without its query, which people fill in."""

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        return f"{request.method} {request.path}"
