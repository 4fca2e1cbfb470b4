"""Accounts are made by workspace administrators: nobody signs up. Log-ins, and log-ins refused, are audited."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest

from handrail.access import queries as access
from handrail.access.actor import NOBODY
from handrail.audit.actions import record
from handrail.audit.events import EventName, EventOutcome
from handrail.kernel.errors import NotFound

QUIET = frozenset({"account/messages/logged_in.txt", "account/messages/logged_out.txt"})


class ClosedAdapter(DefaultAccountAdapter):  # type: ignore[misc] # allauth ships no types
    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002 - allauth's signature
        return False

    def add_message(self, request: HttpRequest, level: int, message_template: str = "", *args: Any, **kw: Any) -> None:
        """Says nothing of what the next page shows anyway."""
        if message_template not in QUIET:
            super().add_message(request, level, message_template, *args, **kw)

    def login(self, request: HttpRequest, user: AbstractBaseUser) -> None:
        super().login(request, user)
        actor = access.actor_for(user)  # type: ignore[arg-type] # AUTH_USER_MODEL is ours
        record(EventName.USER_LOGGED_IN, by=actor, subject_kind="user", subject=user.get_username())

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:  # noqa: ARG002 - allauth's
        """Names the account only when there is one: people type passwords into the wrong field."""
        try:
            known = access.person(str(credentials.get("email", "")))
        except NotFound:
            known = NOBODY
        record(
            EventName.USER_LOGIN_REFUSED,
            by=known,
            subject_kind="user",
            subject="unknown" if known is NOBODY else known.name,
            outcome=EventOutcome.DENIED,
        )
