"""What a browser is given to have a passkey sign something, and what it sends back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from django.http import JsonResponse

from handrail.access import signatures
from handrail.access.proofs import ProofMethod
from handrail.access.signatures import BegunCeremony, SignatureAnswer
from handrail.audit.actions import record
from handrail.audit.events import EventName, EventOutcome
from handrail.kernel.errors import Conflict, Invalid, Misconfigured, Unavailable
from handrail.web.shell.accounts import origin
from handrail.web.shell.request import PageRequest

log = structlog.get_logger("handrail.web")

_OF_SIGNATURES = ("signature-", "signer-key-", "assertion-")


def asked(ask: Callable[[], BegunCeremony]) -> JsonResponse:
    """What is to be signed, or why nothing is, for the script of the page."""
    try:
        begun = ask()
    except (Conflict, Invalid, Misconfigured, Unavailable) as error:
        return JsonResponse({"code": error.code, "message": error.message}, status=error.status)
    return JsonResponse(
        {
            "nonce": begun.nonce,
            "challenge": begun.challenge,
            "rp_id": begun.rp_id,
            "credentials": list(begun.credentials),
            "expires_at": begun.expires_at.isoformat(),
        }
    )


def answer(request: PageRequest) -> SignatureAnswer | None:
    """The signature in a submitted form, None where there is none. Raises Conflict (``signature-malformed``)."""
    return signatures.answer_of(request.POST.dict())


def session(request: PageRequest) -> str:
    """The reference of the log-in: what was asked in one session is answered in it."""
    return signatures.session_of(request.session)


@contextmanager
def refusals_written_down(request: PageRequest) -> Iterator[None]:
    """For the act that a signature belongs to: one that doesn't count leaves nothing else behind."""
    try:
        yield
    except Conflict as error:
        if error.code.startswith(_OF_SIGNATURES):
            log.warning("signature refused", cause=error.code)
            record(
                EventName.USER_PROOF_REFUSED,
                by=request.actor,
                subject_kind="user",
                subject=request.user.get_username(),
                outcome=EventOutcome.DENIED,
                method=ProofMethod.PASSKEY.value,
                cause=error.code,
                address=origin(request)[0],
                session=session(request),
            )
        raise
