"""The page on which somebody confirms that it's them, before a sensitive act or where their workspace needs a second
factor. What they had typed goes along in the same form, so that the act goes on with it.
"""

from __future__ import annotations

import dataclasses
from typing import cast

import structlog
from allauth.core import ratelimit
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from handrail.access import ceremonies, factors, passkeys, proofs
from handrail.access.actor import NOBODY
from handrail.access.ceremonies import CeremonyRefused, Purpose
from handrail.access.proofs import ProofMethod
from handrail.audit.actions import record
from handrail.audit.events import EventName, EventOutcome
from handrail.kernel.errors import ProofNeeded
from handrail.web.shell.accounts import origin
from handrail.web.shell.request import PageRequest

log = structlog.get_logger("handrail.web")

# What the form adds to the one that it goes on with.
WITH, CREDENTIAL, CODE, PASSWORD = "proof_with", "proof_credential", "proof_code", "proof_password"
OURS = frozenset({WITH, CREDENTIAL, CODE, PASSWORD, "csrfmiddlewaretoken"})
# What is on no page: the person types it again.
SECRETS = frozenset({"upload_address"})
SAID = {
    ProofMethod.PASSKEY: "That passkey didn't confirm it's you. Try again.",
    ProofMethod.TOTP: "That code is not right, or was used already. Wait for the next one.",
    ProofMethod.PASSWORD: "That password is not right.",
}
TOO_OFTEN = "Too many attempts. Wait a few minutes."
NOT_THIS = "Confirm it another way."
MAX_PATH = 2000


def ask(request: PageRequest, error: ProofNeeded, *, said: str = "") -> HttpResponse:
    """The page, in place of the one that was asked for. Who has to enrol a second factor first is led there."""
    if not error.methods:
        return redirect("factors")
    posted = request.method == "POST" and request.path != resolve_url("proof")
    kept = [(name, value) for name, values in request.POST.lists() if name not in OURS | SECRETS for value in values]
    context = {
        "action": request.get_full_path() if posted else resolve_url("proof"),
        "kept": kept if posted else [],
        "next": "" if posted else _next(request),
        "files": posted and bool(request.FILES),
        "secrets": posted and not SECRETS.isdisjoint(request.POST),
        "methods": error.methods,
        "has_password": request.user.is_authenticated and request.user.has_usable_password(),
        "party": passkeys.settings.get(),
        "here": passkeys.is_here(request.build_absolute_uri("/")),
        "said": said,
        "minutes": proofs.settings.get().minutes,
    }
    return render(request, "shell/proof.html", context, status=error.status)


def accept(request: PageRequest) -> HttpResponse | None:
    """Takes the proof that came along with a form; then the form goes on as if it had come alone. The page again where
    the proof shows nothing."""
    if request.method != "POST" or WITH not in request.POST or request.actor is NOBODY:
        return None
    said = prove(request)
    plain: QueryDict = request.POST.copy()
    for name in OURS - {"csrfmiddlewaretoken"}:
        plain.pop(name, None)
    request.POST = plain  # type: ignore[assignment] # a copy of the same kind
    if said is None:
        return None
    return ask(request, ProofNeeded(methods=_methods(request)), said=said)


def prove(request: PageRequest) -> str | None:
    """What is wrong with the proof; None when it counts, and the session has it from now on."""
    proven = request.actor.proven
    methods = _methods(request)
    given = request.POST.get(WITH, "")
    if proven is None or given not in {"passkey", "code", "password"}:
        return NOT_THIS
    method, cause = _tried(request, given, methods)
    refused = cause is not None
    record(
        EventName.USER_PROOF_REFUSED if refused else EventName.USER_PROVEN,
        by=request.actor,
        subject_kind="user",
        subject=request.user.get_username(),
        outcome=EventOutcome.DENIED if refused else EventOutcome.DONE,
        method=method.value,
        cause=cause,
        address=origin(request)[0],
        session=request.session.get("login", {}).get("ref"),
    )
    if cause is not None:
        log.warning("proof refused", method=method.value, cause=cause)
        return TOO_OFTEN if cause == "limit" else NOT_THIS if cause == "not-accepted" else SAID.get(method, NOT_THIS)
    if method is ProofMethod.RECOVERY_CODE:
        code_used(request)
    proofs.note(request.session, method)
    proven = dataclasses.replace(proven, at=proofs.of_session(request.session))
    request.actor = dataclasses.replace(request.actor, proven=proven)
    return None


def code_used(request: PageRequest) -> None:
    record(
        EventName.FACTOR_CODE_USED,
        by=request.actor,
        subject_kind="member",
        subject=request.actor.name,
        address=origin(request)[0],
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """The page by itself, for what is only looked at: it goes on to ``next``."""
    asked = cast("PageRequest", request)
    if asked.actor is NOBODY:
        return redirect("account_login")
    needed = ProofNeeded(methods=_methods(asked))
    if request.method != "POST" or not needed.methods:
        return ask(asked, needed)
    said = prove(asked)
    return ask(asked, needed, said=said) if said is not None else redirect(_next(asked) or "home")


@never_cache
@require_POST
def begin(request: HttpRequest) -> HttpResponse:
    """Options for showing a passkey of one's own."""
    if not request.user.is_authenticated:
        return JsonResponse({}, status=403)
    try:
        return JsonResponse(ceremonies.begin_assertion(request.session, Purpose.PROVE, request.user))
    except CeremonyRefused:
        return JsonResponse({}, status=409)


def _tried(request: PageRequest, given: str, methods: tuple[str, ...]) -> tuple[ProofMethod, str | None]:
    """The method that the person tried, and why it shows nothing; None where it does."""
    user = request.user
    assert user.is_authenticated
    if given == "passkey":
        cause = _passkey(request) if ProofMethod.PASSKEY in methods else "not-accepted"
        return ProofMethod.PASSKEY, cause
    if given == "code":
        if ProofMethod.TOTP not in methods:
            return ProofMethod.TOTP, "not-accepted"
        if not _allowed(request, "code"):
            return ProofMethod.TOTP, "limit"
        used = factors.use_code(user, request.POST.get(CODE, "").strip())
        return used or ProofMethod.TOTP, None if used else "code"
    if ProofMethod.PASSWORD not in methods:
        return ProofMethod.PASSWORD, "not-accepted"
    if not _allowed(request, "password"):
        return ProofMethod.PASSWORD, "limit"
    right = user.has_usable_password() and user.check_password(request.POST.get(PASSWORD, ""))
    return ProofMethod.PASSWORD, None if right else "password"


def _passkey(request: PageRequest) -> str | None:
    user = request.user
    assert user.is_authenticated
    try:
        ceremonies.complete_assertion(request.session, Purpose.PROVE, request.POST.get(CREDENTIAL, ""), user)
    except CeremonyRefused as refused:
        return refused.cause
    return None


def _allowed(request: HttpRequest, what: str) -> bool:
    """As often as allauth lets somebody who is logged in try: by person, whatever address they come from."""
    return bool(ratelimit.consume(request, action="reauthenticate", user=request.user, key=what))


def _methods(request: PageRequest) -> tuple[str, ...]:
    proven = request.actor.proven
    return tuple(sorted(proven.accepted)) if proven else ()


def _next(request: HttpRequest) -> str:
    """Where to go on: an address of our own that is only looked at."""
    if request.path != resolve_url("proof"):
        return request.get_full_path()[:MAX_PATH] if request.method in {"GET", "HEAD"} else ""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    own = url_has_allowed_host_and_scheme(wanted, allowed_hosts=None, require_https=request.is_secure())
    return wanted if own and wanted.startswith("/") and len(wanted) <= MAX_PATH else ""
