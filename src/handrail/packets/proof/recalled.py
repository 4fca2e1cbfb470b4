"""The recalls that a receiver has, beside a package: what was recalled is refused, with the reason's class."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from handrail.kernel.canonical import canonical_bytes
from handrail.kernel.errors import Invalid
from handrail.packets.proof import dsse, recall
from handrail.packets.proof.findings import Code, PackageFinding, Refused
from handrail.packets.proof.keys import KeyRing
from handrail.packets.proof.rules import instant_text

MAX_RECALLS = 10_000
MAX_RECALL_BYTES = 64 * 1024
SUFFIX, LINES_SUFFIX = ".json", ".jsonl"


@dataclass(frozen=True, slots=True)
class RecallFiles:
    """Envelopes of recalls, each with the name of its file, and its line where a file holds several."""

    envelopes: tuple[tuple[str, bytes], ...]

    @classmethod
    def load(cls, path: Path) -> RecallFiles:
        """One file, or every ``*.json`` and ``*.jsonl`` of a directory, by their names; ``*.JSON`` as well.

        A ``*.jsonl`` holds one recall a line, or none at all.

        Raises OSError, and Invalid, naming the file, for what is not a recall: a damaged one must not be passed over.
        """
        files = [path]
        if path.is_dir():
            files = sorted(file for file in path.iterdir() if file.suffix.lower() in (SUFFIX, LINES_SUFFIX))
        read = tuple(islice((one for file in files for one in _read(file)), MAX_RECALLS + 1))
        if len(read) > MAX_RECALLS:
            raise Invalid(f"{path} holds over {MAX_RECALLS} recalls.", code="recall")
        return cls(read)

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


def _read(file: Path) -> Iterator[tuple[str, bytes]]:
    with file.open("rb") as stream:
        if file.suffix.lower() != LINES_SUFFIX:
            yield file.name, _checked(str(file), stream.read(MAX_RECALL_BYTES + 1))
            return
        for number, line in enumerate(iter(lambda: stream.readline(MAX_RECALL_BYTES + 1), b""), start=1):
            where = f"line {number} of {file}"
            if len(line) <= MAX_RECALL_BYTES and not line.endswith(b"\n"):
                raise Invalid(f"{where} is cut off.", code="recall")
            yield f"{file.name}:{number}", _checked(where, line)


def _checked(where: str, raw: bytes) -> bytes:
    try:  # PF-51
        if len(raw) > MAX_RECALL_BYTES:
            raise Invalid(f"it is over {MAX_RECALL_BYTES} bytes", code="recall")
        envelope = raw.strip()  # a copy may have got another line end
        recall.from_payload(dsse.payload_of(envelope))
        if canonical_bytes(json.loads(envelope)) != envelope:
            raise Invalid("the envelope is not in its one canonical form", code="recall")
    except (Invalid, Refused) as error:
        raise Invalid(f"{where} is not a recall: {error}", code="recall") from None
    return envelope
