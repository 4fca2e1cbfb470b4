"""The addresses of the API, and of what machines that watch ask for."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path, re_path

from handrail.api import health, problems
from handrail.api.service import api

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/", api.urls),
    re_path(r"^api(?:/.*)?$", problems.nothing_here),
    path("healthz", health.alive, name="alive"),
    path("readyz", health.ready, name="ready"),
    path("metrics", health.metrics, name="metrics"),
]
