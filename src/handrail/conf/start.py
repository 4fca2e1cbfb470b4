"""How every process of Handrail begins: configuration, database, Django."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import django
from django.apps import apps
from django.conf import global_settings
from django.conf import settings as in_use

from handrail.conf import config, database
from handrail.conf.apps import compose
from handrail.conf.postgres import programs

SETTINGS = "handrail.conf.settings"
# What one role's connection has other than another's; the database is the same.
_PERSONAL = ("USER", "PASSWORD", "HOST", "PORT", "OPTIONS")


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


@contextmanager
def as_owner() -> Iterator[None]:
    """The connection is that of the role which owns the tables, for the length of a ``with`` block, where there is one
    apart from the role that serves. Raises Misconfigured."""
    owner = database.owner_url(config.load())
    if owner is None:
        yield
        return
    from django.db import connection  # noqa: PLC0415 - Django's settings must be there first

    used = connection.settings_dict
    before = {name: used[name] for name in _PERSONAL}
    wanted = database.settings(owner)
    connection.close()
    used.update({name: wanted[name] for name in _PERSONAL})
    try:
        yield
    finally:
        connection.close()
        used.update(before)


def apply_rights() -> bool:
    """Grants and row security as this version has them, through the owner's connection. False when they are so already.

    Migrations do it by themselves."""
    from handrail.access import protection  # noqa: PLC0415 - Django's apps must be loaded first

    return protection.apply()


def rights_are_applied() -> bool:
    """Whether the database has grants and row security as this version has them."""
    from handrail.access import protection  # noqa: PLC0415 - as above

    return protection.is_applied()


def rights_strays(serving: str) -> list[str]:
    """What the database lets the role ``serving`` do or see besides: a sentence for each."""
    from handrail.access import strays  # noqa: PLC0415 - as above

    return strays.found(serving)


def rights_digest() -> str:
    """Changes with what this version grants and shows."""
    from handrail.access import protection  # noqa: PLC0415 - as above

    return protection.digest()


def rights() -> list[str]:
    """The statements of ``apply_rights``, for somebody who wants to read them first."""
    from handrail.access import protection  # noqa: PLC0415 - as above

    return protection.statements()


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


def embedded_version() -> tuple[int, int]:
    """Major and minor version of the server that comes with Handrail."""
    return programs.server_version()


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
