"""Every audit tag that Handrail writes, as ``subject.past_participle``."""

from __future__ import annotations

from enum import StrEnum


class EventName(StrEnum):
    ACCESS_DENIED = "access.denied"
    MEMBER_ADDED = "member.added"
    MEMBER_CHANGED = "member.changed"
    MEMBER_PASSWORD_SET = "member.password_set"  # noqa: S105 - an event's name
    MEMBER_REMOVED = "member.removed"
    WORKSPACE_CREATED = "workspace.created"
    TENANT_CREATED = "tenant.created"
    TENANT_RENAMED = "tenant.renamed"
    TENANT_CLOSED = "tenant.closed"
    TENANT_REOPENED = "tenant.reopened"
    HOLD_SET = "hold.set"
    HOLD_LIFT_ASKED = "hold.lift_asked"
    HOLD_LIFTED = "hold.lifted"
    ERASURE_ASKED = "erasure.asked"
    ERASURE_WITHDRAWN = "erasure.withdrawn"
    ERASURE_CONFIRMED = "erasure.confirmed"
    ERASURE_FINISHED = "erasure.finished"
    ERASURE_APPLIED = "erasure.applied"
    TOKEN_ISSUED = "token.issued"  # noqa: S105 - an event's name
    TOKEN_REVOKED = "token.revoked"  # noqa: S105 - an event's name
    USER_LOGGED_IN = "user.logged_in"
    USER_LOGIN_REFUSED = "user.login_refused"
    IDENTITY_JOINED = "identity.joined"
    IDENTITY_MOVED = "identity.moved"
    IDENTITY_REMOVED = "identity.removed"
    USER_LOGGED_OUT = "user.logged_out"
    USER_PASSWORD_CHANGED = "user.password_changed"  # noqa: S105 - an event's name
    SESSION_ENDED = "session.ended"
    USER_PROVEN = "user.proven"
    USER_PROOF_REFUSED = "user.proof_refused"
    PASSKEY_ENROLLED = "passkey.enrolled"
    PASSKEY_RENAMED = "passkey.renamed"
    PASSKEY_CONFIRMED = "passkey.confirmed"
    PASSKEY_SUSPENDED = "passkey.suspended"
    PASSKEY_REMOVED = "passkey.removed"
    FACTOR_APP_ADDED = "factor.app_added"
    FACTOR_APP_REMOVED = "factor.app_removed"
    FACTOR_CODES_MADE = "factor.codes_made"
    FACTOR_CODE_USED = "factor.code_used"
    FACTOR_RESET = "factor.reset"
    WORKSPACE_SECOND_FACTOR_CHANGED = "workspace.second_factor_changed"

    DEFINITION_PROPOSED = "definition.proposed"
    DEFINITION_APPROVED = "definition.approved"
    DEFINITION_REJECTED = "definition.rejected"
    DEFINITION_DEPRECATED = "definition.deprecated"
    DEFINITION_RETURN_REQUESTED = "definition.return_requested"
    DEFINITION_RETURNED = "definition.returned"

    TASK_REFUSED = "task.refused"
    RUN_RECEIVED = "run.received"
    RUN_CHECKED = "run.checked"
    RUN_INVOKED = "run.invoked"
    RUN_STOP_REQUESTED = "run.stop_requested"
    RUN_COMPLETED = "run.completed"
    RUN_STOPPED = "run.stopped"
    RUN_CANCELLED = "run.cancelled"
    RUN_NOT_ATTEMPTED = "run.not_attempted"
    RUN_FOUND_WRONG = "run.found_wrong"
    RUN_REVIEWED = "run.reviewed"
    RUN_FORGOTTEN = "run.forgotten"
    RUN_PREVIEWED = "run.previewed"
    RUN_REPORTED = "run.reported"
    RUN_REPORT_REFUSED = "run.report_refused"
    RUN_REPORT_STOPPED = "run.report_stopped"
    RUN_REPORT_REPEATED = "run.report_repeated"
    WAVE_STARTED = "wave.started"
    WAVE_STOPPED = "wave.stopped"
    WAVE_PAUSED = "wave.paused"
    WAVE_RESUMED = "wave.resumed"
    WAVE_ABANDONED = "wave.abandoned"
    WAVE_COMPLETED = "wave.completed"
    RUN_REPORT_NOT_KEPT = "run.report_not_kept"
    TASK_MESSAGE_DELIVERED = "task.message_delivered"
    TASK_MESSAGE_REFUSED = "task.message_refused"
    TASK_MESSAGE_STOPPED = "task.message_stopped"
    TASK_MESSAGE_NOT_KEPT = "task.message_not_kept"
    TASK_MESSAGE_REPEATED = "task.message_repeated"
    BRAKE_APPLIED = "brake.applied"
    BRAKE_RELEASED = "brake.released"
    BREAKER_OPENED = "breaker.opened"
    BREAKER_CLOSED = "breaker.closed"
    EXCEPTION_TAKEN = "exception.taken"
    EXCEPTION_ASSIGNED = "exception.assigned"
    EXCEPTION_NOTED = "exception.noted"
    EXCEPTION_HANDED_BACK = "exception.handed_back"
    EXCEPTION_OVERDUE = "exception.overdue"
    EXCEPTION_READ_AGAIN = "exception.read_again"
    EXCEPTION_FOLLOW_UP_STARTED = "exception.follow_up_started"
    EXCEPTION_RESOLVED = "exception.resolved"
    EXCEPTION_NOT_TAKEN = "exception.not_taken"

    SUPPORT_REQUEST_CREATED = "support_request.created"
    SUPPORT_REQUEST_TICKET_CREATED = "support_request.external_ticket_created"
    SUPPORT_REQUEST_TICKET_LINKED = "support_request.external_ticket_linked"
    SUPPORT_REQUEST_HANDOFF_FAILED = "support_request.external_handoff_failed"

    PACKET_PREVIEWED = "packet.previewed"
    PACKET_REQUESTED = "packet.requested"
    PACKET_ASSEMBLED = "packet.assembled"
    PACKET_ASSEMBLY_STOPPED = "packet.assembly_stopped"
    PACKET_HOLD_CLEARED = "packet.hold_cleared"
    PACKET_SEEN = "packet.seen"
    PACKET_TEXT_MASKED = "packet.text_masked"
    PACKET_STILL_STANDS = "packet.still_stands"
    PACKET_ORIGINAL_VIEWED = "packet.original_viewed"
    PACKET_REDACTED = "packet.redacted"
    PACKET_ATTESTED = "packet.attested"
    PACKET_SIGNED = "packet.signed"
    PACKET_APPROVED = "packet.approved"
    PACKET_REOPENED = "packet.reopened"
    PACKET_REJECTED = "packet.rejected"
    PACKET_WITHDRAWN = "packet.withdrawn"
    PACKET_DISCARDED = "packet.discarded"
    PACKET_EXPIRED = "packet.expired"
    PACKET_FORGOTTEN = "packet.forgotten"
    PACKET_EXPIRES_SOON = "packet.expires_soon"
    PACKET_SUPERSEDED = "packet.superseded"
    PACKET_RELEASED = "packet.released"
    PACKET_DELIVERED = "packet.delivered"
    PACKET_DELIVERY_REFUSED = "packet.delivery_refused"
    PACKET_CONSUMED = "packet.consumed"
    PACKET_GIVEN_UP = "packet.given_up"
    PACKET_UPLOAD_ADDRESS_GIVEN = "packet.upload_address_given"
    PACKET_DELIVERY_SETTLED = "packet.delivery_settled"
    PACKET_RECALLED = "packet.recalled"
    PACKET_REPLIED = "packet.replied"
    PACKET_REPLY_REFUSED = "packet.reply_refused"
    PACKET_RECALL_REQUESTED = "packet.recall_requested"
    PACKET_REASON_SETTLED = "packet.reason_settled"
    PACKET_UNWATCHED = "packet.unwatched"
    PACKET_CONSUMED_STALE = "packet.consumed_stale"
    PACKET_RECALLS_EXPORTED = "packet.recalls_exported"
    PACKET_EXPORTED = "packet.exported"
    RELEASE_KEY_MADE = "release_key.made"
    RELEASE_KEY_RETIRED = "release_key.retired"
    RELEASE_KEY_REVOKED = "release_key.revoked"
    PACKET_DOCUMENT_TAKEN = "packet.document_taken"

    AUDIT_SEALED = "audit.sealed"
    AUDIT_EXPORTED = "audit.exported"
    AUDIT_SEAL_REFUSED = "audit.seal_refused"
    AUDIT_LOG_ACCEPTED = "audit.log_accepted"
    AUDIT_WITNESS_REFUSED = "audit.witness_refused"
    AUDIT_TIMESTAMP_REFUSED = "audit.timestamp_refused"
    AUDIT_QUORUM_MISSING = "audit.quorum_missing"
    AUDIT_QUORUM_REACHED = "audit.quorum_reached"

    NOTIFICATION_STOPPED = "notification.stopped"
    NOTIFICATION_REPEATED = "notification.repeated"
    NOTIFICATION_CHOSEN = "notification.chosen"
    RESPONDER_TESTED = "responder.tested"


class EventOutcome(StrEnum):
    DONE = "done"
    DENIED = "denied"
    FAILED = "failed"


_E = EventName
PUBLISHED = frozenset(
    {
        *(_E.RUN_STOPPED, _E.EXCEPTION_NOT_TAKEN, _E.EXCEPTION_OVERDUE, _E.EXCEPTION_ASSIGNED),
        *(_E.EXCEPTION_HANDED_BACK, _E.EXCEPTION_RESOLVED),
        *(_E.PACKET_ASSEMBLED, _E.PACKET_REOPENED, _E.PACKET_SUPERSEDED, _E.PACKET_EXPIRES_SOON, _E.PACKET_EXPIRED),
        *(_E.PACKET_DELIVERY_REFUSED, _E.PACKET_GIVEN_UP, _E.PACKET_CONSUMED, _E.PACKET_ASSEMBLY_STOPPED),
        *(_E.PACKET_REPLIED, _E.PACKET_UNWATCHED, _E.PACKET_CONSUMED_STALE, _E.PACKET_RECALL_REQUESTED),
        *(_E.DEFINITION_PROPOSED, _E.DEFINITION_APPROVED, _E.DEFINITION_REJECTED),
        *(_E.DEFINITION_RETURN_REQUESTED, _E.DEFINITION_RETURNED, _E.DEFINITION_DEPRECATED),
        *(_E.BRAKE_APPLIED, _E.BRAKE_RELEASED, _E.BREAKER_OPENED),
        *(_E.WAVE_STOPPED, _E.WAVE_COMPLETED),
        *(_E.TASK_REFUSED, _E.RUN_REPORT_REFUSED, _E.RUN_REPORT_STOPPED),
        *(_E.AUDIT_SEAL_REFUSED, _E.AUDIT_WITNESS_REFUSED, _E.AUDIT_TIMESTAMP_REFUSED, _E.AUDIT_QUORUM_MISSING),
        *(_E.PASSKEY_ENROLLED, _E.PASSKEY_CONFIRMED, _E.PASSKEY_SUSPENDED, _E.PASSKEY_REMOVED),
        *(_E.FACTOR_APP_ADDED, _E.FACTOR_APP_REMOVED, _E.FACTOR_CODES_MADE, _E.FACTOR_CODE_USED, _E.FACTOR_RESET),
    }
)
"""Those that somebody is notified of: each leaves a row in the outbox, in the transaction that records it. Who is
notified is decided in ``notifications.rules``."""
