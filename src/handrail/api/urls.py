"""The addresses of the API."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path, re_path

from handrail.api import problems
from handrail.api.service import api

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/", api.urls),
    re_path(r"^api(?:/.*)?$", problems.nothing_here),
]
