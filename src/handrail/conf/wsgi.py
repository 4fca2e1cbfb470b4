"""The WSGI application that the web server runs."""

from __future__ import annotations

from handrail.conf.start import start

start()

from django.core.wsgi import get_wsgi_application  # noqa: E402 - needs the settings that start() prepares

application = get_wsgi_application()
