"""The statements of the evaluation: every figure is counted from runs, their ledgers and what they left behind.

A run is looked at once, its ledger by its index. The newest ``LIMIT`` runs of what is asked for are counted, so a
figure over ten years costs no more than one over its busiest part.
"""

# ruff: noqa: S608 - nothing but constants
from __future__ import annotations

from handrail.runbooks.states import ExceptionCause

LIMIT = 100_000
# Buckets of time, the newest, and rows of reasons. More would not be read.
MOST_PERIODS = 400
MOST_CAUSES = 1000

# What is asked for, in the actor's scope.
CHOSEN = f"""
chosen AS MATERIALIZED (
    SELECT run.id, run.runbook, pinned.version, run.definition_id, run.tenant_id, run.state, run.task, run.finished_at,
           run.created_at, date_trunc(%(unit)s, run.created_at, 'UTC') AS period
    FROM runbooks_operationrun run
    JOIN definitions_definition pinned ON pinned.id = run.definition_id
    JOIN access_tenant tenant ON tenant.id = run.tenant_id
    WHERE run.workspace_id = %(workspace)s
      AND (%(tenants)s::bigint[] IS NULL OR run.tenant_id = ANY(%(tenants)s))
      AND (%(since)s::timestamptz IS NULL OR run.created_at >= %(since)s)
      AND (%(until)s::timestamptz IS NULL OR run.created_at < %(until)s)
      AND (%(tenant)s = '' OR tenant.key = %(tenant)s)
      AND (%(runbook)s = '' OR run.runbook = %(runbook)s)
      AND (%(version)s::int IS NULL OR pinned.version = %(version)s)
    ORDER BY run.created_at DESC, run.id DESC LIMIT {LIMIT})"""

# Of each ended run: its ledger in one pass. ``sent``: attempts that count, as in the retry ledger.
_LEDGERS = """
ended AS MATERIALIZED (SELECT * FROM chosen WHERE finished_at IS NOT NULL),
ledgers AS MATERIALIZED (
    SELECT ended.id,
           count(*) = max(row.sequence) AND min(row.sequence) = 1 AND min(row.kind) FILTER (WHERE row.sequence = 1)
               = 'received' AND bool_or(row.kind = ended.state) AS is_whole,
           count(*) FILTER (WHERE row.kind = 'intent') AS intents,
           count(*) FILTER (WHERE row.kind = 'intent' AND row.attempt > 1) AS repeats,
           count(*) FILTER (WHERE row.kind = 'intent')
               - count(*) FILTER (WHERE row.kind = 'result' AND row.detail ->> 'class' = 'not-sent') AS sent,
           count(*) FILTER (WHERE row.kind = 'unknown' OR row.detail ->> 'class' = 'unknown') AS unknown,
           coalesce(sum((row.detail ->> 'taken_over')::int), 0) AS taken_over,
           bool_or(row.kind = 'unknown' OR row.detail ->> 'class' = 'unknown' OR jsonb_exists(row.detail, 'taken_over'))
               AS interrupted,
           count(*) FILTER (WHERE row.kind = 'reconciled') AS reconciled,
           count(*) FILTER (WHERE row.kind = 'reconciled' AND row.detail ->> 'effect' IN ('present', 'job-found'))
               AS present,
           count(*) FILTER (WHERE row.kind = 'reconciled' AND jsonb_exists(row.detail, 'then')) AS sent_again
    FROM ended JOIN runbooks_checkpoint row ON row.run_id = ended.id GROUP BY ended.id)"""

# A field is missing that the definition declares and the run knew: its task has it, or a reading or answer that the
# ledger or the packet's evidence holds.
_MISSING = """
EXISTS (
    SELECT FROM jsonb_to_recordset(coalesce(%(declared)s::jsonb -> ended.definition_id::text -> ended.state, '[]'))
        AS declared(name text, root text, path text[])
    WHERE NOT jsonb_exists(coalesce(record.fields, packet.fields, '{}'), declared.name) AND CASE declared.root
        WHEN 'task' THEN ended.task #> declared.path IS NOT NULL
        WHEN 'steps' THEN (
            SELECT row.detail -> 'answer' FROM runbooks_checkpoint row
            WHERE row.run_id = ended.id AND row.kind = 'result' AND row.step = declared.path[1]
            ORDER BY row.sequence DESC LIMIT 1) #> declared.path[2:] IS NOT NULL
        ELSE EXISTS (
            SELECT FROM runbooks_checkpoint row
            WHERE row.run_id = ended.id AND row.kind IN ('checked', 'verified')
              AND row.detail -> 'readings' #> declared.path IS NOT NULL)
          OR EXISTS (
            SELECT FROM jsonb_array_elements(packet.evidence) AS item
            WHERE item ->> 'source' = declared.path[1] AND item -> 'values' #> declared.path[2:] IS NOT NULL) END)"""

_FACTS = f"""
facts AS MATERIALIZED (
    SELECT ended.*, coalesce(ledger.is_whole, false) AS is_whole, coalesce(ledger.intents, 0) AS intents,
           coalesce(ledger.repeats, 0) AS repeats, coalesce(ledger.unknown, 0) AS unknown,
           coalesce(ledger.taken_over, 0) AS taken_over, coalesce(ledger.interrupted, false) AS interrupted,
           coalesce(ledger.reconciled, 0) AS reconciled, coalesce(ledger.present, 0) AS present,
           coalesce(ledger.sent_again, 0) AS sent_again,
           sampled.id IS NOT NULL AS is_drawn, review.verdict,
           wrong.id IS NOT NULL AS is_wrong, ordered.id IS NOT NULL AS was_stopped,
           followed.id IS NOT NULL AS is_follow_up,
           CASE ended.state
               WHEN 'completed' THEN record.id IS NOT NULL AND packet.id IS NULL AND retry.attempts = ledger.sent
               WHEN 'exception' THEN packet.id IS NOT NULL AND record.id IS NULL AND retry.attempts = ledger.sent
                   AND packet.reason <> '' AND packet.escalate_to <> ''
                   AND jsonb_array_length(packet.attempts) = ledger.intents
               ELSE record.id IS NULL AND packet.id IS NULL END IS TRUE AS has_record,
           ended.state = 'cancelled' OR NOT {_MISSING} AS has_fields
    FROM ended
    LEFT JOIN ledgers ledger ON ledger.id = ended.id
    LEFT JOIN runbooks_retryledgerentry retry ON retry.run_id = ended.id
    LEFT JOIN runbooks_completionrecord record ON record.run_id = ended.id
    LEFT JOIN runbooks_exceptionpacket packet ON packet.run_id = ended.id
    LEFT JOIN runbooks_wrongcompletion wrong ON wrong.run_id = ended.id
    LEFT JOIN runbooks_sampledrun sampled ON sampled.run_id = ended.id
    LEFT JOIN runbooks_runreview review ON review.run_id = ended.id
    LEFT JOIN runbooks_stoprequest ordered ON ordered.run_id = ended.id
    LEFT JOIN runbooks_followup followed ON followed.run_id = ended.id)"""

# One row in all, one for each runbook, for each version of it, and for each bucket of time.
RUNS = f"""
WITH {CHOSEN}, {_LEDGERS}, {_FACTS}
SELECT grouping(runbook, version, period) AS of, runbook, version, period,
       count(*) AS ended,
       count(*) FILTER (WHERE state = 'completed') AS completed,
       count(*) FILTER (WHERE state = 'completed' AND intents > 0 AND repeats = 0) AS first_time,
       count(*) FILTER (WHERE state = 'completed' AND intents = 0) AS already_as_required,
       count(*) FILTER (WHERE state = 'completed' AND NOT is_wrong AND NOT was_stopped AND NOT is_follow_up)
           AS unattended,
       count(*) FILTER (WHERE is_wrong) AS found_wrong,
       count(*) FILTER (WHERE state = 'exception') AS stopped,
       count(*) FILTER (WHERE state = 'cancelled') AS cancelled,
       count(*) FILTER (WHERE state = 'exception' AND intents = 0) AS caught_before,
       count(*) FILTER (WHERE state = 'exception' AND intents > 0) AS caught_after,
       coalesce(sum(repeats), 0)::bigint AS repeats,
       extract(epoch FROM percentile_cont(0.5) WITHIN GROUP (ORDER BY finished_at - created_at)
           FILTER (WHERE state = 'completed'))::float8 AS seconds_median,
       extract(epoch FROM percentile_cont(0.95) WITHIN GROUP (ORDER BY finished_at - created_at)
           FILTER (WHERE state = 'completed'))::float8 AS seconds_p95,
       count(*) FILTER (WHERE interrupted) AS interrupted,
       count(*) FILTER (WHERE interrupted AND state = 'completed' AND NOT is_wrong) AS recovered,
       count(*) FILTER (WHERE interrupted AND state = 'exception') AS handed_over,
       coalesce(sum(unknown), 0)::bigint AS unknown_outcomes,
       coalesce(sum(taken_over), 0)::bigint AS taken_over,
       coalesce(sum(reconciled), 0)::bigint AS reconciled,
       coalesce(sum(present), 0)::bigint AS effect_present,
       coalesce(sum(sent_again), 0)::bigint AS sent_again,
       count(*) FILTER (WHERE is_drawn) AS drawn,
       count(*) FILTER (WHERE verdict IS NOT NULL) AS reviewed,
       count(*) FILTER (WHERE verdict = 'wrong') AS wrong,
       count(*) FILTER (WHERE is_whole) AS ledgers,
       count(*) FILTER (WHERE has_record) AS records,
       count(*) FILTER (WHERE has_fields) AS fields,
       count(*) FILTER (WHERE is_whole AND has_record AND has_fields) AS complete
FROM facts GROUP BY GROUPING SETS ((), (runbook), (runbook, version), (period))
ORDER BY of, period DESC, runbook, version"""

# By cause, by reason and version, and by bucket of time. Many of one kind take the place of none of another.
CAUSES = f"""
WITH {CHOSEN}, counted AS (
    SELECT grouping(packet.reason, period) AS of, packet.cause, packet.reason, runbook, version, period, count(*),
           row_number() OVER (
               PARTITION BY grouping(packet.reason, period)
               ORDER BY period DESC, count(*) DESC, packet.cause, packet.reason, runbook, version) AS place
    FROM chosen JOIN runbooks_exceptionpacket packet ON packet.run_id = chosen.id
    GROUP BY GROUPING SETS ((packet.cause), (packet.cause, packet.reason, runbook, version), (packet.cause, period)))
SELECT of, cause, reason, runbook, version, period, count FROM counted
WHERE place <= CASE WHEN period IS NULL THEN {MOST_CAUSES} ELSE {MOST_PERIODS * len(ExceptionCause)} END
ORDER BY of, place"""

# Taken: for the first time, no matter who has it now, and whether or not somebody handed it back since.
HANDLING = f"""
WITH {CHOSEN}
SELECT count(*) FILTER (WHERE packet.handling <> 'resolved'),
       extract(epoch FROM avg(coalesce(first.at, packet.taken_at) - packet.at))::float8,
       (SELECT count(*) FROM chosen) >= {LIMIT}
FROM chosen JOIN runbooks_exceptionpacket packet ON packet.run_id = chosen.id
LEFT JOIN LATERAL (
    SELECT min(told.at) AS at FROM audit_auditevent told
    WHERE told.workspace_id = packet.workspace_id AND told.subject_kind = 'exception' AND told.subject = packet.ref
      AND told.event IN ('exception.taken', 'exception.assigned')) first ON true"""

DEFINITIONS = f"""
WITH {CHOSEN}
SELECT DISTINCT definition_id FROM chosen"""
