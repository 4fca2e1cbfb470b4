"""The receiver's side: whether a package is intact and for this lane, now. Offline, with public keys alone.

Clauses (PF-n) are those of docs/reference/package-format.md, here and in the modules beside this one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from handrail.kernel.canonical import digest_bytes
from handrail.kernel.errors import Invalid
from handrail.packets.proof import approvals as approvals_
from handrail.packets.proof import archive, bag, cover, dsse, unpack
from handrail.packets.proof import manifest as manifest_
from handrail.packets.proof import pins as pins_
from handrail.packets.proof.approvals import Approvals, proof_words
from handrail.packets.proof.findings import Code, PackageFinding, Refused
from handrail.packets.proof.keys import KeyRing
from handrail.packets.proof.manifest import Manifest
from handrail.packets.proof.pins import SignerPins
from handrail.packets.proof.recalled import RecallFiles
from handrail.packets.proof.rules import instant_text
from handrail.packets.proof.unpack import Unpacked

CLOCK_SKEW = timedelta(minutes=5)
_MISSING = "the package must hold this file and doesn't"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found. ``manifest``, ``approvals`` and ``key_id`` are there only once their signatures hold."""

    findings: tuple[PackageFinding, ...]
    manifest: Manifest | None = None
    approvals: Approvals | None = None
    key_id: str | None = None

    @property
    def accepted(self) -> bool:
        return self.manifest is not None and not self.refusals

    @property
    def refusals(self) -> tuple[PackageFinding, ...]:
        return tuple(finding for finding in self.findings if finding.refuses)

    @property
    def codes(self) -> tuple[Code, ...]:
        return tuple(finding.code for finding in self.findings)


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the receiver holds a package against: keys, its own lane, the time, and what it accepted before.

    ``lane`` None: the receiver doesn't say, and that it was not compared is noted. ``once`` refuses a package that was
    accepted already; without it that is only noted. ``pins``: the only keys of signers that count; None: any.
    ``recalls``: those that the receiver has. Raises ValueError for a naive time.
    """

    keys: KeyRing
    lane: str | None
    at: datetime
    accepted: Sequence[Manifest] = ()
    once: bool = False
    max_bytes: int = archive.MAX_BYTES
    pins: SignerPins | None = None
    recalls: RecallFiles | None = None

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise ValueError("at must be timezone-aware")


def verify(package: Path | BinaryIO, expect: Expectation) -> Verdict:
    """One pass over the package; memory doesn't grow with it.

    Never raises for what a package holds: every fault is a finding. Raises Invalid when the file can't be read.
    """
    if not isinstance(package, Path):
        return _verdict(package, expect)
    try:
        with package.open("rb") as stream:
            return _verdict(stream, expect)
    except OSError as error:
        raise Invalid(f"{package} can't be read: {error.strerror}.", code="package-unreadable") from None


def describe(verdict: Verdict) -> tuple[tuple[str, str], ...]:
    """The package, its audience, approvers and what is held: rows of label and text. Empty when that isn't proved."""
    manifest = verdict.manifest
    if manifest is None:
        return ()
    votes = verdict.approvals.votes if verdict.approvals else ()
    return (
        ("Packet", f"{manifest.packet} revision {manifest.revision}"),
        *((("Sender", manifest.sender),) if manifest.sender else ()),
        ("Profile", f"{manifest.profile.name} version {manifest.profile.version}"),
        ("Lane", manifest.lane),
        ("Audience", f"{manifest.audience.tlp}: {', '.join(manifest.audience.recipients)}"),
        ("Manifest", manifest.digest()),
        ("Signed with", verdict.key_id or ""),
        ("Supersedes", manifest.supersedes or "nothing"),
        ("Created", instant_text(manifest.created_at)),
        ("Expires", instant_text(manifest.expires_at)),
        *(("Approved by", _voter(manifest, vote)) for vote in votes),
        *(("Content", f"{content.path} ({content.size} bytes)") for content in manifest.contents),
        *(("Held", f"{annex.name} ({annex.kind}): {annex.reason}") for annex in manifest.held),
    )


def _voter(manifest: Manifest, vote: approvals_.Approval) -> str:
    person = manifest.signers.find(vote.signer)
    known = f"{person.name}, {' and '.join(person.roles)}" if person else f"{vote.signer}, not a signer"
    proof = "" if vote.proof is None else f", {proof_words(manifest, vote)}"
    return f"{known}, at {instant_text(vote.approved_at)}{proof}"


def _verdict(stream: BinaryIO, expect: Expectation) -> Verdict:
    try:
        found = unpack.read(stream, keep={*bag.TAGS, *bag.PROOFS}, max_bytes=expect.max_bytes)
        opened = dsse.open_envelope(_kept(found, bag.MANIFEST), keys=expect.keys, file=bag.MANIFEST)
        manifest = _manifest(opened.payload)
    except Refused as refused:
        return Verdict((refused.finding,))
    approvals: Approvals | None = None
    opening: list[PackageFinding] = []
    try:
        approvals = _approvals(found, expect, key_id=opened.key_id)
        opening += [PackageFinding(code, text, bag.APPROVALS) for code, text in approvals_.faults(manifest, approvals)]
        opening += _practice(manifest, approvals, expect)
        opening += _still_to_come(manifest, approvals, expect.at + CLOCK_SKEW)
    except Refused as refused:
        opening.append(refused.finding)
    recalls = expect.recalls.findings(manifest.digest(), expect.keys) if expect.recalls else ()
    findings = [*_files(found, manifest, approvals), *_policy(manifest, expect), *recalls, *opening]
    return Verdict(tuple(dict.fromkeys(findings)), manifest, approvals, opened.key_id)


def _kept(found: Unpacked, path: str) -> bytes:
    if path not in found.kept:  # PF-14
        raise Refused(Code.MISSING_FILE, _MISSING, file=path)
    return found.kept[path]


def _manifest(payload: bytes) -> Manifest:
    try:
        return manifest_.from_payload(payload)
    except Invalid as error:
        raise Refused(Code.MALFORMED_MANIFEST, error.message, file=bag.MANIFEST) from None  # PF-24


def _approvals(found: Unpacked, expect: Expectation, *, key_id: str) -> Approvals:
    opened = dsse.open_envelope(_kept(found, bag.APPROVALS), keys=expect.keys, file=bag.APPROVALS)
    if opened.key_id != key_id:  # PF-23
        raise Refused(Code.MIXED_KEYS, "it is signed with another key than the manifest", file=bag.APPROVALS)
    try:
        return approvals_.from_payload(opened.payload)
    except Invalid as error:
        raise Refused(Code.MALFORMED_APPROVALS, error.message, file=bag.APPROVALS) from None  # PF-31


def _practice(manifest: Manifest, approvals: Approvals, expect: Expectation) -> Iterator[PackageFinding]:
    """That a vote counts as practice alone; and what the receiver's own list of signers' keys says."""
    if approvals_.is_practice(manifest, approvals):  # PF-45
        text = "it was approved as practice: its profile asks for more than the clicks that it was approved by"
        yield PackageFinding(Code.PRACTICE, text, bag.APPROVALS, refuses=False)
    if expect.pins is not None:
        found = pins_.faults(expect.pins, approvals)
        yield from (PackageFinding(code, text, bag.APPROVALS) for code, text in found)


def _still_to_come(manifest: Manifest, approvals: Approvals, now: datetime) -> Iterator[PackageFinding]:
    """Votes from later than ``now``, of a package that is there already."""
    for vote in approvals.votes:
        if manifest.created_at <= now < vote.approved_at < manifest.expires_at:  # PF-35
            text = f"{vote.signer} approved at {instant_text(vote.approved_at)}, which is still to come"
            yield PackageFinding(Code.APPROVED_OUT_OF_TIME, text, bag.APPROVALS)


def _files(found: Unpacked, manifest: Manifest, approvals: Approvals | None) -> Iterator[PackageFinding]:
    """Every file against the signed manifest, and the tag files against what follows from it."""
    actual = {member.path: member for member in found.members}
    expected = bag.paths(manifest)
    yield from (PackageFinding(Code.MISSING_FILE, _MISSING, p) for p in expected if p not in actual)  # PF-14
    yield from (
        PackageFinding(Code.ADDED_FILE, "the signed manifest doesn't know this file", p)
        for p in actual
        if p not in expected
    )
    if set(actual) == set(expected) and tuple(actual) != expected:  # PF-15
        yield PackageFinding(Code.ORDER, "the files are not in the order of a package")
    if found.base != bag.base(manifest):  # PF-16
        yield PackageFinding(Code.ADDED_FILE, f"the package's directory is not {bag.base(manifest)}", found.base)
    files = bag.payloads(manifest, {path: found.kept[path] for path in bag.PROOFS if path in found.kept})
    present = {path: actual[path].digest for path in bag.covers_of(manifest) if path in actual}
    covers = {path: digest_bytes(raw) for path, raw in _covers(found, manifest, approvals).items()} or present
    digests = {path: digest_bytes(raw) for path, raw in bag.tag_files(manifest, files, covers).items()}
    digests.update({path: file.digest for path, file in files.items()})
    yield from (
        PackageFinding(Code.OTHER_COVER, "it is not what follows from the signed documents", path)  # PF-42
        for path, digest in present.items()
        if digest != covers.get(path, digest)
    )
    for path, member in actual.items():
        if member.digest != digests.get(path, member.digest):  # PF-17, PF-18
            text = f"its bytes are not those that were signed: {digests[path]} expected, {member.digest} found"
            yield PackageFinding(Code.ALTERED_FILE, text, path)
        elif not member.checksum_holds:  # PF-13
            yield PackageFinding(Code.CHECKSUM, "the archive's checksum of it is wrong", path)


def _covers(found: Unpacked, manifest: Manifest, approvals: Approvals | None) -> dict[str, bytes]:
    """The cover sheet that follows from the documents; nothing where a fault of them is found anyway."""
    wanted = {content.path: content.digest for content in manifest.contents if content.path in cover.COVERED}
    read = {path: found.kept[bag.DATA + path] for path in wanted if bag.DATA + path in found.kept}
    sound = cover.too_large(manifest) or all(digest_bytes(read.get(path, b"")) == wanted[path] for path in wanted)
    if manifest.form == 1 or approvals is None or not sound:
        return {}
    try:
        return cover.covers(manifest, approvals, read)
    except Invalid:
        return dict.fromkeys(bag.COVERS, b"")  # no cover follows from them, so none is the right one


def _policy(manifest: Manifest, expect: Expectation) -> Iterator[PackageFinding]:
    if expect.lane is None:  # PF-37
        text = f"the package is for the lane {manifest.lane}; whether that is yours was not compared"
        yield PackageFinding(Code.LANE_NOT_COMPARED, text, refuses=False)
    elif manifest.lane != expect.lane:  # PF-37
        yield PackageFinding(Code.OTHER_LANE, f"the package is for the lane {manifest.lane}, not for {expect.lane}")
    if expect.at >= manifest.expires_at:  # PF-38
        yield PackageFinding(Code.EXPIRED, f"the package expired at {instant_text(manifest.expires_at)}")
    if expect.at + CLOCK_SKEW < manifest.created_at:  # PF-38
        yield PackageFinding(
            Code.NOT_YET, f"the package was made at {instant_text(manifest.created_at)}, which is still to come"
        )
    for held in expect.accepted:
        finding = _against(held, manifest, once=expect.once)
        if finding is not None:
            yield finding


def _against(held: Manifest, manifest: Manifest, *, once: bool) -> PackageFinding | None:
    """What a manifest accepted before means for this one."""
    if held.packet != manifest.packet:
        return None
    digest, before = manifest.digest(), f"revision {held.revision}, {held.digest()}"
    if held.digest() == digest:  # PF-39
        return PackageFinding(Code.ALREADY_ACCEPTED, "this very package was accepted before", refuses=once)
    if held.supersedes == digest or held.revision > manifest.revision:  # PF-39
        return PackageFinding(Code.SUPERSEDED, f"you accepted a later one of this packet: {before}")
    if held.revision == manifest.revision:  # PF-39
        return PackageFinding(
            Code.CONFLICTING, f"you accepted another package that calls itself the same revision: {before}"
        )
    # Also where a revision between the two never came here: of one packet, the latest is the one that counts.
    return PackageFinding(Code.SUPERSEDES, f"it replaces one that you accepted: {before}", refuses=False)
