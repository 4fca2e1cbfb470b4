"""The headers that every response has, whichever part of Handrail or its libraries made it."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

# What pages never use, for themselves or for anything they might be made to embed.
# https://github.com/w3c/webappsec-permissions-policy/blob/main/features.md
FEATURES = (
    "accelerometer", "ambient-light-sensor", "attribution-reporting", "autoplay", "bluetooth", "browsing-topics",
    "camera", "compute-pressure", "display-capture", "encrypted-media", "fullscreen", "gamepad", "geolocation",
    "gyroscope", "hid", "identity-credentials-get", "idle-detection", "local-fonts", "magnetometer", "microphone",
    "midi", "otp-credentials", "payment", "picture-in-picture", "screen-wake-lock", "serial", "storage-access",
    "usb", "web-share", "window-management", "xr-spatial-tracking",
)  # fmt: skip
# Passkeys are made and shown on our own pages, and in no frame of anybody's.
OWN = ("publickey-credentials-create", "publickey-credentials-get")
ALWAYS = {
    "Permissions-Policy": ", ".join([*(f"{name}=()" for name in FEATURES), *(f"{name}=(self)" for name in OWN)]),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    # Pages have their own policy, set before this; anything else loads and runs nothing.
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
}
NO_STORE = "no-store"
# A static file may be cached; that there is none may not.
FILES = frozenset({200, 206, 304})


class ResponseHeaders:
    """The outermost middleware: it also sees what libraries answer before a view is reached, and every error."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        for name, value in ALWAYS.items():
            response.headers.setdefault(name, value)
        if settings.SECURE_HSTS_SECONDS and request.is_secure():
            response.headers.setdefault("Strict-Transport-Security", _strict_transport())
        if response.status_code not in FILES or not request.path_info.startswith(settings.STATIC_URL):
            response.headers["Cache-Control"] = NO_STORE
        return response


def _strict_transport() -> str:
    """As Django's own middleware writes it, for the answers that don't come by it."""
    value = f"max-age={settings.SECURE_HSTS_SECONDS}"
    value += "; includeSubDomains" if settings.SECURE_HSTS_INCLUDE_SUBDOMAINS else ""
    return value + ("; preload" if settings.SECURE_HSTS_PRELOAD else "")
