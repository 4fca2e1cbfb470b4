from __future__ import annotations

from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "handrail.web"
    label = "web"
