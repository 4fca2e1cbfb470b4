"""``trace.json``: for everything that the packet shows, its origin and the rule that made it. It holds no values."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic import JsonValue

from handrail.definitions.profile.compiled import CompiledField, CompiledListField, CompiledProfile
from handrail.definitions.table import CompiledTable
from handrail.kernel.hostile import clean_text
from handrail.packets.assembly.fields import ENTRIES, Made, MadeList
from handrail.packets.assembly.register import HoldRegister
from handrail.packets.assembly.results import Annex, instant
from handrail.packets.assembly.snapshots import SourceSnapshot

MIN_WITHHELD = 3
_PROFILE = "profile"
_DIGEST = "sha256:"
# A token that may be a digest of the answer (ETags often are) could be found by trying, as a digest could.
_LIKE_A_DIGEST = re.compile(r"[A-Za-z0-9+/_-]{16}")


class Tracer:
    """Writes lineage. Record ids and version tokens in which a withheld value could be read, or in which ``finds``
    finds what no text may say, are given salted.

    So are all digests of what sources answered: a short answer with one unknown value could be found by trying.
    """

    def __init__(
        self,
        profile: CompiledProfile,
        snapshots: Mapping[str, SourceSnapshot],
        tables: Mapping[str, CompiledTable],
        register: HoldRegister,
        *,
        withheld: Iterable[str],
        finds: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self.profile = profile
        self.snapshots = snapshots
        self.tables = tables
        self.register = register
        self.finds = finds
        self.withheld = tuple({text.casefold() for text in withheld if len(text) >= MIN_WITHHELD})
        self.sources = {name: self._source(name, snapshot) for name, snapshot in snapshots.items()}

    def _source(self, name: str, snapshot: SourceSnapshot) -> dict[str, JsonValue]:
        named = self.profile.sources[name].record is not None and self.profile.sources[name].record in snapshot.values
        version = snapshot.version
        state: list[JsonValue] = [name, snapshot.record, version]
        return {
            "record": self._safe("record", name, snapshot.record, plain=named),
            "version": version and self._safe("version", name, version, plain=not _LIKE_A_DIGEST.search(version)),
            "digest": self.register.sign("answer", name, snapshot.raw_digest),
            "read_at": instant(snapshot.read_at),
            "state": self.register.sign("state", *state),
        }

    def _safe(self, kind: str, name: str, text: str, *, plain: bool) -> str:
        """The text itself only where the profile shows it and nothing withheld can be read in it."""
        lowered = text.casefold()
        if plain and not any(secret in lowered for secret in self.withheld) and not self.finds(text):
            return text
        return f"{kind}-{self.register.sign(kind, name, text).removeprefix(_DIGEST)[:32]}"

    def field(self, made: Made) -> dict[str, JsonValue]:
        return {**self._value(made.spec), **_held(made.held), **_masked(made.masked)}

    def list(self, made: MadeList) -> dict[str, dict[str, JsonValue]]:
        """The list's lineage under its path, and that of each member of its entries under ``path[].member``.

        ``entries`` are the places in the source's list, in the order of the packet's.
        """
        spec = made.spec
        indices: list[JsonValue] = [entry.index for entry in made.entries]
        where = f" where {spec.where.source}" if spec.where else ""
        own = self._from(spec.origin, f"each of {spec.origin}{where}")
        found = {spec.path: {**own, "entries": indices, **_held(made.held)}}
        for member in spec.show:
            inner = self._value(member, within=spec)
            found[f"{spec.path}{ENTRIES}.{member.path}"] = {**inner, **_masked(made.masked.get(member.path, {}))}
        return found

    def annex(self, annex: Annex) -> dict[str, Any]:
        return {
            "sanitiser": annex.sanitiser,
            "rules": annex.rule_version,
            "digest": annex.cleared_digest,
            "record": self.register.sign("artifact", annex.artifact),
            "report": dict(annex.report),
        }

    def _value(self, spec: CompiledField, within: CompiledListField | None = None) -> dict[str, JsonValue]:
        words = [f"from {spec.origin}"]
        if spec.agrees:
            words.append(f"agreeing with {', '.join(spec.agrees)}")
        if spec.among:
            words.append(f"among {spec.among}")
        if spec.via:
            words.append(f"via {spec.via}")
        found = self._from(spec.origin, ", ".join(words), within)
        others = [*spec.agrees, *([spec.among] if spec.among else [])]
        if others:
            found["compared"] = [self._from(name, "", within) for name in others]
        table = self.tables.get(spec.via) if spec.via else None
        if table is not None:
            found["via"] = {"table": table.name, "version": table.version, "digest": table.digest}
        return found

    def _from(self, name: str, rule: str, within: CompiledListField | None = None) -> dict[str, JsonValue]:
        """Source, record, path, version and digest of a dotted name."""
        root, _, rest = name.partition(".")
        path = ""
        if root == "item" and within is not None:
            origin, path = _in_item(within, rest)
            outer, _, value = origin.partition(".")
            path = f"{self.profile.sources[outer].place_of(value)} · {path}"
            root = outer
        elif root == _PROFILE:
            return self._of_profile(rest, rule)
        else:
            path = self.profile.sources[root].place_of(rest)
        source = self.sources[root]
        found: dict[str, JsonValue] = {
            "source": root,
            "record": source["record"],
            "path": clean_text(path, limit=1000),
            "version": source["version"],
            "digest": source["digest"],
        }
        return {**found, "rule": rule} if rule else found

    def _of_profile(self, name: str, rule: str) -> dict[str, JsonValue]:
        found: dict[str, JsonValue] = {
            "source": _PROFILE,
            "record": self.profile.name,
            "path": f"/{name}",
            "version": str(self.profile.version),
            "digest": self.profile.digest,
        }
        return {**found, "rule": rule} if rule else found


def _in_item(within: CompiledListField, name: str) -> tuple[str, str]:
    """The list that a value of an entry is from, and its place in a record of it."""
    matched, _, value = name.rpartition(".")
    if not matched:
        return within.origin, within.values[name].extracts[name][0]
    match = next(one for one in within.matches if one.name == matched)
    return match.among, match.values[value].extracts[value][0]


def _masked(counts: Mapping[str, int]) -> dict[str, JsonValue]:
    """The rule that put marks into a text, and how many for each kind of what stood there."""
    return {"masked": {"rule": "masked", "kinds": dict(sorted(counts.items()))}} if counts else {}


def _held(codes: list[str]) -> dict[str, JsonValue]:
    return {"held": [*codes]} if codes else {}
