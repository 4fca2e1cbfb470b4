"""What the sources of a stopped run said when a person had them read once more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from handrail.runbooks import accounts
from handrail.runbooks.models import ExceptionPacket, Rereading


@dataclass(frozen=True, slots=True)
class ReadAgain:
    """One declared value: as it was ``before`` the run acted, as the ``packet`` has it, and ``now``; each None where it
    is not known. ``required``: the conditions that name it. ``differs``: now is another value than the run read last.
    ``withheld``: the packet may not carry it, so none is shown."""

    name: str
    before: Any
    packet: Any
    now: Any
    required: list[str]
    differs: bool
    withheld: bool


@dataclass(frozen=True, slots=True)
class Reread:
    """``unread``: by read, why it could not be made. ``earlier``: how often the sources were read before that."""

    at: datetime
    by: str
    rows: list[ReadAgain]
    unread: dict[str, str]
    evidence: list[dict[str, Any]]
    earlier: int


def latest(packet: ExceptionPacket) -> Reread | None:
    """What was read last, beside what the packet holds; the values that differ first."""
    found = list(Rereading.objects.filter(packet=packet).order_by("-pk")[:1])
    if not found:
        return None
    (row,) = found
    rows = _beside(packet, row)
    earlier = Rereading.objects.filter(packet=packet).count() - 1
    return Reread(row.at, row.by, rows, row.unread, row.evidence, earlier)


def _beside(packet: ExceptionPacket, row: Rereading) -> list[ReadAgain]:
    state = {one["name"]: one for one in accounts.of(packet.run).get("state", [])}
    names = dict.fromkeys([*state, *row.values, *row.withheld])
    found = [
        ReadAgain(
            name=name,
            before=state.get(name, {}).get("before"),
            packet=state.get(name, {}).get("after", packet.fields.get(name)),
            now=row.values.get(name),
            required=state.get(name, {}).get("required", []),
            differs=name in row.differing,
            withheld=name in row.withheld or bool(state.get(name, {}).get("withheld")),
        )
        for name in names
        if name in state or name in row.values or name in row.differing
    ]
    return sorted(found, key=lambda one: not one.differs)
