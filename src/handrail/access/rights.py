"""What the serving role may do with each table, and whose rows it is shown: the one table of it.

The owner's role migrates and owns. The serving role may SELECT from every table that stands here, and INSERT where a
row says so; it may change only the columns named, delete only where Handrail itself deletes, and define nothing.
``access.protection`` makes grants and policies of this.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from handrail.audit import sources
from handrail.kernel.scope import Duty

# Every column: for tables of libraries, which write whole rows.
ALL = "*"


class Shown(StrEnum):
    """By what a row is shown."""

    EVERYWHERE = "everywhere"  # it belongs to no workspace: people, sessions, duties, workers
    WORKSPACE = "workspace"  # its workspace_id
    TENANT = "tenant"  # its workspace_id and tenant_id; a row without tenant only to those entitled to every tenant
    COMMON = "common"  # its workspace_id; with a tenant_id that too: a row without tenant concerns everybody
    IS_TENANT = "is tenant"  # the tenant itself: its workspace_id and id
    IS_WORKSPACE = "is workspace"
    MEMBERSHIP = "membership"  # like the membership that it names


@dataclass(frozen=True, slots=True)
class Rights:
    """``update``: columns, or ALL. ``lock``: rows are locked, for which PostgreSQL asks the right to update something;
    a trigger refuses the change itself."""

    shown: Shown = Shown.EVERYWHERE
    insert: bool = True
    update: tuple[str, ...] = ()
    delete: bool = False
    lock: bool = False


_READ = Rights(insert=False)
_WHOLE = Rights(update=(ALL,), delete=True)
_ADDED = Rights(Shown.TENANT)
_EXCEPTION = ("handling", "taken_at", "taken_by", "resolved_at", "resolved_by", "note", "overdue_at", "outcome")
_DEFINITION = (
    *("state", "decided_at", "decided_by", "reason", "deprecated_at", "deprecated_by"),
    *("return_requested_at", "return_requested_by", "return_reason", "returned_at", "returned_by"),
)
_RUN = (
    *("state", "updated_at", "due_at", "finished_at", "failures", "turn", "held_by", "unattended_seconds"),
    *("wave_round", "admitted_at", "not_attempted", "subject"),
)
_WAVE = (
    *("state", "round", "canary_round", "counted_from", "stops", "unsettled", "finished_at"),
    *("changed_at", "changed_by", "change_reason"),
)
_REVISION = (
    *("state", "updated_at", "due_at", "approved_at", "released_at", "consumed_at"),
    *("ended_at", "ended_from", "ended_cause", "ended_by", "ended_reason", "failure"),
    *("watch_at", "watched_at", "watch_failure"),
)
_HANDOFF = (
    *("external_handoff_mode", "external_ticket_reference", "external_ticket_url"),
    *("external_handoff_failure_summary", "updated_at"),
)
_TOKEN = ("revoked_at", "revoked_by", "last_used_at", "last_used_from")
_HOLD = ("lift_asked_at", "lift_asked_by", "lift_reason", "lifted_at", "lifted_by")
_ERASURE = (
    *("withdrawn_at", "withdrawn_by", "confirmed_at", "confirmed_by"),
    *("finished_at", "certificate", "envelope"),
)
_PAUSED = (
    *("brake_id", "at", "run_updated_at"),
    *("connector", "cause", "until", "waited_seconds", "passed_at", "resumed_at"),
)
_CHANNEL = ("channel", "attempts", "due_at", "tried_until", "deadline_at", "ended_at", "outcome", "failure", "receipt")
_REMINDER = ("responder", "begun_at", "step", "hops", "due_at")
_REPORT = ("attempts", "due_at", "tried_until", "delivered_at", "failure", "failure_code", "unproven")
_ANCHOR = ("due_at", "tried_at", "failures", "problem", "message", "since", "size_there")
_PULL = ("at", "whole_at", "pages", "tasks", "code", "message")

RIGHTS: Mapping[str, Rights] = {
    # Django and allauth
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
    "mfa_authenticator": _WHOLE,
    # access
    "access_user": Rights(update=(ALL,)),
    "access_identity": _WHOLE,
    "access_loginsession": _WHOLE,
    "access_workspace": Rights(Shown.IS_WORKSPACE, update=("slug", "name", "second_factor_since")),
    "access_tenant": Rights(Shown.IS_TENANT, update=("key", "name", "closed_at", "closed_by", "closed_reason")),
    "access_membership": Rights(Shown.WORKSPACE, update=("roles", "all_tenants", "is_active")),
    "access_tenantentitlement": Rights(Shown.MEMBERSHIP, delete=True),
    "access_accesstoken": Rights(Shown.MEMBERSHIP, update=_TOKEN),
    "access_passkey": Rights(),
    "access_passkeyconfirmation": Rights(Shown.WORKSPACE),
    "access_passkeyremoval": Rights(),
    "access_signingceremony": Rights(Shown.WORKSPACE, update=("used_at",), delete=True),
    "access_visit": Rights(Shown.WORKSPACE, update=("at",), delete=True),
    "access_legalhold": Rights(Shown.TENANT, update=_HOLD),
    "access_erasure": Rights(Shown.TENANT, update=_ERASURE),
    # audit
    "audit_auditevent": _ADDED,
    "audit_auditleaf": Rights(),
    "audit_auditnode": Rights(),
    "audit_auditcheckpoint": Rights(),
    "audit_cosignature": Rights(),
    "audit_checkpointtimestamp": Rights(),
    "audit_anchor": Rights(update=_ANCHOR),
    "audit_outbox": Rights(Shown.TENANT, update=("due_at", "attempts"), delete=True),
    # definitions
    "definitions_definition": Rights(Shown.WORKSPACE, update=_DEFINITION),
    "definitions_decisionproof": Rights(Shown.WORKSPACE),
    # work
    "work_duty": Rights(update=("due_at", "failures")),
    "work_worker": Rights(update=("seen_at", "threads", "unconnected", "holds_lock"), delete=True),
    # runbooks
    "runbooks_operationrun": Rights(Shown.TENANT, update=_RUN),
    "runbooks_checkpoint": _ADDED,
    "runbooks_retryledgerentry": _ADDED,
    "runbooks_completionrecord": _ADDED,
    "runbooks_exceptionpacket": Rights(Shown.TENANT, update=_EXCEPTION),
    "runbooks_exceptionnote": _ADDED,
    "runbooks_rereading": _ADDED,
    "runbooks_followup": _ADDED,
    "runbooks_taskrefusal": Rights(Shown.WORKSPACE),
    "runbooks_taskmessage": Rights(Shown.WORKSPACE, delete=True),
    "runbooks_brake": Rights(Shown.COMMON, update=("released_at", "released_by", "release_reason")),
    "runbooks_stoprequest": _ADDED,
    "runbooks_wrongcompletion": _ADDED,
    "runbooks_sampledrun": _ADDED,
    "runbooks_runreview": _ADDED,
    "runbooks_pausedrun": Rights(Shown.TENANT, update=_PAUSED, delete=True),
    "runbooks_wave": Rights(Shown.WORKSPACE, update=_WAVE),
    "runbooks_wavestop": Rights(Shown.WORKSPACE),
    "runbooks_runbookgate": Rights(Shown.WORKSPACE, update=("started",)),
    "runbooks_connectorgate": Rights(update=("version", "state", "refused")),
    "runbooks_report": Rights(Shown.TENANT, update=_REPORT),
    "runbooks_taskupdate": Rights(Shown.TENANT, update=_REPORT),
    "runbooks_taskpull": Rights(Shown.WORKSPACE, update=_PULL),
    # support
    "support_supportrequest": Rights(Shown.TENANT, update=_HANDOFF),
    # packets
    "packets_packet": Rights(Shown.TENANT, update=("terms",)),
    "packets_revision": Rights(Shown.TENANT, update=_REVISION),
    "packets_assembly": _ADDED,
    "packets_snapshot": _ADDED,
    "packets_holdrow": _ADDED,
    "packets_clearance": _ADDED,
    "packets_annexrow": _ADDED,
    "packets_seenmark": _ADDED,
    "packets_givenuploadaddress": _ADDED,
    "packets_pictureredaction": _ADDED,
    "packets_pictureattestation": _ADDED,
    "packets_vote": _ADDED,
    "packets_voteproof": _ADDED,
    "packets_release": _ADDED,
    "packets_deliveryentry": _ADDED,
    "packets_forgetting": _ADDED,
    # notifications
    "notifications_notification": Rights(Shown.WORKSPACE, update=("closed_at", "notified_at")),
    "notifications_notifiedevent": Rights(Shown.TENANT, update=("notified_at",)),
    "notifications_channeldelivery": Rights(Shown.WORKSPACE, update=_CHANNEL),
    "notifications_reminder": Rights(Shown.TENANT, update=_REMINDER, delete=True),
    "notifications_notificationchoice": Rights(Shown.WORKSPACE, update=("email", "at"), delete=True),
}

# What is shown of the rows of all workspaces is shown by views, which the owner's role reads the tables for; nothing
# else of a row leaves through them. Sweeps and metrics read ids, states, when something is due, and the codes of what
# came of log-ins.
LEASES: Mapping[str, str] = {
    "handrail_run_lease": "SELECT id, workspace_id, state, due_at FROM runbooks_operationrun",
    "handrail_report_lease": "SELECT run_id, workspace_id, due_at, delivered_at, failure_code FROM runbooks_report",
    "handrail_update_lease": "SELECT id, workspace_id, due_at, delivered_at, failure_code FROM runbooks_taskupdate",
    "handrail_pull_lease": "SELECT id, workspace_id, system, at, whole_at, code FROM runbooks_taskpull",
    "handrail_exception_lease": "SELECT id, workspace_id, handling, due_at, overdue_at FROM runbooks_exceptionpacket",
    "handrail_brake_lease": "SELECT id, workspace_id, kind, at FROM runbooks_brake WHERE released_at IS NULL",
    "handrail_paused_lease": """
        SELECT p.run_id, p.workspace_id FROM runbooks_pausedrun p
        JOIN runbooks_operationrun r ON r.id = p.run_id AND r.updated_at = p.run_updated_at AND r.finished_at IS NULL
        LEFT JOIN runbooks_brake b ON b.id = p.brake_id
        LEFT JOIN definitions_definition d ON d.id = r.definition_id
        WHERE (p.brake_id IS NOT NULL AND b.released_at IS NULL)
              OR (p.brake_id IS NULL AND p.connector = '' AND d.state = 'deprecated')""",
    "handrail_wave_lease": "SELECT id, workspace_id, state, unsettled FROM runbooks_wave",
    "handrail_wave_member_lease": """
        SELECT id, workspace_id FROM runbooks_operationrun
        WHERE wave_id IS NOT NULL AND wave_round IS NULL AND finished_at IS NULL""",
    "handrail_recovery_lease": """
        SELECT c.id, c.workspace_id, coalesce(c.detail ->> 'class', c.kind) = 'unknown' AS unknown,
               c.kind = 'reconciled' AS reconciled, jsonb_exists(c.detail, 'taken_over') AS taken_over
        FROM runbooks_checkpoint c
        WHERE c.kind IN ('unknown', 'reconciled') OR c.detail ->> 'class' = 'unknown'
              OR jsonb_exists(c.detail, 'taken_over')""",
    "handrail_erased_run_lease": "SELECT id, workspace_id FROM runbooks_operationrun WHERE subject = 'erased ' || ref",
    "handrail_wrong_lease": "SELECT id, workspace_id FROM runbooks_wrongcompletion",
    "handrail_review_lease": """
        SELECT s.id, s.workspace_id, r.id IS NOT NULL AS is_reviewed FROM runbooks_sampledrun s
        LEFT JOIN runbooks_runreview r ON r.run_id = s.run_id""",
    "handrail_gate_lease": """
        SELECT p.run_id, p.workspace_id, p.connector, p.cause FROM runbooks_pausedrun p
        JOIN runbooks_operationrun r ON r.id = p.run_id AND r.updated_at = p.run_updated_at AND r.finished_at IS NULL
        WHERE p.connector <> '' AND p.passed_at IS NULL""",
    "handrail_revision_lease": """
        SELECT r.id, r.workspace_id, r.state, r.due_at, r.failure <> '' AS has_failed, a.expires_at,
               CASE WHEN r.state = 'released' THEN
                   (SELECT json_agg(json_build_array(d.sequence, d.kind, d.intent) ORDER BY d.sequence)
                    FROM packets_deliveryentry d WHERE d.revision_id = r.id) END AS delivery
        FROM packets_revision r LEFT JOIN packets_assembly a ON a.revision_id = r.id""",
    "handrail_text_hold_lease": """
        SELECT h.id, h.workspace_id, h.code FROM packets_holdrow h JOIN packets_revision r ON r.id = h.revision_id
        WHERE r.ended_at IS NULL AND h.cleared_id IS NULL
          AND h.code IN ('secret-in-text', 'personal-data-in-text', 'internal-host-in-text', 'forbidden-claim')""",
    "handrail_forgetting_lease": "SELECT id, workspace_id, kind FROM packets_forgetting",
    "handrail_handoff_lease": """
        SELECT id, workspace_id, external_handoff_mode AS mode, handoff_deadline_at AS deadline_at,
               external_ticket_reference IS NOT NULL AS has_ticket,
               external_handoff_failure_summary IS NOT NULL AS has_failed,
               strpos(external_handoff_failure_summary, 'Outcome unknown:') > 0 AS is_doubtful
        FROM support_supportrequest""",
    "handrail_outbox_lease": "SELECT id, workspace_id, due_at, attempts FROM audit_outbox",
    "handrail_notification_lease": """
        SELECT d.id, d.workspace_id, d.outcome, d.due_at, d.ended_at, d.at FROM notifications_channeldelivery d
        WHERE d.outcome IN ('failed', 'unknown', 'dropped') OR d.due_at IS NOT NULL""",
    "handrail_untold_lease": """
        SELECT n.id, n.workspace_id, n.at, EXISTS (
            SELECT FROM notifications_channeldelivery d WHERE d.notification_id = n.id AND d.due_at IS NOT NULL
        ) AS is_moving
        FROM notifications_notification n WHERE n.notified_at IS NULL""",
    "handrail_log_in_lease": """
        SELECT e.id, e.at, l.event, l.method, l.cause FROM audit_auditevent e
        LEFT JOIN LATERAL (SELECT e.event, e.context ->> 'method' AS method, e.context ->> 'cause' AS cause
                           WHERE e.event IN ('user.logged_in', 'user.login_refused')) l ON true""",
}


# What workers claim in all workspaces: of each row that is due, and of no other, its id, home and lease. The columns
# named may be changed through the view. ``IS TRUE`` keeps the planner from the index of what is due where a row is
# taken by its id: it would read the whole queue for it.
@dataclass(frozen=True, slots=True)
class Claimed:
    text: str
    update: tuple[str, ...]


CLAIMS: Mapping[str, Claimed] = {
    "handrail_run_claim": Claimed(
        "SELECT id, workspace_id, tenant_id, due_at, failures, held_by, unattended_seconds FROM runbooks_operationrun"
        " WHERE (due_at <= statement_timestamp()) IS TRUE",
        ("due_at", "failures", "held_by", "unattended_seconds"),
    ),
    # Of runs that a worker has, those not behind an intent that holds: that is its writer's until its deadline.
    "handrail_run_held": Claimed(
        """
        SELECT id, workspace_id, tenant_id, due_at, held_by FROM runbooks_operationrun r
        WHERE due_at > statement_timestamp() AND held_by IS NOT NULL AND (state <> 'invoking' OR (
            SELECT kind <> 'intent' OR deadline_at <= statement_timestamp()
            FROM runbooks_checkpoint c WHERE c.run_id = r.id ORDER BY c.sequence DESC LIMIT 1))""",
        ("due_at",),
    ),
    "handrail_report_claim": Claimed(
        "SELECT run_id AS id, workspace_id, tenant_id, due_at, attempts, tried_until FROM runbooks_report"
        " WHERE (due_at <= statement_timestamp()) IS TRUE AND delivered_at IS NULL",
        ("due_at", "attempts", "tried_until"),
    ),
    "handrail_outbox_claim": Claimed(
        "SELECT id, workspace_id, tenant_id, due_at, attempts FROM audit_outbox"
        " WHERE (due_at <= statement_timestamp()) IS TRUE",
        ("due_at", "attempts"),
    ),
    "handrail_notification_claim": Claimed(
        "SELECT id, workspace_id, tenant_id, due_at FROM notifications_channeldelivery"
        " WHERE (due_at <= statement_timestamp()) IS TRUE",
        ("due_at",),
    ),
    "handrail_reminder_claim": Claimed(
        "SELECT id, workspace_id, tenant_id, due_at FROM notifications_reminder"
        " WHERE (due_at <= statement_timestamp()) IS TRUE",
        ("due_at",),
    ),
    # Not before the messages about the same task that were written before, nor before the outcome of its run.
    "handrail_update_claim": Claimed(
        """
        SELECT id, workspace_id, coalesce(tenant_id, 0) AS tenant_id, due_at, attempts, tried_until
        FROM runbooks_taskupdate u
        WHERE (due_at <= statement_timestamp()) IS TRUE AND delivered_at IS NULL
          AND NOT EXISTS (
              SELECT FROM runbooks_taskupdate e
              WHERE e.workspace_id = u.workspace_id AND e.task_key = u.task_key AND e.id < u.id
                AND e.due_at IS NOT NULL)
          AND NOT EXISTS (
              SELECT FROM runbooks_report r
              WHERE r.run_id = u.run_id AND r.due_at IS NOT NULL AND r.delivered_at IS NULL)""",
        ("due_at", "attempts", "tried_until"),
    ),
    "handrail_revision_claim": Claimed(
        "SELECT id, workspace_id, tenant_id, due_at, state FROM packets_revision"
        " WHERE (due_at <= statement_timestamp()) IS TRUE",
        ("due_at",),
    ),
}


# Who somebody is, before there is a scope: to which workspace a slug, an account or a token belongs. Of a token its
# digest, from which nobody finds the secret.
DIRECTORY: Mapping[str, str] = {
    "handrail_workspace_directory": "SELECT id, slug FROM access_workspace",
    "handrail_membership_directory": "SELECT id, workspace_id, user_id, is_active FROM access_membership",
    "handrail_token_directory": """
        SELECT t.id, m.workspace_id, t.digest
        FROM access_accesstoken t JOIN access_membership m ON m.id = t.membership_id""",
}


def leaves() -> dict[str, str]:
    """What leaves of the audit log are made of: for the duty of sealing and verifying alone, the columns alone that
    are sealed. Needs the slices' sources, so Django must be ready."""
    asked = f"(SELECT current_setting('handrail.duty', true) = '{Duty.AUDIT}')"
    return {source.view: f"{source.leaf_selection} WHERE {asked}" for source in sources.known()}


def views() -> dict[str, str]:
    """Every view that shows something of the rows of all workspaces, with its SQL."""
    return {**LEASES, **{name: claim.text for name, claim in CLAIMS.items()}, **DIRECTORY, **leaves()}


def scoped_tables() -> list[str]:
    """The tables under row security."""
    return [name for name, rights in RIGHTS.items() if rights.shown is not Shown.EVERYWHERE]
