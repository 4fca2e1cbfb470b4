"""What a reference, task key, event, external ticket, case or tenant's name stands for, in the actor's scope.

What is outside it is answered like what doesn't exist: the same statements are asked, and none counts anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from handrail.access import queries as access
from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.queries import TenantSummary
from handrail.access.snapshot import snapshot
from handrail.kernel.errors import Fault, Invalid
from handrail.packets import queries as packets
from handrail.packets.queries import PacketSummary
from handrail.runbooks.queries import found as runbooks
from handrail.runbooks.queries import waves
from handrail.runbooks.queries.found import FoundException, FoundRun
from handrail.runbooks.queries.waves import WaveSummary
from handrail.support import queries as support

SHOWN = 10
TEXT_MAX = 128


class FoundKind(StrEnum):
    """The kinds, in the order in which they are shown."""

    RUN = "run"
    EXCEPTION = "exception"
    WAVE = "wave"
    PACKET = "packet"
    SUPPORT = "support-request"
    REFUSED = "refused-task"
    TENANT = "tenant"


@dataclass(frozen=True, slots=True)
class Hit:
    """``exact``: the text is its whole reference, task key, ticket, case or name. ``title`` and ``task`` are empty
    where there is none. ``opens`` and ``opens_ref``: what to look at; of a support request its run or tenant, for it
    has no page; of a refused task the list of them, and no reference."""

    ref: str
    title: str
    task: str
    tenant: str
    tenant_name: str
    state: str
    at: datetime | None
    exact: bool
    opens: FoundKind
    opens_ref: str


@dataclass(frozen=True, slots=True)
class HitGroup:
    """``more``: there are more than these in the actor's scope; a longer text finds fewer."""

    kind: FoundKind
    hits: tuple[Hit, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class FoundThings:
    """``groups``: the kinds of which something was found, those with an exact hit first. ``left_out``: the kinds that
    the actor's roles or token don't include."""

    text: str
    groups: tuple[HitGroup, ...]
    left_out: tuple[FoundKind, ...]


@snapshot()
def find(actor: Actor, text: str) -> FoundThings:
    """Up to ten of each kind. Support requests and external tickets are found by their exact reference only.

    Raises Invalid for a text that is empty or over 128 characters.
    """
    wanted = text.strip()
    if not 0 < len(wanted) <= TEXT_MAX:
        fault = Fault("text", f"expected 1 to {TEXT_MAX} characters")
        raise Invalid("This can't be looked for.", code="search-text", faults=[fault])
    groups: list[HitGroup] = []
    for kind, (capability, hits) in _KINDS.items():
        if not actor.may(capability):
            continue
        found = sorted(hits(actor, wanted), key=lambda hit: not hit.exact)
        if found:
            groups.append(HitGroup(kind, tuple(found[:SHOWN]), len(found) > SHOWN))
    groups.sort(key=lambda group: not group.hits[0].exact)
    left_out = tuple(kind for kind, (capability, _) in _KINDS.items() if not actor.may(capability))
    return FoundThings(wanted, tuple(groups), left_out)


@snapshot()
def list_visited(actor: Actor) -> list[tuple[FoundKind, Hit]]:
    """What the actor has opened last in this workspace, the latest first: of it what is still in their scope."""
    visited = access.list_visits(actor)
    found: dict[tuple[str, str], Hit] = {}
    for kind, (capability, named) in _VISITED.items():
        refs = [ref for of, ref in visited if of == kind]
        if refs and actor.may(capability):
            found |= {(kind.value, hit.ref): hit for hit in named(actor, refs)}
    return [(FoundKind(kind), found[kind, ref]) for kind, ref in visited if (kind, ref) in found]


def _runs(actor: Actor, text: str) -> Iterator[Hit]:
    for run in runbooks.find_runs(actor, text, limit=SHOWN + 1):
        yield _run(run, exact=text in {run.ref, run.task} or text.upper() == run.ref)


def _run(run: FoundRun, *, exact: bool) -> Hit:
    return Hit(
        ref=run.ref,
        title=f"{run.runbook} v{run.version}",
        task=run.task,
        tenant=run.tenant,
        tenant_name=run.tenant_name,
        state=run.state,
        at=run.created_at,
        exact=exact,
        opens=FoundKind.RUN,
        opens_ref=run.ref,
    )


def _exceptions(actor: Actor, text: str) -> Iterator[Hit]:
    for packet in runbooks.find_exceptions(actor, text, limit=SHOWN + 1):
        yield _exception(packet, exact=text.upper() == packet.ref)


def _exception(packet: FoundException, *, exact: bool) -> Hit:
    return Hit(
        ref=packet.ref,
        title=packet.message,
        task=packet.task,
        tenant=packet.tenant,
        tenant_name=packet.tenant_name,
        state=packet.handling,
        at=packet.at,
        exact=exact,
        opens=FoundKind.EXCEPTION,
        opens_ref=packet.ref,
    )


def _waves(actor: Actor, text: str) -> Iterator[Hit]:
    for wave in waves.find_waves(actor, text, limit=SHOWN + 1):
        yield _wave(wave)


def _wave(wave: WaveSummary) -> Hit:
    return Hit(
        ref=wave.ref,
        title=f"{wave.event}: {wave.runbook} v{wave.version}",
        task="",
        tenant="",
        tenant_name="",
        state=wave.state,
        at=wave.at,
        exact=True,
        opens=FoundKind.WAVE,
        opens_ref=wave.ref,
    )


def _packets(actor: Actor, text: str) -> Iterator[Hit]:
    for packet in packets.find_packets(actor, text, limit=SHOWN + 1):
        exact = text.upper() == packet.ref or text in {packet.subject, *packet.subject.split(" / ")}
        yield _packet(packet, exact=exact)


def _packet(packet: PacketSummary, *, exact: bool) -> Hit:
    return Hit(
        ref=packet.ref,
        title=packet.subject,
        task="",
        tenant=packet.tenant,
        tenant_name=packet.tenant_name,
        state=packet.revision.state,
        at=packet.created_at,
        exact=exact,
        opens=FoundKind.PACKET,
        opens_ref=packet.ref,
    )


def _requests(actor: Actor, text: str) -> Iterator[Hit]:
    for request in support.find_requests(actor, text, limit=SHOWN + 1):
        yield Hit(
            ref=request.ref,
            title=request.external_reference or "",
            task="",
            tenant=request.tenant,
            tenant_name=request.tenant_name,
            state="",
            at=request.created_at,
            exact=True,
            opens=FoundKind.RUN if request.run else FoundKind.TENANT,
            opens_ref=request.run or request.tenant,
        )


def _refused(actor: Actor, text: str) -> Iterator[Hit]:
    for task in runbooks.find_refused(actor, text, limit=SHOWN + 1):
        yield Hit(
            ref=task.task,
            title=task.message,
            task=task.task,
            tenant="",
            tenant_name="",
            state="refused",
            at=task.at,
            exact=True,
            opens=FoundKind.REFUSED,
            opens_ref="",
        )


def _tenants(actor: Actor, text: str) -> Iterator[Hit]:
    for tenant in access.find_tenants(actor, text, limit=SHOWN + 1):
        yield _tenant(tenant, exact=text == tenant.key or text.casefold() == tenant.name.casefold())


def _tenant(tenant: TenantSummary, *, exact: bool) -> Hit:
    return Hit(
        ref=tenant.key,
        title=tenant.name,
        task="",
        tenant=tenant.key,
        tenant_name=tenant.name,
        state="closed" if tenant.closed_at else "",
        at=None,
        exact=exact,
        opens=FoundKind.TENANT,
        opens_ref=tenant.key,
    )


_KINDS: dict[FoundKind, tuple[Capability, Callable[[Actor, str], Iterator[Hit]]]] = {
    FoundKind.RUN: (Capability.RUN_VIEW, _runs),
    FoundKind.EXCEPTION: (Capability.EXCEPTION_VIEW, _exceptions),
    FoundKind.WAVE: (Capability.RUN_VIEW, _waves),
    FoundKind.PACKET: (Capability.PACKET_VIEW, _packets),
    FoundKind.SUPPORT: (Capability.SUPPORT_REQUEST, _requests),
    FoundKind.REFUSED: (Capability.RUN_VIEW, _refused),
    FoundKind.TENANT: (Capability.TENANT_VIEW, _tenants),
}
_VISITED: dict[FoundKind, tuple[Capability, Callable[[Actor, list[str]], list[Hit]]]] = {
    FoundKind.RUN: (
        Capability.RUN_VIEW,
        lambda actor, refs: [_run(one, exact=True) for one in runbooks.named_runs(actor, refs)],
    ),
    FoundKind.EXCEPTION: (
        Capability.EXCEPTION_VIEW,
        lambda actor, refs: [_exception(one, exact=True) for one in runbooks.named_exceptions(actor, refs)],
    ),
    FoundKind.WAVE: (
        Capability.RUN_VIEW,
        lambda actor, refs: [_wave(one) for one in waves.named_waves(actor, refs)],
    ),
    FoundKind.PACKET: (
        Capability.PACKET_VIEW,
        lambda actor, refs: [_packet(one, exact=True) for one in packets.named_packets(actor, refs)],
    ),
    FoundKind.TENANT: (
        Capability.TENANT_VIEW,
        lambda actor, refs: [_tenant(one, exact=True) for one in access.named_tenants(actor, refs)],
    ),
}
