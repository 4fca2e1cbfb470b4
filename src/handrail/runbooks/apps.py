from __future__ import annotations

from django.apps import AppConfig


class RunbooksConfig(AppConfig):
    name = "handrail.runbooks"
    label = "runbooks"
