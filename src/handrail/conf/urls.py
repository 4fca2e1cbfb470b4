"""Every route of the installation."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("handrail.web.routes")),
    path("", include("handrail.api.urls")),
]

handler400 = "handrail.conf.failures.bad_request"
handler404 = "handrail.web.shell.errors.not_found"
handler500 = "handrail.conf.failures.server_error"
