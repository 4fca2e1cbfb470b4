"""What the serving role may do with each table, and whose rows it is shown: the one table of it.

The owner's role migrates and owns. The serving role may SELECT from every table that stands here, and INSERT where a
row says so; it may change only the columns named, delete only where Handrail itself deletes, and define nothing.
``access.protection`` makes grants and policies of this.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from handrail.kernel.scope import Duty

# Every column: for tables of libraries, which write whole rows.
ALL = "*"


class Shown(StrEnum):
    """By what a row is shown."""

    EVERYWHERE = "everywhere"  # it belongs to no workspace: people, sessions, the queue, which carries only ids
    WORKSPACE = "workspace"  # its workspace_id
    TENANT = "tenant"  # its workspace_id and tenant_id; a row without tenant only to those entitled to every tenant
    IS_TENANT = "is tenant"  # the tenant itself: its workspace_id and id
    IS_WORKSPACE = "is workspace"
    MEMBERSHIP = "membership"  # like the membership that it names


@dataclass(frozen=True, slots=True)
class Rights:
    """``update``: columns, or ALL. ``lock``: rows are locked, for which PostgreSQL asks the right to update something;
    a trigger refuses the change itself. ``duties``: who besides those in scope may read it."""

    shown: Shown = Shown.EVERYWHERE
    insert: bool = True
    update: tuple[str, ...] = ()
    delete: bool = False
    lock: bool = False
    duties: tuple[Duty, ...] = ()


_READ = Rights(insert=False)
_WHOLE = Rights(update=(ALL,), delete=True)
_SEALED = Rights(Shown.TENANT, duties=(Duty.AUDIT,))
_ADDED = Rights(Shown.TENANT)
_EXCEPTION = ("handling", "taken_at", "taken_by", "resolved_at", "resolved_by", "note")
_DEFINITION = ("state", "decided_at", "decided_by", "reason", "deprecated_at", "deprecated_by")
_RUN = ("state", "updated_at", "due_at", "finished_at", "failures")
_REVISION = (
    *("state", "updated_at", "due_at", "approved_at", "released_at", "consumed_at"),
    *("ended_at", "ended_from", "ended_cause", "ended_by", "ended_reason", "failure"),
)
_HANDOFF = (
    *("external_handoff_mode", "external_ticket_reference", "external_ticket_url"),
    *("external_handoff_failure_summary", "updated_at"),
)
_TOKEN = ("revoked_at", "revoked_by", "last_used_at", "last_used_from")
_REPORT = ("attempts", "due_at", "tried_until", "delivered_at", "failure")

RIGHTS: Mapping[str, Rights] = {
    # Django, allauth and the queue
    "django_migrations": _READ,
    "django_content_type": _READ,
    "auth_permission": _READ,
    "auth_group": _READ,
    "auth_group_permissions": _READ,
    "access_user_groups": _READ,
    "access_user_user_permissions": _READ,
    "django_session": _WHOLE,
    "handrail_cache": _WHOLE,
    "account_emailaddress": _WHOLE,
    "account_emailconfirmation": _WHOLE,
    "procrastinate_jobs": _WHOLE,
    "procrastinate_workers": _WHOLE,
    "procrastinate_events": _WHOLE,
    "procrastinate_periodic_defers": _WHOLE,
    # access
    "access_user": Rights(update=(ALL,)),
    "access_identity": _WHOLE,
    "access_loginsession": _WHOLE,
    "access_workspace": Rights(Shown.IS_WORKSPACE, update=("slug", "name"), duties=(Duty.DIRECTORY, Duty.INSTALLATION)),
    "access_tenant": Rights(
        Shown.IS_TENANT, update=("key", "name", "closed_at", "closed_by", "closed_reason"), duties=(Duty.INSTALLATION,)
    ),
    "access_membership": Rights(
        Shown.WORKSPACE, update=("roles", "all_tenants", "is_active"), duties=(Duty.DIRECTORY,)
    ),
    "access_tenantentitlement": Rights(Shown.MEMBERSHIP, delete=True, duties=(Duty.DIRECTORY,)),
    "access_accesstoken": Rights(Shown.MEMBERSHIP, update=_TOKEN, duties=(Duty.DIRECTORY,)),
    # audit
    "audit_auditevent": _SEALED,
    "audit_auditleaf": Rights(),
    "audit_auditnode": Rights(),
    "audit_auditcheckpoint": Rights(),
    # definitions
    "definitions_definition": Rights(Shown.WORKSPACE, update=_DEFINITION, duties=(Duty.AUDIT, Duty.INSTALLATION)),
    # runbooks
    "runbooks_operationrun": Rights(Shown.TENANT, update=_RUN),
    "runbooks_checkpoint": _SEALED,
    "runbooks_retryledgerentry": _SEALED,
    "runbooks_completionrecord": _SEALED,
    "runbooks_exceptionpacket": Rights(Shown.TENANT, update=_EXCEPTION, duties=(Duty.AUDIT,)),
    "runbooks_taskrefusal": Rights(Shown.WORKSPACE),
    "runbooks_taskmessage": Rights(Shown.WORKSPACE, delete=True),
    "runbooks_report": Rights(Shown.TENANT, update=_REPORT),
    # support
    "support_supportrequest": Rights(Shown.TENANT, update=_HANDOFF, duties=(Duty.AUDIT,)),
    # packets
    "packets_packet": Rights(Shown.TENANT, lock=True, duties=(Duty.AUDIT,)),
    "packets_revision": Rights(Shown.TENANT, update=_REVISION),
    "packets_assembly": _SEALED,
    "packets_snapshot": _SEALED,
    "packets_holdrow": _SEALED,
    "packets_clearance": _SEALED,
    "packets_annexrow": _SEALED,
    "packets_vote": _SEALED,
    "packets_release": _SEALED,
    "packets_deliveryentry": _SEALED,
}

# What is shown of the rows of all workspaces: ids, states, and when they are due. Sweeps and metrics read these views,
# which the owner's role reads the tables for; nothing else of a row leaves through them.
LEASES: Mapping[str, str] = {
    "handrail_run_lease": "SELECT id, workspace_id, state, due_at FROM runbooks_operationrun",
    "handrail_report_lease": "SELECT run_id, workspace_id, due_at, delivered_at FROM runbooks_report",
    "handrail_exception_lease": "SELECT id, workspace_id, handling FROM runbooks_exceptionpacket",
    "handrail_revision_lease": """
        SELECT r.id, r.workspace_id, r.state, r.due_at, r.failure <> '' AS has_failed, a.expires_at,
               EXISTS (SELECT FROM packets_deliveryentry d WHERE d.revision_id = r.id AND d.kind = 'receipt')
               AS received
        FROM packets_revision r LEFT JOIN packets_assembly a ON a.revision_id = r.id""",
    "handrail_handoff_lease": """
        SELECT id, workspace_id, external_handoff_mode AS mode, handoff_deadline_at AS deadline_at,
               external_ticket_reference IS NOT NULL AS has_ticket,
               external_handoff_failure_summary IS NOT NULL AS has_failed,
               strpos(external_handoff_failure_summary, 'Outcome unknown:') > 0 AS is_doubtful
        FROM support_supportrequest""",
}


def scoped_tables() -> list[str]:
    """The tables under row security."""
    return [name for name, rights in RIGHTS.items() if rights.shown is not Shown.EVERYWHERE]
