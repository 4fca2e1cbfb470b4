"""Tests write what they need as the server's superuser. Inside a scope, which faces and workers enter, every statement
runs as the serving role: with its grants, and under row security."""

from __future__ import annotations

from collections.abc import Mapping

from handrail.conf.roles import SERVING
from handrail.conf.scoped_postgresql import base
from handrail.kernel import scope


class DatabaseWrapper(base.DatabaseWrapper):
    clear: Mapping[str, str] = {**base.CLEAR, "role": "none"}

    def settings_now(self) -> Mapping[str, str]:
        role = "none" if scope.current() is None else SERVING
        return {**super().settings_now(), "role": role}
