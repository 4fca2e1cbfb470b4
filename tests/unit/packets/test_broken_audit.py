"""When the audit event can't be written, nothing else is. The database itself refuses the insert: no mock stands in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, transaction

from handrail.connectors import lane as lanes
from handrail.definitions.states import DefinitionKind
from handrail.kernel.clock import now
from handrail.kernel.secrets import Secret, Secrets
from handrail.packets.actions import (
    assembling,
    delivering,
    exporting,
    holds,
    listening,
    previewing,
    recalling,
    redacting,
    releasing,
    seeing,
    settling,
    uploading,
    votes,
    watching,
)
from handrail.packets.models import AnnexRow, HoldRow, Revision
from handrail.packets.proof import dsse
from handrail.packets.proof.keys import KeyRing
from handrail.packets.proof.recall import RecallReason, RecallRequest
from handrail.packets.proof.reply import ReplyKind, ReplyReason, VendorReply
from tests.factories.installation import define
from tests.factories.packets import LANE, Packets, everything, retire
from tests.unit.packets.assembly.estate import event
from tests.unit.packets.pictures import samples
from tests.unit.packets.pictures.profiles import with_pictures
from tests.unit.packets.proof.making import OTHER_KEY
from tests.unit.packets.test_watching import WATCHED

Act = Callable[[], Any]
REFUSE = """
CREATE FUNCTION test_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no audit'; END $$;
CREATE TRIGGER test_refuse BEFORE INSERT ON audit_auditevent FOR EACH ROW EXECUTE FUNCTION test_refuse();
"""


def approved(desk: Packets) -> Revision:
    revision = desk.assemble()
    desk.approve(revision, "ada", "ben")
    return revision


def of(revision: Revision, desk: Packets, name: str) -> dict[str, Any]:
    return {"ref": revision.packet.ref, "revision": revision.number, "by": desk.person(name)}


def building(desk: Packets) -> Act:
    asked = assembling.request(profile="outage-escalation", inputs=desk.inputs(), by=desk.person("dee"))
    return lambda: assembling.build(revision_id=asked.id, by=desk.worker)


def clearing(desk: Packets) -> Act:
    desk.sources.case["plan"] = "biz"
    revision = desk.assemble()
    hold = HoldRow.objects.get(revision=revision, code="source-conflict")
    return lambda: holds.clear(
        **of(revision, desk, "eve"), code=hold.code, target=hold.target, reason="They mean the same."
    )


def masking(desk: Packets) -> Act:
    desk.sources.case["timeline"].append(event("update", "The password is swordfish."))
    revision = desk.assemble()
    hold = HoldRow.objects.get(revision=revision, code="secret-in-text")
    return lambda: holds.mask(
        **of(revision, desk, "cy"), code=hold.code, targets=[hold.target], reason="Changed since."
    )


def clearing_all(desk: Packets) -> Act:
    desk.sources.case["plan"] = "biz"
    revision = desk.assemble()
    hold = HoldRow.objects.get(revision=revision, code="source-conflict")
    named = {"code": hold.code, "targets": [hold.target], "reason": "They mean the same."}
    return lambda: holds.clear_all(**of(revision, desk, "eve"), **named)  # type: ignore[arg-type]


def approving(desk: Packets) -> Act:
    revision = desk.assemble()
    digest = str(revision.assembly.manifest_digest)
    return lambda: votes.approve(**of(revision, desk, "ada"), digest=digest, seen=everything(revision))


def seeing_all(desk: Packets) -> Act:
    revision = desk.assemble()
    return lambda: seeing.mark(**of(revision, desk, "ada"), digests=everything(revision))


def drifting(desk: Packets) -> Act:
    act = approving(desk)
    desk.sources.case["count"] = 9
    return act


def consuming(desk: Packets) -> Act:
    revision = desk.released()
    desk.deliver(revision)
    desk.vendor.consume(str(revision.assembly.manifest_digest))
    return lambda: delivering.deliver(revision_id=revision.pk, by=desk.worker)


def superseding(desk: Packets) -> Act:
    revision = desk.released()
    return lambda: assembling.again(ref=revision.packet.ref, reason="Late trace.", by=desk.person("dee"))


def asking(desk: Packets) -> Act:
    revision = desk.assemble()
    return lambda: assembling.again(ref=revision.packet.ref, reason="Late trace.", by=desk.person("dee"))


def ending(way: str) -> Callable[[Packets], Act]:
    def prepare(desk: Packets) -> Act:
        revision = approved(desk)
        return lambda: getattr(votes, way)(**of(revision, desk, "ada"), reason="No.")

    return prepare


def previewing_one(desk: Packets) -> Act:
    return lambda: previewing.preview(profile="outage-escalation", inputs=desk.inputs(), by=desk.person("dee"))


def discarding(desk: Packets) -> Act:
    revision = desk.assemble()
    return lambda: assembling.discard(ref=revision.packet.ref, reason="By mistake.", by=desk.person("dee"))


def releasing_one(desk: Packets) -> Act:
    revision = approved(desk)
    return lambda: releasing.release(**of(revision, desk, "ada"))


def exporting_one(desk: Packets) -> Act:
    revision = desk.released()
    return lambda: exporting.export(**of(revision, desk, "ada"), directory=desk.sources)  # type: ignore[arg-type]


def packaging(desk: Packets) -> Act:
    revision = desk.released()
    return lambda: exporting.package(**of(revision, desk, "ada"))


def taking(desk: Packets) -> Act:
    revision = desk.assemble()
    return lambda: exporting.document(**of(revision, desk, "ada"), name="packet.json")


def writing(desk: Packets) -> Act:
    revision = desk.assemble()
    named = {"name": "packet.json", "directory": desk.sources}
    return lambda: exporting.write_document(**of(revision, desk, "ada"), **named)  # type: ignore[arg-type]


def pictured(desk: Packets) -> Revision:
    """A revision with a screenshot that nobody has redacted."""
    with_pictures(desk)
    desk.sources.attach("ATT-9", "picture", samples.screenshot())
    return desk.assemble()


def picturing(name: str, **more: Any) -> Callable[[Packets], Act]:
    def prepared(desk: Packets) -> Act:
        revision = pictured(desk)
        row = AnnexRow.objects.get(revision=revision, name="picture-1")
        given = {"original_digest": row.original_digest} if name == "redact" else {}
        named = {"ref": revision.packet.ref, "revision": revision.number, "annex": row.name, "by": desk.person("eve")}
        return lambda: getattr(redacting, name)(**named, **given, **more)

    return prepared


def attesting(desk: Packets) -> Act:
    done = picturing("redact", boxes=[[1, 0, 0, 9, 9]])(desk)()
    row = desk.newest
    named = {"ref": row.packet.ref, "revision": row.number, "annex": "picture-1", "by": desk.person("cy")}
    return lambda: redacting.attest(**named, digest=done.result_digest)


def recalling_one(desk: Packets) -> Act:
    revision = desk.released()
    named = {"ref": revision.packet.ref, "revision": 1, "by": desk.person("cy"), "reason": "Wrong."}
    return lambda: recalling.recall(cause=RecallReason.WRONG_CONTENT, asks=RecallRequest.DELETE, **named)  # type: ignore[arg-type]


def recalls_exported(desk: Packets) -> Act:
    lane = desk.released().packet.lane
    return lambda: recalling.export(lane=lane, by=desk.person("ada"))


def answered(desk: Packets, kind: ReplyKind, **said: Any) -> Revision:
    """The vendor has replied, and nobody has read it."""
    revision = desk.released()
    desk.deliver(revision)
    digest = str(revision.assembly.manifest_digest)
    desk.vendor.answers[digest] = [dsse.sign(VendorReply(digest, LANE, 1, kind, now(), **said).payload(), OTHER_KEY)]
    return revision


def hearing(desk: Packets) -> Act:
    revision = answered(desk, ReplyKind.REJECTED, reasons=(ReplyReason("no-capture", "It ends too early."),))

    def act() -> None:
        with lanes.use(lanes.Lanes({LANE: desk.vendor}, {LANE: KeyRing.of([OTHER_KEY.public]).to_pem()})):
            desk.deliver(revision)

    return act


def settling_one(desk: Packets) -> Act:
    hearing(desk)()
    desk.assemble()
    return lambda: settling.settle(**of(desk.newest, desk, "eve"), key="1.1", reason="Taken again.")


def watching_one(desk: Packets) -> Act:
    retire(DefinitionKind.PACKET)
    define(desk.workspace, WATCHED.replace("version: 2", "version: 3"), DefinitionKind.PACKET)
    revision = desk.released()
    desk.deliver(revision)
    desk.sources["/tenants/ten_a"]["plan"] = "biz"
    desk.sources["/tenants/ten_a"]["revision"] = 5
    Revision.objects.filter(pk=revision.pk).update(watch_at=now(), due_at=now())
    return lambda: desk.deliver(revision)


def addressing(desk: Packets) -> Act:
    revision = desk.released()
    lane = lanes.Lanes.open(lanes.parse({LANE: {"kind": "upload", "origins": ["https://x.example"]}}), Secrets({}))
    named = {"ref": revision.packet.ref, "revision": 1, "by": desk.person("ada")}
    address = Secret("https://x.example/put")

    def act() -> None:
        with lanes.use(lane):
            uploading.give_address(address=address, expires_at=now() + timedelta(hours=1), **named)  # type: ignore[arg-type]

    return act


def confirming(desk: Packets) -> Act:
    desk.vendor.abilities, desk.vendor.script = frozenset(), ["lost"]
    revision = desk.released()
    desk.deliver(revision)
    named = {"ref": revision.packet.ref, "revision": 1, "by": desk.person("ada")}
    return lambda: uploading.confirm(arrived=True, reason="They say so.", **named)  # type: ignore[arg-type]


ACTIONS: dict[str, Callable[[Packets], Act]] = {
    "give_address": addressing,
    "confirm": confirming,
    "recall": recalling_one,
    "hear": hearing,
    "settle": settling_one,
    "look-at-sources": watching_one,
    "export-recalls": recalls_exported,
    "again": asking,
    "again-after-release": superseding,
    "build": building,
    "clear": clearing,
    "clear_all": clearing_all,
    "mark": seeing_all,
    "mask": masking,
    "approve": approving,
    "approve-after-drift": drifting,
    "reject": ending("reject"),
    "withdraw": ending("withdraw"),
    "discard": discarding,
    "preview": previewing_one,
    "release": releasing_one,
    "consume": consuming,
    "export": exporting_one,
    "package": packaging,
    "document": taking,
    "write_document": writing,
    "look": picturing("look"),
    "page": picturing("page", number=1, boxes=()),
    "redact": picturing("redact", boxes=[[1, 0, 0, 9, 9]]),
    "attest": attesting,
}


def rows() -> dict[str, list[Any]]:
    """Every row of the slice."""
    return {
        model.__name__: list(model.objects.order_by("pk").values())
        for model in apps.get_app_config("packets").get_models()
    }


@pytest.mark.parametrize("name", ACTIONS)
def test_a_broken_audit_insert_undoes_the_action(desk: Packets, name: str) -> None:
    act = ACTIONS[name](desk)
    before = rows()
    with connection.cursor() as cursor:
        cursor.execute(REFUSE)
    with pytest.raises(DatabaseError), transaction.atomic():
        act()
    assert rows() == before


def test_every_action_is_tried() -> None:
    tried = {name.partition("-")[0] for name in ACTIONS}
    modules = {"assembling": assembling, "holds": holds, "votes": votes, "exporting": exporting, "releasing": releasing}
    modules |= {"seeing": seeing, "redacting": redacting, "recalling": recalling, "uploading": uploading}
    modules |= {"settling": settling, "listening": listening, "watching": watching}
    public = {
        name
        for module in modules.values()
        for name, value in vars(module).items()
        if callable(value) and not name.startswith("_") and value.__module__ == module.__name__ and name.islower()
    }
    # Those that only queue, or go by the actions above: a worker's go at one, sweeps, and ``request``, as ``again``.
    public -= {"result"}  # it is no original: what would leave is looked at like any document before it leaves
    public -= {"advance", "deliver", "expire", "expire_all", "request"}
    public -= {"is_due", "sooner", "rest", "is_over", "next_at", "ring"}  # they decide when, and write nothing
    public -= {"begin"}  # what was asked to be signed counts for nothing until it is
    assert public <= tried
