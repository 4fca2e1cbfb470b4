"""The product's own settings, on the tests' database and configuration."""

from __future__ import annotations

import os
from pathlib import Path

from handrail.conf import database

STATE = Path(__file__).resolve().parent.parent / "var" / "test"

os.environ["HANDRAIL_CONFIG"] = str(Path(__file__).with_name("handrail.toml"))
os.environ["HANDRAIL_STATE_DIR"] = str(STATE)
if "DATABASE_URL" not in os.environ:
    os.environ["DATABASE_URL"] = database.embedded(STATE / "postgres")

from handrail.conf.settings import *  # noqa: E402, F403 - the environment above comes first

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # log-ins in tests need no slow hash
