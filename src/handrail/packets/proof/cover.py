"""The cover sheet of a package: in plain words, made of the signed documents alone, the same bytes on every machine.

Both files follow from manifest, approvals, ``packet.json`` and ``holds.json``. Nothing here may go by tables that
differ between versions of Python, such as those of Unicode, so that a receiver's Handrail writes what the sender's
wrote.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from handrail.kernel.canonical import canonical_bytes
from handrail.kernel.errors import Invalid
from handrail.packets.proof import sheet
from handrail.packets.proof.approvals import Approval, Approvals, proof_words
from handrail.packets.proof.bag import COVERS
from handrail.packets.proof.manifest import Manifest, Tlp
from handrail.packets.proof.sheet import CoverEntry, CoverPage, CoverSection

TEXT, HTML = COVERS
# What a cover is made of, beside manifest and approvals.
COVERED: Final = ("packet.json", "holds.json")
# A document of more than this is not read for the cover: the receiver needs no more memory than for two of these.
MAX_DOCUMENT_BYTES: Final = 16 * 1024 * 1024
MAX_ENTRIES: Final = 200  # PF-43

_PASSED_ON: Mapping[Tlp, str] = {
    Tlp.RED: "to nobody but the named recipients",
    Tlp.AMBER_STRICT: "within your organisation, to those who need it",
    Tlp.AMBER: "within your organisation and to its clients, to those who need it",
    Tlp.GREEN: "within your community",
    Tlp.CLEAR: "to everybody",
}
_TOO_LARGE = "The packet is too large for this sheet. Read data/packet.json and data/holds.json."


def covers(manifest: Manifest, approvals: Approvals | None, documents: Mapping[str, bytes]) -> dict[str, bytes]:
    """The bytes of both files by name. ``documents``: those of ``COVERED`` that are not too large.

    ``approvals`` None: what it would be, before anybody has signed; such a cover never leaves.
    Raises Invalid (``no-cover``) where the documents are not of the form that Handrail writes.
    """
    try:
        made = _sheet(manifest, approvals, documents)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Invalid("No cover follows from these documents: they are not in their form.", code="no-cover") from None
    return {TEXT: sheet.as_text(made), HTML: sheet.as_html(made)}


def too_large(manifest: Manifest) -> bool:
    """Whether a document that the cover is made of is too large to be read for it."""
    return any(content.size > MAX_DOCUMENT_BYTES for content in manifest.contents if content.path in COVERED)


def _sheet(manifest: Manifest, approvals: Approvals | None, documents: Mapping[str, bytes]) -> CoverPage:
    read = not too_large(manifest)
    packet = json.loads(documents["packet.json"]) if read else {}
    holds = json.loads(documents["holds.json"])["holds"] if read else []
    about = packet["about"]["title"] if read else manifest.profile.name
    said = [*_affected(packet["fields"]), _attached(manifest, packet["annexes"]), _held(holds)] if read else []
    return CoverPage(
        title=f"Escalation packet {manifest.packet}, revision {manifest.revision}",
        subtitle=str(about),
        sections=(_header(manifest), *said, _sources(manifest), _approved(manifest, approvals), _verify(manifest)),
        note="" if read else _TOO_LARGE,
    )


def _header(manifest: Manifest) -> CoverSection:
    audience = manifest.audience
    rows = [
        ("From", manifest.sender or ""),
        ("For the lane", manifest.lane),
        ("Recipients", ", ".join(audience.recipients)),
        ("Passed on", f"{audience.tlp.value}, {_PASSED_ON[audience.tlp]}"),
        ("Made", _instant(manifest.created_at)),
        ("Counts until", _instant(manifest.expires_at)),
        ("Replaces", manifest.supersedes or ""),
        ("Manifest", manifest.digest()),
    ]
    return CoverSection("", (CoverEntry("", tuple((label, text) for label, text in rows if text)),))


# what the packet says


def _affected(fields: Mapping[str, Any]) -> Iterator[CoverSection]:
    """Single values first, then each list of entries."""
    found = list(_flat("", fields))
    single = [
        (label, text) for label, text in ((label, _value(value)) for label, value in found if not _is_list(value))
    ]
    yield CoverSection("What is affected", (CoverEntry("", tuple(single)),))
    for label, value in found:
        if _is_list(value):
            yield _listed(label, value)


def _listed(label: str, entries: list[Any]) -> CoverSection:
    shown = tuple(
        CoverEntry(f"{number}.", tuple((name, _value(one)) for name, one in _flat("", entry)) or (("", _value(entry)),))
        if not _is_held(entry)
        else CoverEntry(f"{number}.", (("", _value(entry)),))
        for number, entry in enumerate(entries[:MAX_ENTRIES], 1)
    )
    more = len(entries) - len(shown)
    return CoverSection(
        f"{label} ({len(entries)})", shown, f"And {more} more in data/packet.json." if more else _none(shown)
    )


def _flat(above: str, fields: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in fields.items():
        label = f"{above} {name}".strip().replace("_", " ")
        if isinstance(value, dict) and not _is_held(value):
            yield from _flat(label, value)
        else:
            yield label[:1].upper() + label[1:], value


def _is_held(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"held"}


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(one, dict) for one in value)


def _value(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "\n".join(_value(one) for one in value) or "none"
    if isinstance(value, dict):
        return f"withheld ({', '.join(value['held'])})"
    return canonical_bytes(value).decode()


# what is attached, and what is not


def _attached(manifest: Manifest, annexes: list[Mapping[str, Any]]) -> CoverSection:
    paths = {content.path.rpartition("/")[2].partition(".")[0]: content.path for content in manifest.annexes()}
    entries = tuple(
        CoverEntry(
            annex["name"],
            (
                *((("What", annex["description"]),) if "description" in annex else ()),
                ("File", f"data/{paths[annex['name']]}"),
                ("Size", f"{_value(annex['size'])} bytes"),
                ("SHA-256", annex["digest"].removeprefix("sha256:")),
            ),
        )
        for annex in annexes
    )
    return CoverSection(f"What is attached ({len(annexes)})", entries, _none(entries))


def _held(holds: list[Mapping[str, Any]]) -> CoverSection:
    """Every hold says why something is withheld, or who decided that it may leave."""
    entries = tuple(
        CoverEntry(
            hold["target"],
            (
                ("Why", hold["says"]),
                ("Reason", hold["code"]),
                ("Decided", f"by {hold['cleared']['role']} at {_value(hold['cleared']['at'])}")
                if hold["cleared"]
                else ("Released by", hold["released_by"]),
            ),
        )
        for hold in holds[:MAX_ENTRIES]
    )
    more = len(holds) - len(entries)
    return CoverSection(
        f"What is withheld, and what was decided ({len(holds)})",
        entries,
        f"And {more} more in data/holds.json." if more else _none(entries),
    )


def _none(entries: tuple[CoverEntry, ...]) -> str:
    return "" if entries else "Nothing."


# who answers for it


def _sources(manifest: Manifest) -> CoverSection:
    rows = tuple((source.name, f"as it was at {_instant(source.read_at)}") for source in manifest.sources)
    return CoverSection("What it was read from", (CoverEntry("", rows),))


def _approved(manifest: Manifest, approvals: Approvals | None) -> CoverSection:
    if approvals is None:
        return CoverSection("Who approved it", (), "Approvals are named here once it is released. This is a preview.")
    return CoverSection("Who approved it", (CoverEntry("", tuple(_vote(manifest, one) for one in approvals.votes)),))


def _vote(manifest: Manifest, vote: Approval) -> tuple[str, str]:
    person = manifest.signers.find(vote.signer)
    name, roles = (person.name, ", ".join(person.roles)) if person else (vote.signer, "not a signer")
    proof = "" if vote.proof is None else f", {proof_words(manifest, vote)}"
    return name, f"{roles}, at {_instant(vote.approved_at)}{proof}"


def _verify(manifest: Manifest) -> CoverSection:
    rows = (
        ("With Handrail", f"handrail intake verify PACKAGE --key SENDER.pem --lane {manifest.lane}"),
        (
            "Without",
            "The two files data/*.dsse.json are DSSE envelopes that any in-toto verifier opens with the sender's "
            "public key. The first names every file below data/ with its SHA-256; sha256sum --check "
            "manifest-sha256.txt compares them.",
        ),
        (
            "This sheet",
            "It is not signed. It is written from the signed files, and says nothing else: verification writes it "
            "again and refuses any other.",
        ),
    )
    return CoverSection("How to verify it", (CoverEntry("", rows),))


def _instant(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
