"""Proposing and deciding definitions. Two people are needed for each: one proposes or asks, another decides."""

from __future__ import annotations

from collections.abc import Callable

from django.db import IntegrityError, transaction

from handrail.access import signatures
from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.refusals import reason_of, refuse
from handrail.access.signatures import BegunCeremony, SignatureAnswer
from handrail.audit.actions import record
from handrail.audit.events import EventName
from handrail.definitions import compilation, decisions, permissions, signing
from handrail.definitions.compilation import CheckedText
from handrail.definitions.models import Definition
from handrail.definitions.queries import DefinitionSummary, active_row, get_row, summary_of
from handrail.definitions.states import DEFINITION, DefinitionState
from handrail.kernel.clock import now
from handrail.kernel.configured import Configured
from handrail.kernel.errors import Conflict, Invalid, Stale

# What is done when a version becomes active, given the ids of all versions of its name: set by the slices above.
active_again: Configured[Callable[[list[int]], None]] = Configured()


@transaction.atomic
def propose(*, text: str, by: Actor, file: str = "definition") -> DefinitionSummary:
    """Adds ``text`` as a proposal; ``file`` is what messages call it.

    The same text proposed again, while it is proposed or active, is the same proposal. Raises Denied; Invalid
    (``definition-invalid``) with every fault; Conflict ``version-exists`` for another text under a version that was
    used, ``version-not-newer`` for one that is not above the active version; Stale.
    """
    by.require_everywhere(Capability.DEFINITION_PROPOSE)
    checked = compilation.check(text, file=file)
    definition = checked.definition
    if faults := permissions.unseen(title=definition.title, owner=definition.owner):
        raise Invalid("This definition can't be proposed.", code="definition-invalid", faults=faults)
    same_name = Definition.objects.filter(workspace_id=by.workspace_id, kind=checked.kind, name=definition.name)
    existing = same_name.filter(version=definition.version).first()
    if existing is None:
        checked.refuse_if_any()
    active = same_name.filter(state=DefinitionState.ACTIVE).first()
    _refuse_used(text, definition.version, existing, active)
    if existing is not None:
        return summary_of(existing)
    row = _insert(checked, text, by)
    _audit(EventName.DEFINITION_PROPOSED, row, by)
    return summary_of(row)


@transaction.atomic
def begin(*, definition_id: int, digest: str, act: str, session: str, by: Actor) -> BegunCeremony:
    """What the person's passkey is to sign, in the session with this reference, to approve a proposal (``act``
    ``approve``) or bring a version back (``return``). Raises as these do, and as ``signatures.begin``."""
    asking = signatures.proven(by)  # the signature will be the proof
    row = get_row(asking, definition_id, Capability.DEFINITION_DECIDE)
    asking.require_everywhere(Capability.DEFINITION_DECIDE)
    if act == signing.APPROVE:
        refuse(permissions.why_not_approve(by, row, active_row(row)))
    else:
        refuse(permissions.why_not_bring_back(by, row, active_row(row)))
    _refuse_other(row, digest)
    return signing.begin(row, act, session=session, actor=by)


@transaction.atomic
def approve(
    *,
    definition_id: int,
    by: Actor,
    digest: str | None = None,
    answer: SignatureAnswer | None = None,
    session: str = "",
) -> DefinitionSummary:
    """Makes a proposal the active version; the version that was active until now is deprecated.

    ``digest``, where given, must be the proposal's: what was seen is what is approved. ``answer``: the person's
    signature, as ``begin`` asked for it in ``session``. Raises NotFound, Denied; Conflict (``own-proposal``,
    ``already-decided``, ``version-not-newer``, ``digest-differs``, ``passkey-needed``, ``second-factor-needed``, or as
    ``signatures.complete``); Invalid where the text no longer passes the checks; Stale.
    """
    by = signatures.proven(by) if answer is not None else by
    row = _locked(by, definition_id)
    active = active_row(row)
    refuse(permissions.why_not_approve(by, row, active))
    _refuse_other(row, digest)
    compilation.check(row.text, file=f"{row.name} v{row.version}")
    signing.prove(row, signing.APPROVE, actor=by, session=session, answer=answer)
    if active is not None:
        _deprecate(active, by, reason="")
    _move(row, DefinitionState.ACTIVE, decided_at=now(), decided_by=by.name)
    _audit(EventName.DEFINITION_APPROVED, row, by)
    _announce(row)
    return _fresh(row)


@transaction.atomic
def reject(*, definition_id: int, reason: str, by: Actor) -> DefinitionSummary:
    """Refuses a proposal for good. Raises NotFound, Denied, Conflict as approve, Invalid without a reason, Stale."""
    row = _locked(by, definition_id)
    refuse(permissions.why_not_reject(by, row))
    said = reason_of(reason)
    _move(row, DefinitionState.REJECTED, decided_at=now(), decided_by=by.name, reason=said)
    _audit(EventName.DEFINITION_REJECTED, row, by)
    return _fresh(row)


@transaction.atomic
def deprecate(*, definition_id: int, reason: str, by: Actor) -> DefinitionSummary:
    """Deprecates the active version; no run of it starts from then on.

    Raises NotFound, Denied, Conflict (``not-active``), Invalid without a reason, Stale.
    """
    row = _locked(by, definition_id)
    refuse(permissions.why_not_deprecate(by, row))
    _deprecate(row, by, reason=reason_of(reason))
    return _fresh(row)


@transaction.atomic
def request_return(*, definition_id: int, reason: str, by: Actor) -> DefinitionSummary:
    """Asks that a deprecated version become active again, which another governance owner decides.

    Raises NotFound, Denied, Conflict (``not-deprecated``, ``return-requested``, ``version-active``), Invalid without a
    reason, Stale.
    """
    row = _locked(by, definition_id, Capability.DEFINITION_PROPOSE)
    refuse(permissions.why_not_request_return(by, row, active_row(row)))
    said = reason_of(reason)
    _write(row, return_requested_at=now(), return_requested_by=by.name, return_reason=said)
    _audit(EventName.DEFINITION_RETURN_REQUESTED, row, by)
    return _fresh(row)


@transaction.atomic
def bring_back(
    *, definition_id: int, digest: str, by: Actor, answer: SignatureAnswer | None = None, session: str = ""
) -> DefinitionSummary:
    """Makes a deprecated version active again, as somebody else has asked. The runs that waited for it go on.

    ``digest`` must be the version's: what was seen is what comes back. Raises NotFound, Denied; Conflict
    (``not-deprecated``, ``return-not-requested``, ``own-request``, ``version-active``, ``digest-differs``, or as
    ``approve`` does where a signature is asked for); Invalid where the text no longer passes the checks; Stale.
    """
    by = signatures.proven(by) if answer is not None else by
    row = _locked(by, definition_id)
    refuse(permissions.why_not_bring_back(by, row, active_row(row)))
    _refuse_other(row, digest)
    compilation.check(row.text, file=f"{row.name} v{row.version}")
    signing.prove(row, signing.RETURN, actor=by, session=session, answer=answer)
    _move(row, DefinitionState.ACTIVE, returned_at=now(), returned_by=by.name)
    _audit(EventName.DEFINITION_RETURNED, row, by)
    _announce(row)
    return _fresh(row)


def _refuse_other(row: Definition, digest: str | None) -> None:
    if digest is not None and digest != row.digest:
        raise Conflict("This is not the text that you were shown. Review it again, then decide.", code="digest-differs")


def _refuse_used(text: str, version: int, there: Definition | None, active: Definition | None) -> None:
    if why_not := permissions.why_not_propose(text, version, there, active):
        raise Conflict(why_not, code="version-exists" if there is not None else "version-not-newer")


def _insert(checked: CheckedText, text: str, by: Actor) -> Definition:
    definition = checked.definition
    try:
        with transaction.atomic():
            return Definition.objects.create(
                workspace_id=by.workspace_id,
                kind=checked.kind,
                name=definition.name,
                version=definition.version,
                title=definition.title,
                owner=definition.owner,
                text=text,
                digest=definition.digest,
                state=DEFINITION.initial,
                proposed_at=now(),
                proposed_by=by.name,
            )
    except IntegrityError as error:
        raise Stale from error


def _locked(by: Actor, definition_id: int, capability: Capability = Capability.DEFINITION_DECIDE) -> Definition:
    """The row, with all versions of its name held, so that two decisions about one name follow each other."""
    row = get_row(by, definition_id, capability)
    by.require_everywhere(capability)
    versions = Definition.objects.select_for_update().filter(
        workspace_id=row.workspace_id, kind=row.kind, name=row.name
    )
    return {version.pk: version for version in versions.order_by("pk")}[row.pk]


def _deprecate(row: Definition, by: Actor, *, reason: str) -> None:
    fields = {"reason": reason} if reason else {}
    # An earlier way back has ended with this; its events keep it.
    cleared = dict.fromkeys(("return_requested_at", "return_requested_by", "returned_at", "returned_by"))
    fields |= {"deprecated_by": by.name, "return_reason": ""}
    _move(row, DefinitionState.DEPRECATED, deprecated_at=now(), **fields, **cleared)
    _audit(EventName.DEFINITION_DEPRECATED, row, by)


def _move(row: Definition, after: DefinitionState, **fields: object) -> None:
    """A conditional update on the states that ``after`` can be entered from; no row: another change came first."""
    rows = Definition.objects.filter(pk=row.pk, state__in=DEFINITION.sources(after))
    if not rows.update(state=after, **fields):
        raise Stale
    row.state = after
    for name, value in fields.items():
        setattr(row, name, value)


def _write(row: Definition, **fields: object) -> None:
    Definition.objects.filter(pk=row.pk).update(**fields)
    for name, value in fields.items():
        setattr(row, name, value)


def _announce(row: Definition) -> None:
    """Tells what waits for a version of this name that it is decided, in the same transaction."""
    same = Definition.objects.filter(workspace_id=row.workspace_id, kind=row.kind, name=row.name)
    if (tell := active_again.find()) is not None:
        tell(list(same.values_list("pk", flat=True)))


def _fresh(row: Definition) -> DefinitionSummary:
    row.refresh_from_db()
    return summary_of(row)


def _audit(event: EventName, row: Definition, by: Actor) -> None:
    record(
        event,
        by=by,
        subject_kind="definition",
        subject=decisions.subject_of(row),
        digest=row.digest,
        decision=decisions.digest_of(row),
    )
