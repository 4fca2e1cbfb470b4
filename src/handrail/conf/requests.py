"""What the log says of a request."""

from __future__ import annotations

import structlog
from django.conf import settings
from django.http import HttpRequest
from django_structlog.middlewares import RequestMiddleware


class Numbered(RequestMiddleware):
    """Gives each request the number that its log lines carry, and names it without its query, which people fill in."""

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        return f"{request.method} {request.path}"

    @classmethod
    def bind_ip(cls, request: HttpRequest) -> None:
        """The address that the outermost trusted proxy saw; what comes before it in the header anybody can write."""
        seen, proxies = request.headers.get("x-forwarded-for", "").split(","), settings.ALLAUTH_TRUSTED_PROXY_COUNT
        forwarded = seen[-proxies].strip() if 0 < proxies <= len(seen) else ""
        structlog.contextvars.bind_contextvars(ip=forwarded or request.META.get("REMOTE_ADDR"))
