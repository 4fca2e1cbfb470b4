"""Key files as outsiders have them: PEM with a byte order mark, any line ends, and notes in any language around it.

RFC 7468 allows text outside the blocks (section 2), and says of no line end or mark what people's editors do to it. So
only the blocks count, and what stands around them is nobody's business. A file that holds something else than what was
asked for is refused by saying what it is and how to convert it; nothing of its content is ever repeated.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import Final

from handrail.kernel.errors import Invalid

MAX_BYTES: Final = 1024 * 1024
PUBLIC: Final = "PUBLIC KEY"
CERTIFICATES: Final = ("CERTIFICATE", "X509 CERTIFICATE")

_MARKER = re.compile(r"-----(BEGIN|END) ([A-Z0-9 ]{1,60})-----")
_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")
_WIDE_SHARE = 4  # where one byte of so many is NUL, it is not text of ours
_DER_SEQUENCE = 0x30
_SHORT_MARKS = re.compile(r"BEGIN (?:SSH2 )?PUBLIC KEY")
_OPENSSH = re.compile(r"^(?:ssh-(?:ed25519|rsa|dss)|ecdsa-sha2-[a-z0-9-]{1,40}|sk-[a-z0-9@.-]{1,60}) ", re.MULTILINE)

_LINE_ENDS = dict.fromkeys(map(ord, "\r\v\f\u0085\u2028\u2029"), "\n")

# What a block of another kind is, and what to do with it. FILE stands for the file.
_KINDS: Final = {
    "CERTIFICATE": (
        "a certificate",
        "Take the key out of it: openssl x509 -in FILE -pubkey -noout",
    ),
    "RSA PUBLIC KEY": ("an RSA key (PKCS#1)", "Release keys are Ed25519: ask the sender for handrail keys export"),
    "EC PUBLIC KEY": ("an EC key", "Release keys are Ed25519: ask the sender for handrail keys export"),
    "DSA PUBLIC KEY": ("a DSA key", "Release keys are Ed25519: ask the sender for handrail keys export"),
    "CERTIFICATE REQUEST": ("a certificate request", "Take the key out of it: openssl req -in FILE -pubkey -noout"),
    "PGP PUBLIC KEY BLOCK": ("an OpenPGP key", "Ask the sender for handrail keys export"),
    "PKCS7": ("a PKCS#7 file", "Take the certificates out of it: openssl pkcs7 -in FILE -print_certs"),
}
_ALIKE: Final = {
    "X509 CERTIFICATE": "CERTIFICATE",
    "TRUSTED CERTIFICATE": "CERTIFICATE",
    "NEW CERTIFICATE REQUEST": "CERTIFICATE REQUEST",
    "CMS": "PKCS7",
}
_PRIVATE_ADVICE: Final = (
    "It belongs to its owner alone, who must make a new one: delete this file. The owner writes the public key with: "
    "openssl pkey -in FILE -pubout"
)


@dataclass(frozen=True, slots=True)
class PemBlock:
    """One block. ``der`` None: its text is cut, or is not base64."""

    label: str
    der: bytes | None = field(repr=False)  # it may be private

    @property
    def is_private(self) -> bool:
        return "PRIVATE" in self.label

    def pem(self) -> str:
        """The block in its plain form, whatever the file looked like; empty for a damaged one."""
        if self.der is None:
            return ""
        text = base64.b64encode(self.der).decode()
        lines = [text[at : at + 64] for at in range(0, len(text), 64)]
        return "\n".join([f"-----BEGIN {self.label}-----", *lines, f"-----END {self.label}-----", ""])


def text_of(raw: bytes, *, name: str) -> str:
    """The text of a key file, for ``tidy`` and ``blocks``. ``name`` is what messages call it.

    Notes that are not UTF-8 are read as Latin-1: they count for nothing, and no byte of a block can change by it.
    Raises Invalid (``key-file``) for UTF-16 and UTF-32, for a binary key, and for more than 1 MiB.
    """
    if len(raw) > MAX_BYTES:
        raise Invalid(f"{name} is over {MAX_BYTES} bytes: it is not a key file.", code="key-file")
    ended = raw.rstrip(b"\x00\x1a")
    if raw.startswith(_WIDE_MARKS) or (b"\x00" in ended and ended.count(b"\x00") * _WIDE_SHARE >= len(ended)):
        raise Invalid(
            f"{name} is text in UTF-16 or UTF-32. Save it again as UTF-8 or as plain text (ASCII).", code="key-file"
        )
    if raw[:1] == bytes([_DER_SEQUENCE]) and b"-----" not in raw and not ended.isascii():
        raise Invalid(
            f"{name} is binary (DER), and PEM is expected. For a public key: openssl pkey -pubin -inform DER -in FILE",
            code="key-file",
        )
    try:
        text = ended.decode("utf-8")
    except UnicodeDecodeError:
        text = ended.decode("latin-1")
    return tidy(text)


def tidy(text: str) -> str:
    """``text`` with ``\\n`` for every line end and without byte order marks, wherever files were put together."""
    text = text.replace("\ufeff", "").replace("\u00ef\u00bb\u00bf", "").replace("\r\n", "\n")
    return text.translate(_LINE_ENDS)


def blocks(text: str) -> tuple[PemBlock, ...]:
    """Every block in the text, in order, also one that lost its line ends. One pass."""
    found: list[PemBlock] = []
    begun: re.Match[str] | None = None
    for marker in _MARKER.finditer(text):
        if begun is not None:
            whole = marker[1] == "END" and marker[2] == begun[2]
            found.append(PemBlock(begun[2], _der(text[begun.end() : marker.start()]) if whole else None))
        begun = marker if marker[1] == "BEGIN" else None
    if begun is not None:
        found.append(PemBlock(begun[2], None))
    return tuple(found)


def is_openssh(line: str) -> bool:
    """Whether the line is a public key in OpenSSH's form."""
    return _OPENSSH.match(line) is not None


def what_it_is(text: str) -> str:
    """What a file without a public key holds, and how to convert it, in sentences; empty where that can't be known."""
    found = blocks(text)
    if any(one.is_private for one in found):
        return f"It holds a private key. {_PRIVATE_ADVICE}"
    for one in found:
        kind = _KINDS.get(_ALIKE.get(one.label, one.label))
        if kind is not None:
            return f"It holds {kind[0]}. {kind[1]}"
    if _OPENSSH.search(text):
        return "It holds a key in OpenSSH's form. Convert it: handrail-intake keys FILE --pem"
    if _SHORT_MARKS.search(text):
        return (
            "Its first line must be -----BEGIN PUBLIC KEY----- with five hyphens on each side, and the last likewise."
        )
    return ""


def _der(text: str) -> bytes | None:
    try:
        return base64.b64decode("".join(text.split()), validate=True) or None
    except (binascii.Error, ValueError):
        return None
