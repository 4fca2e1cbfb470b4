"""The recalls that a receiver has, beside a package: what was recalled is refused, with the reason's class."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from handrail.kernel.errors import Invalid
from handrail.packets.proof import dsse, recall
from handrail.packets.proof.findings import Code, PackageFinding, Refused
from handrail.packets.proof.keys import KeyRing
from handrail.packets.proof.rules import instant_text

MAX_RECALLS = 10_000
MAX_RECALL_BYTES = 64 * 1024
SUFFIX = ".json"


@dataclass(frozen=True, slots=True)
class RecallFiles:
    """Envelopes of recalls, each with the name of its file."""

    envelopes: tuple[tuple[str, bytes], ...]

    @classmethod
    def load(cls, path: Path) -> RecallFiles:
        """One file, or every ``*.json`` of a directory, in the order of their names; ``*.JSON`` as well.

        Raises OSError, and Invalid, naming the file, for what is not a recall: a damaged one must not be passed over.
        """
        files = sorted(one for one in path.iterdir() if one.suffix.lower() == SUFFIX) if path.is_dir() else [path]
        if len(files) > MAX_RECALLS:
            raise Invalid(f"{path} holds over {MAX_RECALLS} recalls.", code="recall")
        return cls(tuple((file.name, _read(file)) for file in files))

    def findings(self, manifest_digest: str, keys: KeyRing) -> Iterator[PackageFinding]:
        """What they say about one manifest."""
        for name, envelope in self.envelopes:
            said = recall.from_payload(dsse.payload_of(envelope))
            if said.manifest_digest != manifest_digest:
                continue
            try:
                recall.opened(envelope, keys=keys)
            except Refused as refused:  # PF-53
                text = f"a recall of this package in {name} is not believed: {refused.finding.message}"
                yield PackageFinding(Code.RECALL_NOT_BELIEVED, text, refuses=False)
            else:
                words = f" They say: {said.words}" if said.words else ""
                text = (  # PF-52
                    f"the sender recalled this package at {instant_text(said.recalled_at)} ({said.reason.value}), "
                    f"and asks you to {said.asks.value} it.{words}"
                )
                yield PackageFinding(Code.RECALLED, text)


def _read(file: Path) -> bytes:
    with file.open("rb") as stream:
        raw = stream.read(MAX_RECALL_BYTES + 1)
    try:  # PF-51
        if len(raw) > MAX_RECALL_BYTES:
            raise Invalid(f"it is over {MAX_RECALL_BYTES} bytes", code="recall")
        recall.from_payload(dsse.payload_of(raw))
    except (Invalid, Refused) as error:
        raise Invalid(f"{file} is not a recall: {error}", code="recall") from None
    return raw
