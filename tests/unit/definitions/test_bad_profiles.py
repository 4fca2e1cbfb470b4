# ruff: noqa: E501 — a table
"""Packet profiles that must be refused, each with the field and the line that are at fault."""

from __future__ import annotations

from functools import partial

import pytest

from handrail.connectors.saml import Metadata
from handrail.definitions.profile.annexes import SANITISERS
from handrail.definitions.profile.compiler import compile_profile
from handrail.definitions.table import CompiledTable, compile_table
from handrail.kernel.errors import Invalid
from handrail.packets import sanitise
from tests.unit.definitions.bad import FILE, Bad, edited
from tests.unit.definitions.profile_samples import PROFILE, TABLES

BAD = [
    # texts
    Bad("claim of no words", "{root-cause: [root cause, caused by]", "{root-cause: []", "texts.forbidden.root-cause", "at least 1 item"),
    Bad("claim of signs", "[root cause, caused by]", "['root cause!']", "texts.forbidden.root-cause[0]", "words of letters and digits"),
    Bad("claim of too short a beginning", "refund*", "re*", "texts.forbidden.credit[1]", "after three characters"),
    Bad("claim of too many words", "caused by", "a b c d e f g h i", "texts.forbidden.root-cause[1]", "one to 8 words"),
    Bad("claim not kebab", "{root-cause: [", "{Root_Cause: [", "texts.forbidden.Root_Cause", "kebab-case"),
    Bad("masked by nobody and somebody", "masks: [privacy, escalation-owner]", "masks: [nobody, privacy]", "texts.masks", "stands alone"),
    Bad("masked by a role that may not", "masks: [privacy, escalation-owner]", "masks: [auditor]", "texts.masks", "may not mask findings"),
    Bad("no such key of texts", "  masks: [privacy, escalation-owner]", "  mask: [privacy]", "texts.mask", "expected one of: forbidden, masks"),
    Bad("masks of another hold", "  not-in-inventory: {owner: identity-owner}", "  not-in-inventory: {owner: identity-owner, masks: privacy}", "holds.not-in-inventory.masks", "only what is found in a text"),
    Bad("carries what there is none of", "carries: email}", "carries: secret}", "fields.contacts.carries", "expected email, telephone"),
    # the shape
    Bad("other format", "packet/v1", "packet/v2", "handrail", "packet/v1"),
    Bad("duplicate key", "version: 2\n", "version: 2\nversion: 3\n", "version", "given twice", "version: 3"),
    Bad("unknown field", "expires_after:", "expires_in: 1h\nexpires_after:", "expires_in", "expected one of: handrail"),
    Bad("missing field", "hold_owner: escalation-owner\n", "", "hold_owner", "required", "handrail:"),
    Bad("no such duration", "expires_after: 12h", "expires_after: 2 days", "expires_after", "12h"),
    # lane, audience, signers
    Bad("lane not kebab", "name: vendor-intake", "name: Vendor_Intake", "lane.name", "kebab-case"),
    Bad("lane confirmed by nothing", "confirmed_by: roster.lane", "confirmed_by: roster.queue", "lane.confirmed_by", "not a value of a source"),
    Bad("lane confirmed by a list", "confirmed_by: roster.lane", "confirmed_by: roster.emails", "lane.confirmed_by", "expected string"),
    Bad("TLP label", "tlp: AMBER+STRICT", "tlp: AMBER-STRICT", "audience.tlp", "AMBER+STRICT"),
    Bad("no recipients", "recipients: [vendor-support]", "recipients: []", "audience.recipients", "at least 1 item"),
    Bad("class both shown and not", "never: [internal-note]", "never: [internal-note, contact]", "audience.never[1]", "can't be both"),
    Bad("audience confirmed by a text", "confirmed_by: roster.recipients", "confirmed_by: roster.lane", "audience.confirmed_by", "expected [string]", "confirmed_by: roster.lane\n  shows"),
    Bad("quotas over threshold", "threshold: 2", "threshold: 1", "signers.from", "more than the threshold"),
    Bad("proof of no signer", "hold-editor]", "hold-editor], proof: {privcy: passkey}", "signers.proof.privcy", "privcy is not among the signers' roles; did you mean privacy?"),
    Bad("proof unknown", "hold-editor]", "hold-editor], proof: {privacy: password}", "signers.proof.privacy", "expected"),
    Bad("assembler may sign", "never: [assembler, hold-editor]", "never: [hold-editor]", "signers.never", "expected [assembler, hold-editor]"),
    # given
    Bad("tenant undeclared", "tenant: inputs.tenant", "tenant: inputs.tenants", "tenant", "did you mean inputs.tenant"),
    Bad("tenant optional", "tenant: inputs.tenant", "tenant: inputs.note", "tenant", "required"),
    Bad("bad pattern", "^CASE-[0-9]+$", "^CASE-(", "inputs.case", "pattern"),
    # sources
    Bad("no form", '    get: "/cases/{inputs.case}"\n', "", "sources.case", "one of: get", "    connector: cases"),
    Bad("no version", "    version: etag\n", "", "sources.case.version", "required", "    connector: cases"),
    Bad("no such version", "version: etag", "version: latest", "sources.case.version", "etag, digest, taken"),
    Bad("version place malformed", "{at: /revision}", "{at: \"a[\"}", "sources.tenant.version.at", "neither a JSON pointer"),
    Bad("never fresh", "fresh_for: 2h", "fresh_for: 0s", "sources.case.fresh_for", "more than 0s"),
    Bad("source named as a root", "  federation:\n", "  packet:\n", "sources.packet", "can't name a source"),
    Bad("later source named", "/cases/{inputs.case}", "/cases/{tenant.id}", "sources.case.get", "not declared here"),
    Bad("record unknown", "record: id", "record: ident", "sources.case.record", "not among the values of this source"),
    Bad("as_of a list", "as_of: updated_at", "as_of: tags", "sources.case.as_of", "expected string"),
    Bad("inside unknown", "internal: [bridge_notes]", "internal: [bridge_note]", "sources.case.internal[0]", "did you mean bridge_notes"),
    Bad("metadata by etag", 'saml: {entity: "{tenant.entity_id}", path: "/metadata/{tenant.id}"}\n    version: digest', 'saml: {entity: "{tenant.entity_id}"}\n    version: etag', "sources.federation.version", "no ETag", "    version: etag\n    fresh_for: 24h"),
    Bad("metadata of nobody", '{entity: "{tenant.entity_id}", path: "/metadata/{tenant.id}"}', "{}", "sources.federation.saml", "entity, path", "saml: {}"),
    Bad("record of a class not seen", "    class: service\n    record: id", "    class: secret\n    record: id", "sources.case.record", "does not see class secret", "    record: id"),
    # fields
    Bad("field name", "  tenant.id!:", "  tenant.Id!:", "fields.tenant.Id!", "joined by dots"),
    Bad("field inside another", "  contacts:", "  tenant:", "fields.tenant", "inside the other", "  tenant: {from: roster"),
    Bad("field twice", "  contacts:", "  impact.count!:", "fields.impact.count!", "declared twice"),
    Bad("undeclared origin", "connector.kinds: inventory.kinds", "connector.kinds: inventory.kind", "fields.connector.kinds", "did you mean inventory.kinds"),
    Bad("what somebody typed", "contacts: {from: roster.emails, carries: email}", "contacts: inputs.case", "fields.contacts", "was typed in"),
    Bad("whole object", "contacts: {from: roster.emails, carries: email}", "contacts: tenant.detail", "fields.contacts", "not shown whole"),
    Bad("what stays inside", "contacts: {from: roster.emails, carries: email}", "contacts: case.bridge_notes", "fields.contacts", "never leaves"),
    Bad("class never seen", "minimum: 0, class: service", "minimum: 0, class: internal-note", "fields.impact.count.class", "never sees"),
    Bad("class unknown", "minimum: 0, class: service", "minimum: 0, class: gossip", "fields.impact.count.class", "not among service"),
    Bad("table of numbers", "from: case.count, minimum: 0", "from: case.count, via: plan-labels", "fields.impact.count.via", "looked up by text"),
    Bad("table unknown", "via: plan-labels", "via: plan-label", "fields.tenant.plan!.via", "did you mean plan-labels"),
    Bad("table of another type", "via: event-kinds, type: string", "via: event-kinds, type: integer", "fields.timeline.show.kind.via", "gives string"),
    Bad("type without table", "from: case.count, minimum: 0", "from: case.count, type: string", "fields.impact.count.type", "only via"),
    Bad("agrees with itself", "agrees: case.plan", "agrees: tenant.plan", "fields.tenant.plan!.agrees", "second source"),
    Bad("could never agree", "agrees: case.plan", "agrees: case.count", "fields.tenant.plan!.agrees", "could never agree"),
    Bad("inventory no list", "among: inventory.entity_ids", "among: tenant.id", "fields.connector.entity_id!.among", "expected [string]"),
    Bad("optional of what is always there", "  contacts: {from: roster.emails, carries: email}", "  contacts?: {from: roster.emails, carries: email}", "fields.contacts?", "never absent"),
    Bad("list of no records", "each: case.timeline", "each: case.tags", "fields.timeline.each", "list of records"),
    Bad("undeclared in where", 'item.visibility != "internal"', 'item.audience != "internal"', "fields.timeline.where", "item.audience is not declared"),
    Bad("class of an entry unknown", "class: item.visibility", "class: item.secrecy", "fields.timeline.class", "not declared"),
    Bad("member undeclared", "from: item.text", "from: item.texts", "fields.timeline.show.text.from", "did you mean item.text"),
    Bad("bad rule", "{from: tenant.entity_id, among: inventory.entity_ids, maxLength: 300}", '{from: tenant.entity_id, pattern: "("}', "fields.connector.entity_id!", "not a usable rule"),
    Bad("list that may be absent", "  timeline:\n", "  timeline?:\n", "fields.timeline?", "leave the ? out"),
    Bad("class of an entry no text", "class: item.visibility", "class: item.extra", "fields.timeline.class", "not declared"),
    Bad("class of a list unknown", "class: item.visibility", "class: gossip", "fields.timeline.class", "not among service"),
    Bad("word of the condition language", "  contacts:", "  contacts.in:", "fields.contacts.in", "condition language"),
    Bad("value taken twice", "      tags: [string]\n", "      tags: [string]\n      tags?: [string]\n", "sources.case.extract.tags?", "declared twice", "      tags?"),
    Bad("value taken from nowhere", "lane: string, recipients", 'lane: {at: "a[", type: string}, recipients', "sources.roster.extract.lane.at", "neither a JSON pointer"),
    Bad("array without items", "note?: {type: string}", "note?: {type: array}", "inputs.note?.items", "has items"),
    # annexes
    Bad("artifacts from a list of texts", "each: artifacts.items", "each: case.tags", "annexes.each", "list of records"),
    Bad("id that may be absent", "extract: {id: string, kind", "extract: {id?: string, kind", "annexes.id", "required text", "  id: annex.id"),
    Bad("annex of a class never seen", "class: service, at_most: 20", "class: internal-note, at_most: 20", "annexes.types.har.clear", "never sees"),
    Bad("annex of a class unknown", "class: service, at_most: 20", "class: gossip, at_most: 20", "annexes.types.har.clear", "not among service"),
    Bad("artifacts from no list", "each: artifacts.items", "each: artifacts.item", "annexes.each", "did you mean artifacts.items"),
    Bad("digest not taken", "digest: annex.digest", "digest: annex.sha256", "annexes.digest", "not among"),
    Bad("no such sanitiser", "clear: har/v1", "clear: har/v2", "annexes.types.har.clear", "threads/v1, pictures/v1 or never"),
    Bad("sort never reached", '{where: annex.kind == "trace", clear: otlp/v1}', "{clear: otlp/v1}", "annexes.types.other", "never reached", "    other:"),
    Bad("sort by an unknown name", 'annex.kind == "har"', 'annex.type == "har"', "annexes.types.har.where", "annex.type is not declared"),
    Bad("taken name of ours", "digest: string}\n  id:", "digest: string, cleared: boolean}\n  id:", "annexes.extract.cleared", "set by Handrail", "  extract: {id: string, kind"),
    # hosts
    Bad("host of one label", "[signing.example.com]", "[localhost]", "hosts.vendor[0]", "two labels"),
    Bad("host that is an address", "[signing.example.com]", "[10.1.2.3]", "hosts.vendor[0]", "two labels"),
    Bad("host with a path", "[okta.com]", '["okta.com/app"]', "hosts.identity_providers[0]", "host name"),
    Bad("host of both kinds", "[okta.com]", "[Signing.Example.com.]", "hosts", "keep one"),
    Bad("host from nowhere", "from: tenant.entity_id}", "from: tenant.entity}", "hosts.identity_providers_from[0]", "not a value of a source"),
    Bad("host from a number", "from: tenant.entity_id}", "from: case.count}", "hosts.identity_providers_from[0]", "expected string"),
    Bad("host from inside", "from: tenant.entity_id}", "from: case.bridge_notes}", "hosts.identity_providers_from[0]", "not for this audience"),
    Bad("key id from nowhere", "key_ids_from: inventory.entity_ids", "key_ids_from: inventory.keys", "key_ids_from[0]", "not a value of a source"),
    Bad("request id that lets in", "[X-Signing-Request]", "[X-Auth-Token]", "request_ids[0]", "may let somebody in"),
    # holds
    Bad("cleared by who may not", "clears: [identity-owner, senior-support]", "clears: [identity-owner, auditor]", "holds.source-conflict.clears", "auditor may not clear holds"),
    Bad("owned by who may not clear", "missing-lineage: {owner: escalation-owner}", "missing-lineage: {owner: operator}", "holds.missing-lineage.owner", "operator may not clear holds"),
    Bad("own hold without when", "missing-lineage: {owner", "missing-lineages: {owner", "holds.missing-lineages", "did you mean missing-lineage"),
    Bad("built-in hold with when", "missing-lineage: {owner", "missing-lineage: {when: case.count > 1, owner", "holds.missing-lineage.when", "finds its own reasons"),
    Bad("built-in hold with scope", "missing-lineage: {owner", "missing-lineage: {scope: annex, owner", "holds.missing-lineage.scope", "leave scope out"),
    Bad("when gives no truth", 'tenant.status != "active"', "tenant.status", "holds.tenant-not-active.when", "true or false"),
    Bad("when of an undeclared field", "packet.impact.end == null", "packet.impact.stop == null", "holds.open-ended.when", "packet.impact.stop is not declared"),
    Bad("annex in another scope", "scope: annex, owner: privacy", "scope: revision, owner: privacy", "holds.big-annex.when", "annex.size is not declared"),
    Bad("on no field", "on: [impact.end]", "on: [impact.stop]", "holds.open-ended.on[0]", "did you mean impact.start"),
    Bad("field hold without on", "scope: field, on: [impact.end],", "scope: field,", "holds.open-ended", "needs on"),
    Bad("nobody and somebody", "clears: nobody, message", "clears: [nobody, privacy], message", "holds.unsanitised-artifact.clears", "stands alone"),
    Bad("revision hold that lets pass", "owner: escalation-owner, clears: nobody}", "owner: escalation-owner, blocking: false}", "holds.tenant-not-active.blocking", "always blocks"),
]  # fmt: skip


# A list whose entries are matched with what another source says of them.
LINKED = edited(
    edited(PROFILE, "      tags: [string]\n", "      tags: [string]\n      links: [object]\n"),
    "  contacts: {from: roster.emails, carries: email}\n",
    """\
  contacts: {from: roster.emails, carries: email}
  links!:
    each: case.links
    extract: {id: string, size: integer}
    match:
      listed: {among: artifacts.items, by: {id: item.id}, unmatched: not-in-inventory, extract: {id: string, tags: [string]}}
      named: {among: artifacts.items, by: {id: item.listed.id}, extract: {id: string}}
    apart: true
    at_most: 20
    show: {id!: {from: item.named.id, agrees: item.listed.id}, size: item.size}
""",
)

BAD_MATCHES = [
    Bad("match among no list", "listed: {among: artifacts.items", "listed: {among: case.tags", "fields.links!.match.listed.among", "list of records"),
    Bad("match among nothing", "named: {among: artifacts.items", "named: {among: artifacts.item", "fields.links!.match.named.among", "did you mean artifacts.items"),
    Bad("match by what is not extracted", "by: {id: item.id}", "by: {ident: item.id}", "fields.links!.match.listed.by.ident", "not among the values"),
    Bad("match with another type", "by: {id: item.id}", "by: {id: item.size}", "fields.links!.match.listed.by.id", "expected the same"),
    Bad("match by a list", "by: {id: item.id}", "by: {tags: item.id}", "fields.links!.match.listed.by.tags", "single text or number"),
    Bad("match with a later one", "by: {id: item.id}", "by: {id: item.named.id}", "fields.links!.match.listed.by.id", "not declared here"),
    Bad("match with what was typed in", "by: {id: item.id}", "by: {id: inputs.case}", "fields.links!.match.listed.by.id", "was typed in"),
    Bad("match named as a value", "      named: {among", "      size: {among", "fields.links!.match.size", "choose another name"),
    Bad("match held as something else", "unmatched: not-in-inventory", "unmatched: unfit-value", "fields.links!.match.listed.unmatched", "not-in-inventory"),
    Bad("matched value undeclared", "from: item.named.id", "from: item.named.ident", "fields.links!.show.id!.from", "did you mean item.named.id"),
    Bad("many entries apart", "at_most: 20\n    show: {id", "at_most: 2000\n    show: {id", "fields.links!.at_most", "expected at_most: 100", "at_most: 2000"),
    Bad("matched value of a class that is not shown", "listed: {among: artifacts.items, by: {id: item.id}", "listed: {among: hidden.items, by: {id: item.id}", "fields.links!.show.size", "not among service", "    show: {id!: {from: item.named"),
]  # fmt: skip
HIDDEN = """\
  hidden:
    connector: registry
    get: /hidden
    version: taken
    fresh_for: 1h
    class: gossip
    extract: {items: [object]}

fields:
"""


@pytest.mark.parametrize("bad", BAD_MATCHES, ids=lambda bad: bad.name)
def test_compile_refuses_a_bad_match(bad: Bad) -> None:
    good = edited(LINKED, "\nfields:\n", HIDDEN).replace("size: item.size", "size: item.listed.tags")
    good = good if "class" in bad.name else LINKED
    bad.check(good, partial(compile_profile, file=FILE, tables=tables()))


def test_metadata_of_every_entity_or_of_one_but_not_both() -> None:
    one = 'saml: {entity: "{tenant.entity_id}", path: "/metadata/{tenant.id}"}'
    every = edited(
        edited(PROFILE, one, "saml: {every: true}"), "entity_id: string, signed", "entities: [object], signed"
    )
    assert compile_profile(every).operation("federation", {}) == Metadata(every=True)
    Bad("both", 'path: "/metadata/{tenant.id}"}', "every: true}", "sources.federation.saml.every", "or entity").check(
        PROFILE, partial(compile_profile, file=FILE)
    )


def tables() -> dict[str, CompiledTable]:
    return {table.name: table for table in map(compile_table, TABLES)}


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_compile_refuses(bad: Bad) -> None:
    bad.check(PROFILE, partial(compile_profile, file=FILE, tables=tables()))


def test_compile_tells_many_faults_at_once() -> None:
    text = PROFILE
    for old, new in (
        ("threshold: 2", "threshold: 1"),
        ("record: id", "record: ident"),
        ("each: case.timeline", "each: case.tags"),
        ("clear: har/v1", "clear: har/v2"),
        ("on: [impact.end]", "on: [impact.stop]"),
    ):
        text = edited(text, old, new)
    with pytest.raises(Invalid) as refusal:
        compile_profile(text)
    fields = [fault.where for fault in refusal.value.faults]
    assert fields == [
        "signers.from", "sources.case.record", "fields.timeline.each", "annexes.types.har.clear", "holds.open-ended.on[0]",
    ]  # fmt: skip


def test_sanitisers_are_those_that_there_are() -> None:
    assert set(SANITISERS) == set(sanitise.SANITISERS)


def test_profile_digest_is_of_what_it_says_not_of_how_it_is_laid_out() -> None:
    laid_out = edited(PROFILE, "name: outage-escalation\nversion: 2\n", "version: 2\n\nname: outage-escalation\n")
    assert compile_profile(laid_out).digest == compile_profile(PROFILE).digest


@pytest.mark.requirement("P-07")
def test_schema_of_the_packet_is_closed_throughout() -> None:
    def objects(schema: object) -> list[dict[str, object]]:
        if isinstance(schema, list):
            return [one for item in schema for one in objects(item)]
        if not isinstance(schema, dict):
            return []
        inner = [one for item in schema.values() for one in objects(item)]
        return [*inner, schema] if schema.get("type") == "object" else inner

    found = objects(dict(compile_profile(PROFILE).schema))
    assert len(found) > 8
    assert all(one["additionalProperties"] is False for one in found)


def test_given_is_refused_in_its_own_words() -> None:
    with pytest.raises(Invalid) as refusal:
        compile_profile(PROFILE).validate_inputs({"tenant": "TEN", "note": 5})
    assert [fault.where for fault in refusal.value.faults] == ["inputs.tenant", "inputs.case", "inputs.note"]
    with pytest.raises(Invalid) as refusal:
        compile_profile(PROFILE).validate_inputs({"tenant": "ten_a", "case": "CASE-1", "cause": "x"})
    assert "does not declare" in refusal.value.faults[0].message
