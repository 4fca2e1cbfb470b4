"""What the API's framework answers in a way of its own, made a problem document like every other refusal."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from handrail.api import problems


class WrongMethods:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED and concerns(request):
            return problems.wrong_method(allowed=response.headers.get("Allow", ""))
        return response


class TlsOnly:
    """Refuses what comes over plain http where https is configured. A redirect would hide from a program that it sends
    its token in clear; pages are redirected."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.SECURE_SSL_REDIRECT and not request.is_secure() and concerns(request):
            return problems.problem(
                403, "https-required", "Use https. If you sent a token, revoke it: it was not encrypted."
            )
        return self.get_response(request)


def concerns(request: HttpRequest) -> bool:
    """Whether the request is for the API, whose errors are problem documents, not pages."""
    return request.path_info.startswith("/api/")
