"""Rows made directly, each as its slice would have left them: for tests of what is shown, not of how it came about."""

from __future__ import annotations

import itertools
from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from allauth.mfa.models import Authenticator

from handrail.access import passkeys
from handrail.access.capabilities import Role
from handrail.access.models import (
    AccessToken,
    Erasure,
    LegalHold,
    Membership,
    Passkey,
    PasskeyConfirmation,
    Tenant,
    TenantEntitlement,
    User,
    Workspace,
)
from handrail.definitions.models import Definition
from handrail.definitions.states import DefinitionKind, DefinitionState
from handrail.kernel.canonical import digest
from handrail.kernel.clock import now
from handrail.kernel.ids import Prefix, new_ref
from handrail.notifications.models import ChannelDelivery, Notification, NotifiedEvent
from handrail.notifications.states import DeliveryOutcome, RecipientKind
from handrail.runbooks.models import (
    Brake,
    Checkpoint,
    CompletionRecord,
    ExceptionPacket,
    OperationRun,
    Report,
    RetryLedgerEntry,
    SampledRun,
    TaskUpdate,
)
from handrail.runbooks.states import (
    RUN,
    BrakeKind,
    EventKind,
    ExceptionCause,
    Handling,
    RunState,
)
from handrail.runbooks.wavemodels import Wave
from tests.factories.authenticator import SoftPasskey
from tests.factories.compiled import digest_of

SHIPPED = Path(__file__).resolve().parents[2] / "definitions" / "runbooks" / "entitlement-resync.yaml"
PASSWORD = "correct horse battery"
_number = itertools.count(1)


def workspace(name: str = "Northwind Support") -> Workspace:
    number = next(_number)
    return Workspace.objects.create(slug=f"ws-{number}", name=name, created_at=now())


def tenant(of: Workspace, *, name: str = "Contoso Ltd", key: str = "") -> Tenant:
    return Tenant.objects.create(workspace=of, key=key or f"ten_{next(_number)}", name=name, created_at=now())


def member(of: Workspace, *roles: Role, tenants: Sequence[Tenant] | None = None, email: str = "") -> User:
    """A person with ``roles``; entitled to every tenant unless ``tenants`` says to which."""
    address = email or f"{roles[0] if roles else 'nobody'}-{next(_number)}@example.com"
    user = User.objects.filter(email=address).first() or User.objects.create_user(address, PASSWORD)
    membership = Membership.objects.create(
        workspace=of, user=user, roles=list(roles), all_tenants=tenants is None, created_at=now()
    )
    for entitled in tenants or ():
        TenantEntitlement.objects.create(membership=membership, tenant=entitled, created_at=now())
    return user


def passkey(of: User, *, confirmed_in: Workspace | None = None, key: SoftPasskey | None = None) -> Passkey:
    """A passkey of ``of`` that opens their account; confirmed by nobody in particular where ``confirmed_in`` says."""
    made = key or SoftPasskey("localhost", b"")
    row = Passkey.objects.create(
        ref=new_ref(Prefix.PASSKEY),
        user=of,
        name="laptop",
        credential_id=passkeys.encoded(made.credential_id),
        public_key=b64encode(made.public_key).decode(),
        alg=-7,
        aaguid="00000000-0000-0000-0000-000000000000",
        attestation="none",
        user_verified=True,
        relying_party=made.rp_id,
        origin=f"http://{made.rp_id}:8000",
        enrolled_with="password",
        at=now(),
        by=of.email,
    )
    data = {"name": "laptop", passkeys.REF: row.ref, passkeys.COUNTER: made.counter}
    Authenticator.objects.create(user=of, type=Authenticator.Type.WEBAUTHN, data=data)
    if confirmed_in is not None:
        PasskeyConfirmation.objects.create(passkey=row, workspace=confirmed_in, by="second@example.com", at=now())
    return row


def token(of: Workspace) -> AccessToken:
    """The token of a member who may do nothing."""
    owner = Membership.objects.get(workspace=of, user=member(of, tenants=[]))
    return AccessToken.objects.create(
        ref=new_ref(Prefix.TOKEN),
        membership=owner,
        name="nightly export",
        digest=digest({"token": next(_number)}),
        scopes=["read"],
        created_at=now(),
        created_by=owner.user.email,
        expires_at=now() + timedelta(days=90),
    )


def runbook_text(version: int = 1) -> str:
    """The shipped entitlement runbook as another version of itself."""
    return SHIPPED.read_text(encoding="utf-8").replace("\nversion: 5\n", f"\nversion: {version}\n")


def definition(
    of: Workspace,
    *,
    text: str = "handrail: runbook/v1\nname: entitlement-resync\n",
    name: str = "entitlement-resync",
    title: str = "Resynchronise admin entitlements",
    version: int = 1,
    state: DefinitionState = DefinitionState.ACTIVE,
    proposed_by: str = "author@example.com",
    kind: DefinitionKind = DefinitionKind.RUNBOOK,
) -> Definition:
    decided = state is not DefinitionState.PROPOSED
    return Definition.objects.create(
        workspace=of,
        kind=kind,
        name=name,
        version=version,
        title=title,
        owner="support-governance@example.com",
        text=text,
        digest=digest_of(text),
        state=state,
        proposed_at=now(),
        proposed_by=proposed_by,
        decided_at=now() if decided else None,
        decided_by="owner@example.com" if decided else None,
        reason="does not name the owner" if state is DefinitionState.REJECTED else "",
        deprecated_at=now() if state is DefinitionState.DEPRECATED else None,
        deprecated_by="owner@example.com" if state is DefinitionState.DEPRECATED else None,
    )


def run(of: Tenant, by: Definition, **more: Any) -> OperationRun:
    """A run, as ``made_run`` makes it."""
    made = made_run(of, by, **more)
    made.save(force_insert=True)
    return made


def made_run(
    of: Tenant,
    by: Definition,
    *,
    state: RunState = RunState.RECEIVED,
    at: datetime | None = None,
    task: dict[str, Any] | None = None,
    subject: str = "",
    lasted: timedelta = timedelta(seconds=7),
    due_at: datetime | None = None,
    wave: Wave | None = None,
) -> OperationRun:
    """A run that is not saved yet. ``wave``: it has begun in the first round of that."""
    at = at or now() - timedelta(seconds=60)
    ended = state in RUN.terminal
    number = next(_number)
    payload = task or {"tenant_id": of.key, "role": "tenant-admin", "admins": ["ada@contoso.example"]}
    return OperationRun(
        ref=new_ref(Prefix.RUN),
        wave=wave,
        wave_round=0 if wave else None,
        wave_place=1 if wave else None,
        admitted_at=at if wave else None,
        workspace_id=of.workspace_id,
        tenant=of,
        definition=by,
        definition_digest=by.digest,
        runbook=by.name,
        task_key=f"TASK-{number}",
        task_version=by.version,
        task_digest=digest(payload),
        task=payload,
        subject=subject or f"{of.key} / role-{number}",
        retry_limit=3,
        state=state,
        requested_by="task-system",
        created_at=at,
        updated_at=at + lasted,
        due_at=None if ended else due_at or at + timedelta(hours=1),
        finished_at=at + lasted if ended else None,
    )


def entry(
    of: OperationRun,
    kind: EventKind,
    *,
    after: float = 0.0,
    step: str = "",
    attempt: int | None = None,
    key: str = "",
    detail: dict[str, Any] | None = None,
    deadline_at: datetime | None = None,
) -> Checkpoint:
    """The next ledger row of a run, ``after`` seconds behind the run's start."""
    return Checkpoint.objects.create(
        workspace_id=of.workspace_id,
        tenant_id=of.tenant_id,
        run=of,
        sequence=of.checkpoints.count() + 1,
        kind=kind,
        step=step,
        attempt=attempt,
        idempotency_key=key,
        worker="worker-1",
        at=of.created_at + timedelta(seconds=after),
        detail=detail or {},
        deadline_at=deadline_at,
    )


def evidence(of: OperationRun, after: float, readings: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """What the engine notes of readings: of what, which version, which digest, when; a tenth of a second apart."""
    return [
        {
            "source": name,
            "connector": f"{name}-service",
            "version": 'W/"7"',
            "digest": digest(values),
            "read_at": (of.created_at + timedelta(seconds=after + number / 10)).isoformat(),
        }
        for number, (name, values) in enumerate(readings.items())
    ]


def checked(of: OperationRun, *, after: float = 0.6) -> None:
    """The rows of a run whose prerequisites held."""
    tenant_read = {"id": of.tenant.key, "status": "active", "tier": "premium", "contract": "C-114"}
    entry(of, EventKind.RECEIVED, detail={"task": of.task_key})
    entry(of, EventKind.CLAIMED, after=0.2)
    readings = {"tenant": tenant_read, "holders": {"user_names": []}}
    entry(of, EventKind.CHECKED, after=after, detail={"readings": readings, "evidence": evidence(of, 0.35, readings)})


def attempt(of: OperationRun, number: int, *, after: float, lasting: float, **result: Any) -> None:
    """An intent and its result."""
    key = f"{of.ref}:resynchronise"
    intent = {"connector": "sync-jobs", "effect": "mutating"}
    entry(of, EventKind.INTENT, after=after, step="resynchronise", attempt=number, key=key, detail=intent)
    told = {"answer": {}, "seconds": lasting} | result
    entry(of, EventKind.RESULT, after=after + lasting, step="resynchronise", attempt=number, detail=told)


def brake(of: Tenant) -> Brake:
    """A pause of the tenant, which holds."""
    return Brake.objects.create(
        ref=new_ref(Prefix.BRAKE),
        workspace_id=of.workspace_id,
        tenant=of,
        kind=BrakeKind.TENANT,
        target=str(of.pk),
        at=now(),
        by="lead@example.com",
        reason="canary-brake",
    )


def hold(of: Tenant) -> LegalHold:
    """A legal hold that stands."""
    return LegalHold.objects.create(
        ref=new_ref(Prefix.LEGAL_HOLD),
        workspace_id=of.workspace_id,
        tenant=of,
        at=now(),
        by="lead@example.com",
        reason="canary-hold",
    )


def erasure(of: Tenant) -> Erasure:
    """An erasure that was asked for and not confirmed."""
    return Erasure.objects.create(
        ref=new_ref(Prefix.ERASURE),
        workspace_id=of.workspace_id,
        tenant=of,
        at=now(),
        by="lead@example.com",
        reason="canary-erasure",
    )


def task_update(about: ExceptionPacket) -> TaskUpdate:
    """A message to the task system that somebody took the packet over, which it refused."""
    return TaskUpdate.objects.create(
        ref=new_ref(Prefix.MESSAGE),
        workspace_id=about.workspace_id,
        tenant_id=about.tenant_id,
        run=about.run,
        task_key=about.run.task_key,
        kind="taken",
        at=now(),
        by="lead@example.com",
        detail={"run": about.run.ref, "exception": about.ref, "taken_by": "lead@example.com"},
        attempts=1,
        failure="The task system refused the message permanently: status 400.",
        failure_code="refused",
    )


def notice(of: Tenant, about: str, *, recipient: str = "on-call") -> ChannelDelivery:
    """A message about an exception packet that its channel did not take."""
    at = now()
    notification = Notification.objects.create(
        workspace_id=of.workspace_id,
        at=at,
        recipient_kind=RecipientKind.RESPONDER,
        recipient=recipient,
        kind="responder",
        grouping=f"canary-{about}",
        closed_at=at,
    )
    NotifiedEvent.objects.create(
        notification=notification,
        workspace_id=of.workspace_id,
        tenant_id=of.pk,
        event_id=1,
        event="run.stopped",
        at=at,
        subject_kind="exception",
        subject=about,
    )
    return ChannelDelivery.objects.create(
        ref=new_ref(Prefix.NOTIFICATION),
        notification=notification,
        workspace_id=of.workspace_id,
        tenant_id=of.pk,
        channel="pager",
        at=at,
        attempts=3,
        ended_at=at,
        outcome=DeliveryOutcome.FAILED,
        failure="it answered with status 400",
    )


def completed_run(
    of: Tenant, by: Definition, *, at: datetime | None = None, of_wave: Wave | None = None
) -> OperationRun:
    """Two attempts, the first answered 503; then verified and completed."""
    done = run(of, by, state=RunState.COMPLETED, at=at, wave=of_wave)
    checked(done)
    busy = {"class": "retryable", "why": "row 1 of retryable: status 503", "status": 503, "retry_class": "busy"}
    attempt(done, 1, after=0.6, lasting=0.4, wait_seconds=2.0, **busy)
    good = {
        "class": "succeeded",
        "why": "row 1 of succeeded",
        "status": 200,
        "answer": {"status": "done", "skipped": 0},
    }
    attempt(done, 2, after=3.0, lasting=1.6, **good)
    readings = {
        "holders": {"user_names": done.task["admins"]},
        "entitlement": {"audit_marker": "resync:2026-11-22"},
        "tenant": {"id": of.key, "status": "active", "tier": "premium", "contract": "C-114"},
    }
    detail = {
        "required": [
            "task.admins.all(a, a in holders.user_names)",
            "entitlement.audit_marker.startsWith('resync:')",
        ],
        "unchanged": ["tenant.tier"],
        "guards": ["holders.user_names.all(u, u in before.holders.user_names || u in task.admins)"],
        "readings": readings,
        "evidence": evidence(done, 6.6, readings),
    }
    entry(done, EventKind.VERIFIED, after=7, step="resynchronise", detail=detail)
    fields = {"task.role": done.task["role"], "entitlement.audit_marker": "resync:2026-11-22"}
    entry(done, EventKind.COMPLETED, after=7, detail={"fields": fields})
    owned = {"workspace_id": of.workspace_id, "tenant": of, "run": done}
    CompletionRecord.objects.create(**owned, at=done.finished_at, fields=fields, digest=digest(fields))
    RetryLedgerEntry.objects.create(
        **owned, at=done.finished_at, limit=3, attempts=2, waited_seconds=2.0, detail=[{"attempt": 1} | busy]
    )
    Report.objects.create(**owned, attempts=1, delivered_at=done.finished_at)
    return done


def drawn(run: OperationRun) -> SampledRun:
    """That a completed run was drawn for a second look."""
    return SampledRun.objects.create(
        workspace_id=run.workspace_id, tenant_id=run.tenant_id, run=run, at=now(), share=0.02
    )


def exception(
    of: Tenant,
    by: Definition,
    *,
    handling: Handling = Handling.OPEN,
    taken_by: str = "senior@example.com",
    message: str = "The runbook does not recognise the answer, so the run stops.",
    reason: str = "ambiguous-result",
    cause: ExceptionCause = ExceptionCause.AMBIGUOUS,
    at: datetime | None = None,
) -> ExceptionPacket:
    """A run that stopped after one ambiguous answer, with its packet."""
    stopped = run(of, by, state=RunState.EXCEPTION, at=at, lasted=timedelta(seconds=2))
    checked(stopped)
    odd = {"class": "ambiguous", "why": "no row of the table matches", "status": 200}
    attempt(stopped, 1, after=0.6, lasting=1.4, **odd)
    ref = new_ref(Prefix.EXCEPTION)
    told = {"cause": cause, "reason": reason, "message": message, "packet": ref}
    entry(stopped, EventKind.EXCEPTION, after=2, step="resynchronise", detail=told)
    taken, resolved = handling is not Handling.OPEN, handling is Handling.RESOLVED
    return ExceptionPacket.objects.create(
        ref=ref,
        workspace_id=of.workspace_id,
        tenant=of,
        run=stopped,
        at=stopped.finished_at,
        cause=cause,
        reason=reason,
        message=message,
        checkpoint="Job invoked, result not yet known",
        step="resynchronise",
        escalate_to="senior-support",
        fields={"task.role": "tenant-admin", "tenant.status": "active"},
        evidence=[
            *evidence(stopped, 0.35, {"tenant": {"id": of.key, "status": "active", "tier": "premium"}}),
            {"prerequisites": [{"condition": "tenant.status == 'active'", "reason": "inactive", "result": "holds"}]},
        ],
        attempts=[{"step": "resynchronise", "attempt": 1, "at": stopped.finished_at.isoformat()} | odd],
        handling=handling,
        taken_at=now() if taken else None,
        taken_by=taken_by if taken else None,
        resolved_at=now() if resolved else None,
        resolved_by=taken_by if resolved else None,
        note="Looked in the sync service: nothing had changed. Delegated anew." if resolved else "",
        outcome="not-needed" if resolved else None,
    )
