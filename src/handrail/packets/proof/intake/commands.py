"""What the receiver's commands do. Offline: files, public keys and this machine's clock."""

from __future__ import annotations

import codecs
import os
import platform
import re
import sys
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import cryptography

from handrail import __version__
from handrail.kernel import keyfiles
from handrail.kernel.clock import in_utc, now
from handrail.kernel.errors import Conflict, Fault, Invalid
from handrail.packets.proof import approvals, dsse, manifest, pins, recall, reply
from handrail.packets.proof.accepted import AcceptedManifests
from handrail.packets.proof.durable import write_new
from handrail.packets.proof.findings import Refused
from handrail.packets.proof.intake import definition, keylist, printing
from handrail.packets.proof.intake.definition import IntakeCommand
from handrail.packets.proof.keys import KeyRing, SigningKey
from handrail.packets.proof.recalled import RecallFiles
from handrail.packets.proof.reply import REASONED, ReplyKind, ReplyReason, VendorReply
from handrail.packets.proof.verify import Expectation, Verdict, describe, verify

REFUSED: Final = 1
NOT_COMPARED: Final = 8
STANDARD_INPUT: Final = "-"
NO_LANE = "NOT ACCEPTED: everything is in order, but name your own lane with --lane"

_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_NUMBER = re.compile(r"[1-9][0-9]{0,6}")
Given = Mapping[str, Any]


def run(command: IntakeCommand, given: Given) -> int:
    """Runs a command with the values of its options by key. Its exit code. Raises HandrailError."""
    try:
        return _RUNS[command.name](given)
    except OSError as error:
        named = os.fsdecode(error.filename) if error.filename is not None else "A file"
        raise Invalid(f"{named} can't be read or written: {error.strerror}.", code="file") from None


def _verify(given: Given) -> int:
    memory = AcceptedManifests(Path(given["accepted"])) if given["accepted"] else None
    if given["record"] and (memory is None or given["lane"] is None):
        raise Invalid("--record needs --accepted DIRECTORY and --lane LANE.", code="usage")
    ring = _ring(given["key"])
    recalls = RecallFiles.load(Path(given["recalls"])) if given["recalls"] else None
    at = _instant(given["at"])
    with memory.locked() if memory is not None and given["record"] else nullcontext():
        expect = Expectation(
            keys=ring,
            lane=given["lane"],
            at=at,
            accepted=memory.load() if memory else (),
            once=bool(given["once"]),
            recalls=recalls,
            pins=pins.from_bytes(_bytes(given["pins"]).removeprefix(codecs.BOM_UTF8)) if given["pins"] else None,
        )
        verdict = verify(_package(given["package"]), expect)
        if verdict.accepted and memory is not None and given["record"]:
            memory.record(verdict)
    _show(verdict, compared=given["lane"] is not None, as_json=bool(given["json"]))
    if verdict.accepted and given["lane"] is not None:
        return 0
    return NOT_COMPARED if verdict.accepted else REFUSED


def _show(verdict: Verdict, *, compared: bool, as_json: bool) -> None:
    findings = [{"code": f.code.value, "message": str(f), "refuses": f.refuses} for f in verdict.findings]
    if as_json:
        accepted = verdict.accepted and compared
        printing.print_json({"accepted": accepted, "package": list(describe(verdict)), "findings": findings})
        return
    printing.rows(describe(verdict))
    if findings:
        printing.say("")
    for one in findings:
        printing.rows([(str(one["code"]), str(one["message"]))], label=28)
    printing.say("REFUSED" if not verdict.accepted else "accepted" if compared else NO_LANE)


def _reply(given: Given) -> int:
    kind = _kind(given["reply"])
    digest = _about(given)
    key = _signing_key(given["sign_with"])
    out = None if given["out"] == STANDARD_INPUT else Path(given["out"])
    written = VendorReply(
        manifest_digest=digest,
        lane=given["lane"],
        number=_number(given["number"], out, digest),
        kind=kind,
        at=_instant(given["at"]),
        ticket=given["ticket"] or "",
        reasons=_reasons(given["reason"], given["wanted"]) if kind in REASONED or given["reason"] else (),
    )
    envelope = dsse.sign(written.payload(), key)
    if out is None:
        printing.write_bytes(envelope)  # a line end more would be another envelope
        return 0
    target = out / f"{digest.removeprefix('sha256:')}-{written.number:04}.json"
    try:
        file = write_new(target, envelope)
    except FileExistsError:
        raise Conflict(f"{target} is there already: another reply has this number.", code="reply-number") from None
    printing.rows(
        [("Reply", kind.value), ("Number", str(written.number)), ("Signed with", key.key_id), ("File", str(file))]
    )
    return 0


def _recalls(given: Given) -> int:
    ring = _ring(given["key"])
    found = [(name, *_opened(envelope, ring)) for name, envelope in RecallFiles.load(Path(given["recalls"])).envelopes]
    if given["json"]:
        listed = [{"file": name, "counts": not why, "why_not": why, **facts} for name, facts, why in found]
        printing.print_json({"recalls": listed})
    else:
        for name, facts, why in found:
            printing.rows([("File", name), *((key.capitalize(), text) for key, text in facts.items())])
            printing.rows([("Counts", f"no: {why}" if why else "yes")])
    return REFUSED if any(why for *_, why in found) else 0


def _opened(envelope: bytes, ring: KeyRing) -> tuple[dict[str, str], str]:
    """What a recall says, and why it doesn't count (empty where it does)."""
    try:
        said = recall.from_payload(dsse.payload_of(envelope))
    except (Refused, Invalid) as error:
        return {}, str(error)
    facts = {
        "packet": f"{said.packet} revision {said.revision}",
        "manifest": said.manifest_digest,
        "reason": said.reason.value,
        "asks": said.asks.value,
        "recalled": recall.statement(said)["predicate"]["recalled_at"],
        "words": said.words,
    }
    try:
        recall.opened(envelope, keys=ring)
    except (Refused, Invalid) as error:
        return facts, str(error)
    return facts, ""


def _keys(given: Given) -> int:
    listed = keylist.read(_bytes(given["file"]), name=given["file"])
    if given["pem"]:
        printing.write(listed.pem())
    elif given["json"]:
        printing.print_json({"keys": [one.facts() for one in listed.keys]})
    else:
        for one in listed.keys:
            printing.rows([("Key", one.key_id), ("Kind", one.kind), ("Counts", one.counts)])
    return 0


def _version(given: Given) -> int:  # noqa: ARG001 - has no options
    printing.rows(
        [
            ("Version", __version__),
            ("Python", platform.python_version()),
            ("cryptography", cryptography.__version__),
            ("Packages", ", ".join(manifest.PREDICATE_TYPES.values())),
            ("Approvals", ", ".join(approvals.PREDICATE_TYPES.values())),
            ("Replies", reply.PREDICATE_TYPE),
            ("Recalls", recall.PREDICATE_TYPE),
        ]
    )
    return 0


_RUNS: Final[Mapping[str, Callable[[Given], int]]] = {
    definition.VERIFY.name: _verify,
    definition.REPLY.name: _reply,
    definition.RECALLS.name: _recalls,
    definition.KEYS.name: _keys,
    definition.VERSION.name: _version,
}


# from words to values


def _package(name: str) -> Path | BytesIO | Any:
    return sys.stdin.buffer if name == STANDARD_INPUT else Path(name)


def _bytes(name: str) -> bytes:
    """At most one byte more than a key file has: no more is read of a device or pipe that never ends."""
    with nullcontext(sys.stdin.buffer) if name == STANDARD_INPUT else Path(name).open("rb") as file:
        return file.read(keyfiles.MAX_BYTES + 1)


def _ring(name: str) -> KeyRing:
    return KeyRing.from_pem(keyfiles.text_of(_bytes(name), name=name))


def _signing_key(name: str) -> SigningKey:
    key = SigningKey.find_in(keyfiles.text_of(_bytes(name), name=name))
    if key is None:
        raise Invalid(
            f"{name} is not an Ed25519 private key in unencrypted PKCS#8 PEM. Make one: openssl genpkey -algorithm "
            "ed25519 -out FILE. Give the sender its public half: openssl pkey -in FILE -pubout",
            code="key-file",
        )
    return key


def _instant(text: str | None) -> datetime:
    if text is None:
        return now()
    try:
        at = datetime.fromisoformat(text)
        return in_utc(at.replace(tzinfo=UTC) if at.tzinfo is None else at)
    except (ValueError, OverflowError):
        fault = Fault("--at", "expected a time such as 2026-03-02T11:00:00Z")
        raise Invalid("The time can't be read.", code="usage", faults=[fault]) from None


def _kind(word: str) -> ReplyKind:
    try:
        return ReplyKind(word)
    except ValueError:
        fault = Fault("--reply", f"expected one of {', '.join(ReplyKind)}")
        raise Invalid("This is not a reply.", code="usage", faults=[fault]) from None


def _about(given: Given) -> str:
    """The manifest's digest: as it was given, or of a package whose manifest is signed by the sender."""
    found = _DIGEST.fullmatch(given["about"])
    if found is not None:
        return found[0]
    if given["key"] is None:
        raise Invalid("A reply on a package needs the sender's keys: --key PUB.", code="usage")
    verdict = verify(_package(given["about"]), Expectation(keys=_ring(given["key"]), lane=None, at=now()))
    if verdict.manifest is None:
        raise Invalid(
            "The manifest of this package can't be read. Name it by its digest, sha256:…, as the delivery does.",
            code="no-manifest",
            faults=[Fault(one.code, str(one)) for one in verdict.refusals],
        )
    return verdict.manifest.digest()


def _number(text: str | None, out: Path | None, digest: str) -> int:
    if text is not None:
        if _NUMBER.fullmatch(text) is None:
            fault = Fault("--number", "expected a whole number from 1")
            raise Invalid("The number can't be read.", code="usage", faults=[fault])
        return int(text)
    taken = [0]
    if out is not None:
        if not out.is_dir():
            raise Invalid(f"{out} is not a directory.", code="file")
        stems = (file.stem.partition("-") for file in out.glob(f"{digest.removeprefix('sha256:')}-*.json"))
        taken += [int(number) for _, _, number in stems if number.isascii() and number.isdigit()]
    return max(taken) + 1


def _reasons(given: list[str], wanted: list[str]) -> tuple[ReplyReason, ...]:
    settle = dict(_pair("--wanted", text) for text in wanted)
    pairs = [_pair("--reason", text) for text in given]
    for code in settle:
        if code not in {one for one, _ in pairs}:
            raise Invalid(f"--wanted names {code}, and no --reason does.", code="usage")
    return tuple(ReplyReason(code, text, settle.get(code, "")) for code, text in pairs)


def _pair(option: str, text: str) -> tuple[str, str]:
    code, equals, words = text.partition("=")
    if not equals or not words.strip():
        fault = Fault(option, "expected CODE=TEXT, such as no-capture='It ends before the failure.'")
        raise Invalid("A reason can't be read.", code="usage", faults=[fault])
    return code.strip(), words.strip()
