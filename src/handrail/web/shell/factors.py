"""Passkeys and codes: what somebody has to show who they are, added, renamed and removed by themselves.

What passkeys are bound to is configured (``[web] base_url``), never asked of the request.
"""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode
from hashlib import sha256
from typing import Any

import qrcode
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST
from qrcode.image.svg import SvgPathImage

from handrail.access import ceremonies, enrolment, factors, passkeys
from handrail.access.ceremonies import CeremonyRefused
from handrail.kernel.errors import Conflict, Invalid
from handrail.web.shell.reading import in_one_moment
from handrail.web.shell.request import PageRequest

NOT_MADE = "The passkey could not be enrolled. Try again, and confirm it with your finger, face or PIN."


class FactorsAdapter(DefaultMFAAdapter):  # type: ignore[misc] # allauth ships no types
    """Secrets of apps and recovery codes lie encrypted in the database, under the key of the web processes."""

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        return {"id": passkeys.settings.get().id, "name": ceremonies.NAME}

    def encrypt(self, text: str) -> str:
        return _box().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Empty for what was encrypted under another key: no code fits it."""
        try:
            return _box().decrypt(encrypted_text.encode()).decode()
        except InvalidToken:
            return ""

    def send_notification_mail(self, *args: Any, **kwargs: Any) -> None:
        """The notifications room tells people; allauth would write by its own templates."""


@require_http_methods(["GET", "HEAD"])
@in_one_moment
def page(request: PageRequest) -> HttpResponse:
    return _shown(request)


@require_POST
def begin(request: PageRequest) -> HttpResponse:
    """Options for a new passkey, once the person has shown who they are."""
    enrolment.require_own(request.actor)
    assert request.user.is_authenticated
    try:
        return JsonResponse(ceremonies.begin_enrolment(request.session, request.user))
    except CeremonyRefused:
        return JsonResponse({}, status=409)


@require_http_methods(["GET", "HEAD", "POST"])
def add(request: PageRequest) -> HttpResponse:
    """The page asks for a proof before the browser makes anything."""
    enrolment.require_own(request.actor)
    if request.method != "POST":
        return render(request, "shell/passkey_add.html", _about(request))
    name = request.POST.get("name", "")
    assert request.user.is_authenticated
    try:
        made = ceremonies.complete_enrolment(request.session, request.user, request.POST.get("credential", ""))
        ref = enrolment.enrol(made, name=name, by=request.actor)
    except CeremonyRefused as refused:
        enrolment.record_refused(request.actor, refused.cause)
        return render(
            request, "shell/passkey_add.html", {**_about(request), "refusal": NOT_MADE, "typed": name}, status=409
        )
    except (Invalid, Conflict) as error:
        said = error.faults[0].message if error.faults else error.message
        return render(
            request, "shell/passkey_add.html", {**_about(request), "refusal": said, "typed": name}, status=error.status
        )
    messages.success(request, f"{ref} is enrolled.")
    return redirect("factors")


@require_POST
def rename(request: PageRequest, key: str) -> HttpResponse:
    try:
        enrolment.rename(ref=key, name=request.POST.get("name", ""), by=request.actor)
    except Invalid as error:
        return _shown(request, status=error.status, refusal=error.message)
    messages.success(request, f"{key} is renamed.")
    return redirect("factors")


@require_POST
def remove(request: PageRequest, key: str) -> HttpResponse:
    try:
        kind = enrolment.end_own(ref=key, by=request.actor, keep=request.session.session_key)
    except Conflict as error:
        return _shown(request, status=error.status, refusal=error.message)
    messages.success(request, f"{key} is {kind}: it opens nothing any more. Your other sessions have ended.")
    return redirect("factors")


@require_http_methods(["GET", "HEAD", "POST"])
def app(request: PageRequest) -> HttpResponse:
    """An authenticator app: its secret is shown until a code shows that the app has it."""
    enrolment.require_own(request.actor)
    refusal, status = "", 200
    if request.method == "POST":
        try:
            codes = factors.add_app(request.session, code=request.POST.get("code", "").strip(), by=request.actor)
        except (Invalid, Conflict) as error:
            refusal, status = error.message, error.status
        else:
            return _shown(request, codes=codes)
    secret = factors.begin_app(request.session)
    shown = {"secret": " ".join(secret[at : at + 4] for at in range(0, len(secret), 4)), "refusal": refusal}
    picture = _picture(factors.address_of_app(request.actor, secret))
    return render(request, "shell/app_add.html", {"section": "factors", **shown, "picture": picture}, status=status)


@require_POST
def remove_app(request: PageRequest) -> HttpResponse:
    factors.remove_app(by=request.actor)
    messages.success(request, "The authenticator app is removed.")
    return redirect("factors")


@require_POST
def codes(request: PageRequest) -> HttpResponse:
    try:
        made = factors.new_codes(by=request.actor)
    except Conflict as error:
        return _shown(request, status=error.status, refusal=error.message)
    return _shown(request, codes=made)


def _about(request: PageRequest) -> dict[str, Any]:
    """What a page with a passkey button says of where passkeys work."""
    here = passkeys.is_here(request.build_absolute_uri("/"))
    return {
        "section": "factors",
        "party": passkeys.settings.get(),
        "here": here,
        "name_limit": enrolment.NAME_LIMIT,
        "signer": passkeys.signs(request.actor.roles),
    }


def _shown(request: PageRequest, *, status: int = 200, **context: object) -> HttpResponse:
    held = factors.list_factors(request.actor)
    only = bool(settings.HANDRAIL_SIGN_ON_ONLY)
    shown = {**_about(request), "factors": held, "offers_app": held.has_password and not only, **context}
    return render(request, "shell/factors.html", shown, status=status)


def _picture(address: str) -> str:
    """A QR code of ``address`` as SVG, to be shown as an image: the page's policy allows no inline style."""
    drawn = qrcode.make(address, image_factory=SvgPathImage, border=2).to_string()
    return "data:image/svg+xml;base64," + b64encode(drawn).decode()


def _box() -> Fernet:
    key = sha256(b"handrail.factors\0" + settings.SECRET_KEY.encode()).digest()
    return Fernet(urlsafe_b64encode(key))
