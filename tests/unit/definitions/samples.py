# ruff: noqa: E501 — the texts are written as an author would
"""Definitions that the tests begin with."""

from __future__ import annotations

RUNBOOK = """\
handrail: runbook/v1
name: entitlement-resync
version: 3
title: Resynchronise admin entitlements
summary: Starts the resynchronisation job and verifies the roles.
owner: support-governance@example.com
escalate_to: senior-support
task:
  tenant_id: {type: string, pattern: "^ten_[a-z0-9]+$"}
  admins: {type: array, items: {type: string, format: email}, minItems: 1, maxItems: 20}
  role: {type: string}
  seats: {type: integer, minimum: 1}
  ratio: {type: number}
  note?: {type: string, maxLength: 100}
  retry_budget: {type: integer, minimum: 0}
tenant: task.tenant_id
subject: [task.tenant_id, task.role]
retry_budget: {task: retry_budget, at_most: 5}
reads:
  tenant:
    connector: registry
    get: "/tenants/{task.tenant_id}"
    query: {expand: plan, role: "{task.role}", page: 1}
    extract:
      id: string
      tier: {at: /plan/tier, type: string}
      seats: integer
      regions: [string]
      note?: string
      meta?: object
  holders:
    connector: roles
    scim: Users
    filter: 'roles.value eq "{task.role}"'
    attributes: [userName]
    extract: {user_names: {at: "[].userName", type: [string]}}
  entitlement:
    connector: entitlements
    get: "/entitlements/{tenant.id}"
    extract: {marker: string}
  job:
    connector: estate
    get: "/runs/{steps.resynchronise.id}"
    extract: {state: string}
prerequisites:
  - condition: tenant.id == task.tenant_id
    reason: tenant-mismatch
    message: The task names another tenant than the registry.
  - condition: tenant.tier != "frozen"
    reason: contract-question
    kind: boundary
steps:
  - name: resynchronise
    effect: mutating
    deduplicates: true
    call: {connector: sync-jobs, start: entitlement-resync, with: {tenant: "{task.tenant_id}", admins: "{task.admins}", text: "for {task.role}"}}
    answer: {id: string, status: string, skipped?: integer}
    poll: {every: 1s, within: 60s}
    result:
      succeeded: [{status: [200], when: answer.status == "done" && answer.skipped == 0}]
      pending: [{status: [200, 202], when: 'answer.status in ["queued", "running"]'}]
      retryable: [{status: [429, 502, 503], as: busy}, {failure: [dns, connect, timeout-before-send]}]
      terminal: [{status: [400, 403, 404, 422]}]
    retry: {attempts: 3, initial: 2s, backoff: 2, ceiling: 30s, classes: {busy: {initial: 5s}}}
    verify:
      reads: [holders, entitlement, job]
      within: 60s
      every: 2s
      conditions:
        - {condition: "task.admins.all(a, a in holders.user_names)", reason: role-absent}
        - {condition: "entitlement.marker.startsWith('resync:')", reason: audit-marker-absent}
      unchanged: [tenant.tier]
      guards:
        - {condition: "holders.user_names.all(u, u in before.holders.user_names || u in task.admins)", reason: broader-grant, kind: boundary}
  - name: notify
    title: Tell the ledger
    effect: mutating
    call: {connector: ledger, put: "/notes/{steps.resynchronise.id}", json: {state: "{job.state}", seats: "{task.seats}"}}
    result:
      succeeded: [{status: [200, 204]}]
      retryable: [{failure: [connect]}]
    retry: {attempts: 2}
    verify:
      reads: [entitlement]
      conditions: [{condition: "entitlement.marker != ''", reason: note-absent}]
completion: {copy: [task.tenant_id, entitlement.marker, steps.resynchronise.id, job.state]}
exception: {copy: [task.tenant_id, tenant.tier, holders.user_names]}
checkpoints: {invoked: Job started}
"""

TABLE = """\
handrail: table/v1
name: plan-codes
version: 1
title: Plan codes
owner: support-governance@example.com
of: The registry's plan code, as the vendor calls it.
rows:
  P-100: Basic
  P-200: Business
"""
