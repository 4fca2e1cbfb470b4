"""The WSGI application that the web server runs."""

from __future__ import annotations

from handrail.conf.start import start

start()

from django.core.wsgi import get_wsgi_application  # noqa: E402 - needs the settings that start() prepares

from handrail.conf.gate import readable  # noqa: E402

application = readable(get_wsgi_application())
