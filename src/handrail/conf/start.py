"""How every process of Handrail begins: configuration, database, Django."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

import django
from django.apps import apps
from django.conf import global_settings
from django.conf import settings as in_use

from handrail.conf import config, database
from handrail.conf.apps import compose

SETTINGS = "handrail.conf.settings"


def start() -> None:
    """Makes Django ready in this process. Starts the embedded PostgreSQL when no other is configured.

    Raises Misconfigured when handrail.toml or a secret needs fixing. A second call costs nothing.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", SETTINGS)
    database.use(database.url(config.load()))
    if in_use.configured and getattr(in_use, "HANDRAIL_MODELS_ONLY", False):
        _complete()
    else:
        django.setup()


def load_models() -> None:
    """Makes the models importable and nothing else: reads no configuration, asks and starts no database.

    The command line needs so much to know its own commands. ``start`` completes it. A second call costs nothing.
    """
    if not in_use.configured:
        databases = {"default": database.settings(database.UNSET)}
        fixed = _settings("handrail.conf.base_settings")
        in_use.configure(global_settings, **fixed, DATABASES=databases, HANDRAIL_MODELS_ONLY=True)
    if not apps.ready:
        django.setup()


def has_database() -> bool:
    """Whether there is a server to start with, or to ask. Raises Misconfigured."""
    return database.exists(config.load())


def _complete() -> None:
    """What ``load_models`` left out. Connections are made from the dictionary that ``DATABASES`` holds, so that it is
    filled, not replaced."""
    for name, value in _settings(SETTINGS).items():
        if name == "DATABASES":
            in_use.DATABASES["default"].update(value["default"])
        else:
            setattr(in_use, name, value)
    in_use.HANDRAIL_MODELS_ONLY = False
    compose()


def _settings(module: str) -> dict[str, Any]:
    return {name: value for name, value in vars(import_module(module)).items() if name.isupper()}
