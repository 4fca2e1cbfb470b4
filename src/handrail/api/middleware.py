"""What the API's framework answers in a way of its own, made a problem document like every other refusal."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

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


def concerns(request: HttpRequest) -> bool:
    """Whether the request is for the API, whose errors are problem documents, not pages."""
    return request.path_info.startswith("/api/")
