"""A person's way through a revision: what of it they have seen, section by section, and what is next."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from handrail.packets.queries import PacketDetail, SeenThing

# What a section of the page shows, by the files that it shows: values and where they come from stand side by side.
SECTIONS = {"leaves": ("packet.json", "trace.json"), "holds": ("holds.json",)}
ANNEXES = "annexes/"


@dataclass(frozen=True, slots=True)
class SeenSection:
    """One place to look at. ``id``: its anchor. ``digests``: what of it the actor has not seen; none: they have seen
    it. ``others``: how many others have. ``next``: the anchor of what to look at next."""

    id: str
    name: str
    digests: tuple[str, ...]
    others: int
    next: str
    may_mark: bool

    @property
    def done(self) -> bool:
        return not self.digests


@dataclass(frozen=True, slots=True)
class SeenWay:
    """All sections in reading order. ``seen`` of ``total`` files. ``rest``: those that no section of the page shows."""

    sections: tuple[SeenSection, ...]
    seen: int
    total: int

    @property
    def missing(self) -> tuple[SeenSection, ...]:
        return tuple(one for one in self.sections if not one.done)

    @property
    def whole(self) -> bool:
        return not self.missing

    @property
    def leaves(self) -> SeenSection | None:
        return self._named("leaves")

    @property
    def holds(self) -> SeenSection | None:
        return self._named("holds")

    @property
    def rest(self) -> tuple[SeenSection, ...]:
        return tuple(one for one in self.sections if one.id.startswith("file-"))

    def annex(self, path: str) -> SeenSection | None:
        return self._named(anchor(path))

    def _named(self, id_: str) -> SeenSection | None:
        return next((one for one in self.sections if one.id == id_), None)


def anchor(path: str) -> str:
    """The part of the page that shows a file."""
    section = next((id_ for id_, paths in SECTIONS.items() if path in paths), None)
    if section is not None:
        return section
    name = path.removeprefix(ANNEXES).replace("/", "-").replace(".", "-")
    return f"annex-{name}" if path.startswith(ANNEXES) else f"file-{name}"


def way(detail: PacketDetail) -> SeenWay:
    grouped: dict[str, list[SeenThing]] = {id_: [] for id_ in ("holds", "leaves")}
    for one in detail.seen:
        grouped.setdefault(anchor(one.path), []).append(one)
    found = {id_: things for id_, things in grouped.items() if things}
    open_ids = [id_ for id_, things in found.items() if not all(one.by_you for one in things)]
    return SeenWay(
        sections=tuple(
            SeenSection(
                id=id_,
                name=_name(id_, things),
                digests=tuple(one.digest for one in things if not one.by_you),
                others=min(one.others for one in things),
                next=next((other for other in open_ids if other != id_), "decision-h"),
                may_mark=detail.why_not_mark_seen is None,
            )
            for id_, things in found.items()
        ),
        seen=sum(one.by_you for one in detail.seen),
        total=len(detail.seen),
    )


def _name(id_: str, things: Iterable[SeenThing]) -> str:
    if id_ in SECTIONS:
        return {"leaves": "what leaves", "holds": "what is held"}[id_]
    path = next(iter(things)).path
    return path.removeprefix(ANNEXES).rpartition(".")[0] or path
