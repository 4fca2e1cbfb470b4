"""Accounts are made by workspace administrators: nobody signs up.

Log-ins, log-ins refused and log-outs are audited with the method and the address that the outermost trusted proxy saw:
the one that the limits on log-ins count by.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import structlog
from allauth.account import views
from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils.http import url_has_allowed_host_and_scheme

from handrail.access import proofs, sessions
from handrail.access import queries as access
from handrail.access.actor import NOBODY, Actor
from handrail.access.proofs import ProofMethod
from handrail.audit.actions import record
from handrail.audit.events import EventName, EventOutcome
from handrail.kernel.errors import NotFound
from handrail.kernel.hostile import is_storable

QUIET = frozenset({"account/messages/logged_in.txt", "account/messages/logged_out.txt"})
# A refusal before any password was compared is audited once a minute for each address and cause: nobody should be able
# to fill the audit log, which can't be emptied. Each one is in the log of the process.
ONCE_SECONDS = 60
MAX_ADDRESS = 4096
# Not "cookies": browsers would remove those of the whole registered domain, other applications' as well. Ours are
# removed one by one. https://www.w3.org/TR/clear-site-data/#grammardef-cookies
CLEARED = '"cache", "storage"'

# What a proof is called in the name of a log-in, where that is shorter.
_METHODS = {ProofMethod.RECOVERY_CODE: "code"}
_FIRST = {"sso": ProofMethod.SINGLE_SIGN_ON}

log = structlog.get_logger("handrail.web")


class ClosedAdapter(DefaultAccountAdapter):  # type: ignore[misc] # allauth ships no types
    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002 - allauth's signature
        return False

    def add_message(self, request: HttpRequest, level: int, message_template: str = "", *args: Any, **kw: Any) -> None:
        """Says nothing of what the next page shows anyway."""
        if message_template not in QUIET:
            super().add_message(request, level, message_template, *args, **kw)

    def get_client_ip(self, request: HttpRequest) -> str:
        """The connection's own address where the proxy's header does not hold what it should."""
        try:
            return str(super().get_client_ip(request))
        except (ImproperlyConfigured, PermissionDenied):
            return str(request.META.get("REMOTE_ADDR") or "0.0.0.0")  # noqa: S104 - an address that nobody has

    def login(self, request: HttpRequest, user: AbstractBaseUser) -> None:
        super().login(request, user)
        actor = access.actor_for(user)  # type: ignore[arg-type] # AUTH_USER_MODEL is ours
        address, method = origin(request)
        agent = request.headers.get("user-agent", "")
        given = getattr(request, "handrail_proofs", None) or (_FIRST.get(method, ProofMethod.PASSWORD),)
        method = "+".join(_METHODS.get(proof, proof.value) for proof in given)
        ref = sessions.begin(request.session, method=method, address=address, agent=agent)
        for proof in given:
            proofs.note(request.session, proof, alone=proof is given[0])
        record(
            EventName.USER_LOGGED_IN,
            by=actor,
            subject_kind="user",
            subject=user.get_username(),
            session=ref,
            address=address,
            method=method,
        )
        if ProofMethod.RECOVERY_CODE in given:
            record(
                EventName.FACTOR_CODE_USED,
                by=actor,
                subject_kind="member",
                subject=user.get_username(),
                address=address,
            )

    def get_login_stages(self) -> list[str]:
        return ["handrail.web.shell.second_step.SecondStep"]

    def logout(self, request: HttpRequest) -> None:
        record_logout(request, cause="person")
        super().logout(request)

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Names the account only when there is one: people type passwords into the wrong field."""
        try:
            known = access.person(str(credentials.get("email", "")))
        except NotFound:
            known = NOBODY
        refused(request, by=known, subject="unknown" if known is NOBODY else known.name, cause="wrong")

    def respond_user_inactive(self, request: HttpRequest, user: AbstractBaseUser) -> HttpResponse:
        refused(request, by=NOBODY, subject=user.get_username(), cause="closed")
        return super().respond_user_inactive(request, user)  # type: ignore[no-any-return]


def origin(request: HttpRequest) -> tuple[str, str]:
    """Address and method: from where and how somebody logs in, as audit events and sessions have it."""
    return ClosedAdapter(request).get_client_ip(request), getattr(request, "handrail_login_method", "password")


def own_address(request: HttpRequest, wanted: str) -> str:
    """``wanted`` where it is an address of ours; else nothing."""
    own = url_has_allowed_host_and_scheme(wanted, allowed_hosts=None, require_https=request.is_secure())
    return wanted if own and len(wanted) <= MAX_ADDRESS and is_storable(wanted) else ""


def refused(request: HttpRequest, *, by: Actor, subject: str, cause: str, claim: str | None = None) -> None:
    """Writes down a log-in that was refused. ``cause`` is a code, ``claim`` a name; ``subject`` never holds what
    somebody typed."""
    address, method = origin(request)
    request.handrail_login_refused = True  # type: ignore[attr-defined]
    record(
        EventName.USER_LOGIN_REFUSED,
        by=by,
        subject_kind="user",
        subject=subject,
        outcome=EventOutcome.DENIED,
        cause=cause,
        claim=claim,
        address=address,
        method=method,
    )


def record_logout(request: HttpRequest, *, cause: str) -> None:
    """``cause``: person, idle, or the age of the session."""
    user = request.user
    if user.is_authenticated:
        ref = request.session.get("login", {}).get("ref")
        actor = access.actor_for(user)
        record(
            EventName.USER_LOGGED_OUT,
            by=actor,
            subject_kind="user",
            subject=user.get_username(),
            session=ref,
            address=origin(request)[0],
            cause=cause,
        )


def log_in(request: HttpRequest) -> HttpResponse:
    """allauth's view; what it refuses before it compares a password is written down too."""
    if settings.HANDRAIL_SIGN_ON_ONLY and request.method != "GET":
        _refused_unseen(request, "passwords-off")
        raise PermissionDenied
    response: HttpResponse = views.login(request)
    if request.method == "POST" and not request.user.is_authenticated:
        limited = response.status_code == HTTPStatus.TOO_MANY_REQUESTS or _too_many(response)
        _refused_unseen(request, "limit" if limited else "incomplete")
    return response


def log_out(request: HttpRequest) -> HttpResponse:
    """allauth's view; the browser forgets what it kept of the pages."""
    response: HttpResponse = views.logout(request)
    return forget(response) if request.method == "POST" else response


def forget(response: HttpResponse) -> HttpResponse:
    response.headers["Clear-Site-Data"] = CLEARED
    return response


def _too_many(response: HttpResponse) -> bool:
    form = (getattr(response, "context_data", None) or {}).get("form")
    return form is not None and any(
        error.code == "too_many_login_attempts" for error in form.non_field_errors().as_data()
    )


def _refused_unseen(request: HttpRequest, cause: str) -> None:
    if getattr(request, "handrail_login_refused", False):
        return
    address, _ = origin(request)
    log.warning("log-in refused", cause=cause, address=address)
    if cache.add(f"log-in-refused-{cause}-{address}", value=True, timeout=ONCE_SECONDS):
        refused(request, by=NOBODY, subject="unknown", cause=cause)
