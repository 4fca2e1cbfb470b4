"""One small profile in which every key of ``packet/v1`` stands once, and the tables that it goes through."""

from __future__ import annotations

PROFILE = """\
handrail: packet/v1
name: outage-escalation
version: 2
title: Vendor escalation of an outage
summary: One exact packet for the vendor.
owner: support-governance@example.com
lane: {name: vendor-intake, confirmed_by: roster.lane}
audience:
  tlp: AMBER+STRICT
  recipients: [vendor-support]
  confirmed_by: roster.recipients
  shows: [service, identifier, contact]
  never: [internal-note]
signers: {threshold: 2, from: {escalation-owner: 1, privacy: 1}, never: [assembler, hold-editor]}
expires_after: 12h
hold_owner: escalation-owner

inputs:
  tenant: {type: string, pattern: "^ten_[a-z0-9]+$"}
  case: {type: string, pattern: "^CASE-[0-9]+$"}
  note?: {type: string}
tenant: inputs.tenant
tenant_confirmed_by: case.tenant_id

sources:
  case:
    connector: cases
    get: "/cases/{inputs.case}"
    version: etag
    fresh_for: 2h
    class: service
    record: id
    as_of: updated_at
    tlp: tlp
    internal: [bridge_notes]
    extract:
      id: string
      tenant_id: string
      updated_at: string
      tlp: string
      plan: string
      started_at: {at: "timeline[?kind=='impact-start'].at | [0]", type: string}
      ended_at?: {at: "timeline[?kind=='impact-end'].at | [0]", type: string}
      timeline: [object]
      tags: [string]
      count: integer
      bridge_notes: [string]
  tenant:
    connector: registry
    get: "/tenants/{case.tenant_id}"
    version: {at: /revision}
    fresh_for: 2h
    class: identifier
    entitles: true
    extract:
      id: string
      plan: string
      status: string
      entity_id: {at: /federation/entity_id, type: string}
      detail?: object
  inventory:
    connector: registry
    get: /connectors
    query: {tenant: "{tenant.id}"}
    version: taken
    fresh_for: 1h
    class: identifier
    extract: {entity_ids: {at: "items[].entity_id", type: [string]}, kinds: {at: "items[].kind", type: [string]}}
  federation:
    connector: federation
    saml: {entity: "{tenant.entity_id}", path: "/metadata/{tenant.id}"}
    version: digest
    fresh_for: 24h
    class: identifier
    extract: {entity_id: string, signed: boolean}
  roster:
    connector: cases
    get: /roster
    version: digest
    fresh_for: 24h
    class: contact
    extract: {lane: string, recipients: [string], emails: [string]}
  artifacts:
    connector: attachments
    get: "/cases/{case.id}/attachments"
    version: digest
    fresh_for: 2h
    class: service
    extract: {items: {at: items, type: [object]}}

fields:
  tenant.id!: {from: tenant.id, via: tenant-aliases}
  tenant.plan!: {from: tenant.plan, via: plan-labels, agrees: case.plan}
  connector.entity_id!: {from: tenant.entity_id, among: inventory.entity_ids, maxLength: 300}
  connector.kinds: inventory.kinds
  impact.start!: {from: case.started_at, format: date-time}
  impact.end?: {from: case.ended_at, format: date-time}
  impact.count: {from: case.count, minimum: 0, class: service}
  timeline:
    each: case.timeline
    extract: {at: string, kind: string, text: string, visibility: string, actor?: string}
    where: item.visibility != "internal"
    class: item.visibility
    at_most: 10000
    message: What happened, as far as the vendor may see it.
    show:
      at!: {from: item.at, format: date-time}
      kind: {from: item.kind, via: event-kinds, type: string}
      text: {from: item.text, multiline: true}
      actor?: item.actor
  contacts: {from: roster.emails, carries: email}
  profile.lane: profile.lane

annexes:
  each: artifacts.items
  extract: {id: string, kind: string, content_type?: string, digest: string}
  id: annex.id
  media_type: annex.content_type
  digest: annex.digest
  store: evidence
  types:
    har: {where: annex.kind == "har", clear: har/v1, class: service, at_most: 20, message: Browser captures.}
    trace: {where: annex.kind == "trace", clear: otlp/v1}
    other: {clear: never}

texts:
  forbidden: {root-cause: [root cause, caused by], credit: [service credit, refund*]}
  masks: [privacy, escalation-owner]
hosts: {vendor: [signing.example.com], identity_providers: [okta.com], identity_providers_from: tenant.entity_id}
request_ids: [X-Signing-Request]
key_ids_from: inventory.entity_ids

holds:
  unsanitised-artifact: {owner: privacy, clears: nobody, message: It was not sanitised., released_by: a clean capture}
  source-conflict: {owner: identity-owner, clears: [identity-owner, senior-support]}
  not-in-inventory: {owner: identity-owner}
  missing-lineage: {owner: escalation-owner}
  definition-changed: {owner: governance-owner}
  personal-data-in-text: {owner: privacy, clears: [privacy], masks: [privacy]}
  tenant-not-active: {when: tenant.status != "active", owner: escalation-owner, clears: nobody}
  open-ended: {when: packet.impact.end == null, scope: field, on: [impact.end], owner: lead, blocking: false}
  big-annex: {when: annex.size > 5000000 && annex.cleared, scope: annex, owner: privacy}
"""


def table(name: str, rows: str, version: int = 1) -> str:
    return f"""\
handrail: table/v1
name: {name}
version: {version}
title: {name}
owner: support-governance@example.com
of: What one side calls it, as the other does.
rows: {rows}
"""


TABLES = (
    table("tenant-aliases", "{ten_a: VND-0017, ten_b: VND-0018}"),
    table("plan-labels", "{ent: Enterprise, biz: Business}"),
    table("event-kinds", "{impact-start: start, impact-end: end, update: update}"),
)
