"""The statements of the engine. What a decision writes is one statement, so one commit and one round trip.

``clock_timestamp()`` is the only clock. Rows come in as jsonb arrays; what is NULL writes nothing.
"""

# ruff: noqa: S608 - nothing but constants
from __future__ import annotations

from handrail.audit.actions import insertion
from handrail.runbooks.brakes import controls_of
from handrail.work.prepared import Statement

# Whether a follow-up run may act: only while the person who started it has its exception packet.
_HAS_IT = "packet.handling = 'taken' AND packet.taken_by = mine.by"

# What a worker must know of a run beside its columns: the time there, its ledger, who has its subject, and what people
# have ordered.
OBSERVED = f"""
jsonb_build_object(
    'at', clock_timestamp(),
    'busy', EXISTS (
        SELECT FROM runbooks_operationrun AS other
        WHERE other.tenant_id = runbooks_operationrun.tenant_id AND other.subject = runbooks_operationrun.subject
          AND other.state IN ('checking', 'invoking', 'verifying') AND other.id <> runbooks_operationrun.id),
    'controls', {controls_of("runbooks_operationrun")},
    'turn', (
        SELECT coalesce(max(other.turn), 0) FROM runbooks_operationrun AS other
        WHERE other.tenant_id = runbooks_operationrun.tenant_id AND other.subject = runbooks_operationrun.subject),
    'fenced', EXISTS (
        SELECT FROM runbooks_operationrun AS other JOIN runbooks_exceptionpacket AS packet ON packet.run_id = other.id
        WHERE other.tenant_id = runbooks_operationrun.tenant_id AND other.subject = runbooks_operationrun.subject
          AND other.state = 'exception' AND packet.handling <> 'resolved' AND NOT EXISTS (
              SELECT FROM runbooks_followup AS mine
              WHERE mine.run_id = runbooks_operationrun.id AND mine.packet_id = packet.id AND {_HAS_IT})
          AND EXISTS (
              SELECT FROM runbooks_checkpoint AS intent
              WHERE intent.run_id = other.id AND intent.kind = 'intent' AND intent.detail->>'effect' = 'mutating'
                AND NOT EXISTS (
                    SELECT FROM runbooks_checkpoint AS result
                    WHERE result.run_id = other.id AND result.sequence = intent.sequence + 1
                      AND result.kind = 'result' AND (
                          result.detail->>'class' = 'not-sent' OR
                          result.detail->>'failure' IN ('dns', 'connect', 'tls', 'timeout-before-send'))))),
    'unheld', EXISTS (
        SELECT FROM runbooks_followup AS mine JOIN runbooks_exceptionpacket AS packet ON packet.id = mine.packet_id
        WHERE mine.run_id = runbooks_operationrun.id AND ({_HAS_IT}) IS NOT TRUE),
    'rows', (
        SELECT jsonb_agg(to_jsonb(entry) ORDER BY entry.sequence)
        FROM (SELECT sequence, kind, step, attempt, idempotency_key, at, deadline_at, detail
              FROM runbooks_checkpoint WHERE run_id = runbooks_operationrun.id) AS entry))
"""

# The run with its definition; ``{columns}`` are those of both.
LOAD = f"""
SELECT {{columns}}, {OBSERVED}
FROM runbooks_operationrun
JOIN definitions_definition ON definitions_definition.id = runbooks_operationrun.definition_id
WHERE runbooks_operationrun.id = %(run)s AND runbooks_operationrun.workspace_id = %(workspace)s
  AND runbooks_operationrun.due_at = %(lease)s"""

# When a member of a wave that waits is due: never. Its wave makes it due, when it lets it begin.
MEMBER_WAITS = "3650 days"

_NOW = "clock AS MATERIALIZED (SELECT clock_timestamp() AS at)"

# The fence: another worker that was first has changed state or due_at. Without a lease, state and sequence must do. An
# intent is not written either once a person has ordered the run to stop, its version is not active, a brake applies
# that its writer did not know, its wave does not let it begin, or the person who started it as a follow-up has its
# exception packet no more: that row stays as it is until the commit, so that handing it back and this intent come one
# after the other.
_MOVED = f"""
followed AS (
    SELECT ({_HAS_IT}) IS TRUE AS has_it
    FROM runbooks_followup AS mine JOIN runbooks_exceptionpacket AS packet ON packet.id = mine.packet_id
    WHERE mine.run_id = %(run)s AND %(brakes)s::bigint[] IS NOT NULL
    FOR SHARE OF packet),
moved AS (
    UPDATE runbooks_operationrun AS run
    SET state = %(state)s, updated_at = clock.at, due_at = %(due_at)s, failures = 0, unattended_seconds = 0,
        held_by = CASE WHEN NOT %(ended)s THEN run.held_by END,
        finished_at = CASE WHEN %(ended)s THEN clock.at END, turn = coalesce(%(turn)s, run.turn)
    FROM clock
    WHERE run.id = %(run)s AND run.state = %(before)s
      AND (%(lease)s::timestamptz IS NULL OR run.due_at = %(lease)s)
      AND (%(brakes)s::bigint[] IS NULL
           OR (run.wave_id IS NULL OR run.wave_round IS NOT NULL)
              AND NOT EXISTS (SELECT FROM runbooks_stoprequest AS stop WHERE stop.run_id = run.id)
              AND NOT EXISTS (
                  SELECT FROM runbooks_brake AS brake
                  WHERE brake.workspace_id = run.workspace_id AND brake.released_at IS NULL
                    AND brake.id <> ALL(%(brakes)s))
              AND EXISTS (
                  SELECT FROM definitions_definition AS pinned
                  WHERE pinned.id = run.definition_id AND pinned.state = 'active')
              AND NOT EXISTS (SELECT FROM followed WHERE NOT has_it))
    RETURNING run.id, run.workspace_id, run.tenant_id, run.definition_id, run.subject, clock.at)"""

# A received run is made here, unless the intake is paused; the tenant's row stays as it is until the commit, as for any
# row that refers to it. Where somebody closes or renames the tenant just now, ``tenant`` waits for that and looks
# again; ``asked`` does not.
# A member of a wave waits for its round, and is due when that is its turn.
_RECEIVED = """
asked AS MATERIALIZED (
    SELECT id FROM access_tenant
    WHERE workspace_id = %(workspace)s AND key = %(tenant)s AND id = %(tenant_id)s
      AND (%(tenants)s::bigint[] IS NULL OR id = ANY(%(tenants)s))),
tenant AS (
    SELECT id FROM access_tenant
    WHERE workspace_id = %(workspace)s AND key = %(tenant)s AND id = %(tenant_id)s AND closed_at IS NULL
      AND (%(tenants)s::bigint[] IS NULL OR id = ANY(%(tenants)s))
      AND NOT EXISTS (
          SELECT FROM runbooks_brake
          WHERE workspace_id = %(workspace)s AND released_at IS NULL AND kind IN ('intake', 'everything'))
    FOR KEY SHARE),
moved AS (
    INSERT INTO runbooks_operationrun
           (ref, workspace_id, tenant_id, definition_id, definition_digest, runbook, task_key, task_version,
            task_digest, made_here, task, subject, retry_limit, state, requested_by, created_at, updated_at, due_at,
            failures, unattended_seconds{columns})
    SELECT %(ref)s, %(workspace)s, tenant.id, %(definition)s, %(definition_digest)s, %(runbook)s, %(task_key)s,
           %(task_version)s, %(task_digest)s, %(made_here)s, %(task)s, %(subject)s, %(retry_limit)s, 'received',
           %(requested_by)s, clock.at, clock.at, {due_at}, 0, 0{values}
    FROM tenant, clock
    ON CONFLICT (workspace_id, task_key, runbook, task_version, tenant_id, made_here) WHERE not_attempted IS NULL
        DO NOTHING
    RETURNING id, workspace_id, tenant_id, created_at AS at)"""

_ROWS = """
appended AS (
    INSERT INTO runbooks_checkpoint
           (workspace_id, tenant_id, run_id, sequence, kind, step, attempt, idempotency_key, worker, at, deadline_at,
            detail)
    SELECT moved.workspace_id, moved.tenant_id, moved.id, new.sequence, new.kind, new.step, new.attempt,
           new.idempotency_key, %(worker)s, moved.at, new.deadline_at, new.detail
    FROM moved, jsonb_to_recordset(%(rows)s) AS new(
        sequence int, kind text, step text, attempt smallint, idempotency_key text, deadline_at timestamptz,
        detail jsonb)
    ORDER BY new.sequence)"""

_EVENTS = insertion(events="events", source="moved")

# A worker that looks at the woken run just now loses its lease so, and must not count as one that ended without a word.
_ENDED = """
retried AS (
    INSERT INTO runbooks_retryledgerentry
           (workspace_id, tenant_id, run_id, at, "limit", attempts, waited_seconds, detail)
    SELECT moved.workspace_id, moved.tenant_id, moved.id, moved.at, new."limit", new.attempts, new.waited_seconds,
           new.detail
    FROM moved, jsonb_to_recordset(%(retries)s) AS new(
        "limit" smallint, attempts smallint, waited_seconds float8, detail jsonb)),
completed AS (
    INSERT INTO runbooks_completionrecord (workspace_id, tenant_id, run_id, at, fields, digest)
    SELECT moved.workspace_id, moved.tenant_id, moved.id, moved.at, new.fields, new.digest
    FROM moved, jsonb_to_recordset(%(completion)s) AS new(fields jsonb, digest text)),
drawn AS (
    INSERT INTO runbooks_sampledrun (workspace_id, tenant_id, run_id, at, share)
    SELECT moved.workspace_id, moved.tenant_id, moved.id, moved.at, new.share
    FROM moved, jsonb_to_recordset(%(sample)s) AS new(share float8)),
stopped AS (
    INSERT INTO runbooks_exceptionpacket
           (workspace_id, tenant_id, run_id, at, ref, cause, reason, message, checkpoint, step, escalate_to, fields,
            evidence, attempts, handling, note, due_at)
    SELECT moved.workspace_id, moved.tenant_id, moved.id, moved.at, new.ref, new.cause, new.reason, new.message,
           new.checkpoint, new.step, new.escalate_to, new.fields, new.evidence, new.attempts, new.handling, '',
           moved.at + make_interval(secs => new.due_within)
    FROM moved, jsonb_to_recordset(%(packet)s) AS new(
        ref text, cause text, reason text, message text, checkpoint text, step text, escalate_to text, fields jsonb,
        evidence jsonb, attempts jsonb, handling text, due_within float8)),
reported AS (
    INSERT INTO runbooks_report (workspace_id, tenant_id, run_id, attempts, due_at, tried_until, failure)
    SELECT moved.workspace_id, moved.tenant_id, moved.id, new.attempts, coalesce(new.due_at, moved.at),
           new.tried_until, ''
    FROM moved, jsonb_to_recordset(%(report)s) AS new(attempts int, due_at timestamptz, tried_until timestamptz)),
next AS (
    SELECT waiting.id FROM runbooks_operationrun AS waiting, moved
    WHERE waiting.tenant_id = moved.tenant_id AND waiting.subject = moved.subject AND waiting.state = 'received'
      AND waiting.id <> moved.id AND (waiting.wave_id IS NULL OR waiting.wave_round IS NOT NULL)
    ORDER BY waiting.created_at, waiting.id LIMIT 1 FOR UPDATE OF waiting SKIP LOCKED),
woken AS (
    UPDATE runbooks_operationrun AS run SET due_at = moved.at, failures = greatest(run.failures - 1, 0), held_by = NULL
    FROM next, moved
    WHERE run.id = next.id RETURNING run.id)"""

# Divides by zero where a trigger dropped an event, so that nothing is written that no event tells of.
_RESULT = "moved.at, 1 / ((SELECT count(*) FROM recorded) = %(event_count)s)::int"

WRITE = Statement(f"""WITH {_NOW}, {_MOVED}, {_ROWS}, {_EVENTS}
SELECT {_RESULT}, NULL, {controls_of("moved", updated_at="at")} FROM moved""")
END = Statement(f"""WITH {_NOW}, {_MOVED}, {_ROWS}, {_EVENTS}, {_ENDED}
SELECT {_RESULT}, (SELECT id FROM woken), NULL FROM moved""")


def _receive(received: str) -> Statement:
    """Without a run: whether there was such an open or closed tenant when the statement began."""
    return Statement(f"""WITH {_NOW}, {received}, {_ROWS}, {_EVENTS}
SELECT {_RESULT}, moved.id FROM moved
UNION ALL
SELECT NULL, NULL, NULL FROM asked WHERE NOT EXISTS (SELECT FROM moved)""")


RECEIVE = _receive(_RECEIVED.format(due_at="clock.at", columns="", values=""))
RECEIVE_MEMBER = _receive(
    _RECEIVED.format(
        due_at=f"clock.at + interval '{MEMBER_WAITS}'",
        columns=", wave_id, wave_place",
        values=""", %(wave)s::text,
           coalesce(%(place)s::int, (
               SELECT coalesce(max(member.wave_place), 0) + 1 FROM runbooks_operationrun AS member
               WHERE member.wave_id = %(wave)s::text AND member.tenant_id = tenant.id))""",
    )
)

# Even where another worker has the report by now: it was delivered, and nobody needs to do so again.
_ACCEPTED = """
moved AS (
    UPDATE runbooks_report AS report SET delivered_at = clock.at, due_at = NULL, failure = ''
    FROM clock WHERE report.id = %(report)s AND report.delivered_at IS NULL
    RETURNING report.workspace_id, report.tenant_id, clock.at)"""
DELIVERED = Statement(f"WITH {_NOW}, {_ACCEPTED}, {_EVENTS}\nSELECT {_RESULT} FROM moved")

# The lease is extended, or given back with the count of failures.
HOLD = """
UPDATE runbooks_operationrun SET due_at = %(until)s, failures = coalesce(%(failures)s, failures),
       held_by = CASE WHEN %(failures)s::int IS NULL THEN held_by END
WHERE id = %(run)s AND state = %(before)s AND due_at = %(lease)s"""
