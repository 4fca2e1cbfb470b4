"""A run that completed, and was found wrong later: kept beside its record, which stays as it is."""

from __future__ import annotations

import re

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from handrail.access import guards
from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.refusals import reason_of, refuse
from handrail.audit.actions import record
from handrail.audit.events import EventName
from handrail.kernel.canonical import digest_bytes
from handrail.kernel.errors import Conflict, Fault, Invalid
from handrail.kernel.ids import ALPHABET, LENGTH, Prefix
from handrail.runbooks import permissions
from handrail.runbooks.models import ExceptionPacket, OperationRun, WrongCompletion

_REFERENCE = re.compile(rf"({Prefix.EXCEPTION}|{Prefix.SUPPORT_REQUEST})-[{ALPHABET}]{{{LENGTH}}}")


@transaction.atomic
def mark_wrong(*, ref: str, reason: str, by: Actor, found_in: str = "") -> None:
    """Marks a completed run as found wrong. ``found_in``: the exception packet or support request that shows it.

    Raises NotFound, Denied, Invalid without a reason or for a ``found_in`` that is none or out of scope, Conflict:
    ``run-not-completed``, ``found-wrong``.
    """
    run = guards.get_scoped(by, OperationRun.objects.all(), Capability.EXCEPTION_RESOLVE, ref=ref)
    refuse(permissions.why_not_mark_wrong(by, run, marked=WrongCompletion.objects.filter(run=run).first()))
    write_wrong(run, by, reason=reason_of(reason), found_in=_named(found_in, run, by))


@transaction.atomic
def write_wrong(run: OperationRun, by: Actor, *, reason: str, found_in: str) -> None:
    """The mark and its event. Raises Conflict ``found-wrong`` for a second mark."""
    try:
        with transaction.atomic():
            WrongCompletion.objects.create(
                workspace_id=run.workspace_id,
                tenant_id=run.tenant_id,
                run=run,
                at=Now(),
                by=by.name,
                reason=reason,
                found_in=found_in,
            )
    except IntegrityError:
        raise Conflict("This run was marked as found wrong already.", code="found-wrong") from None
    record(
        EventName.RUN_FOUND_WRONG,
        by=by,
        tenant_id=run.tenant_id,
        subject_kind="run",
        subject=run.ref,
        reason=digest_bytes(reason.encode()),
        found_in=found_in or None,
    )


def _named(found_in: str, run: OperationRun, by: Actor) -> str:
    found_in = found_in.strip()
    if not found_in:
        return ""
    fault = Fault("found_in", "the reference of an exception packet (EXC-…) or a support request (SR-…)")
    if _REFERENCE.fullmatch(found_in) is None:
        raise Invalid("That is no such reference.", faults=[fault])
    packets = guards.scoped(by, ExceptionPacket.objects.filter(ref=found_in, tenant_id=run.tenant_id))
    if found_in.startswith(Prefix.EXCEPTION) and not packets.exists():
        raise Invalid("This tenant has no such exception packet, or you have no access to it.", faults=[fault])
    return found_in
