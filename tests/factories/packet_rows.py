"""Rows of packets made directly: one that a worker has not begun with. For all else there is ``factories.packets``."""

from __future__ import annotations

import itertools

from handrail.access.models import Tenant, Workspace
from handrail.definitions.models import Definition
from handrail.definitions.states import DefinitionKind
from handrail.kernel.canonical import digest
from handrail.kernel.clock import now
from handrail.kernel.ids import Prefix, new_ref
from handrail.packets.models import Packet, Revision
from handrail.packets.states import RevisionReason, RevisionState
from handrail.packets.terms import terms_of
from tests.factories import rows
from tests.unit.definitions.profile_samples import PROFILE

_number = itertools.count(1)


def profile(of: Workspace) -> Definition:
    return rows.definition(
        of, text=PROFILE, name="outage-escalation", title="Vendor escalation of an outage", kind=DefinitionKind.PACKET
    )


def packet(of: Tenant, by: Definition, *, subject: str = "") -> Packet:
    """A packet whose first revision waits for a worker."""
    given = {"tenant": of.key, "case": f"CASE-{next(_number)}"}
    subject = subject or " / ".join(given.values())
    made = Packet.objects.create(
        ref=new_ref(Prefix.PACKET),
        workspace_id=of.workspace_id,
        tenant=of,
        profile=by.name,
        lane="vendor-intake",
        inputs=given,
        inputs_digest=digest(given),
        subject=subject,
        terms=terms_of(of.workspace_id, [subject, *subject.split(" / ")]),
        salt=bytes(32),
        created_at=now(),
        created_by="dee@example.com",
    )
    Revision.objects.create(
        packet=made,
        workspace_id=of.workspace_id,
        tenant=of,
        number=1,
        definition=by,
        profile_digest=by.digest,
        cause=RevisionReason.FIRST,
        assembled_by="dee@example.com",
        created_at=now(),
        state=RevisionState.ASSEMBLING,
        updated_at=now(),
    )
    return made
