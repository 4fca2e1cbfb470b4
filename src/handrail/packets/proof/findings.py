"""What a verification can find. Codes are stable: receivers' scripts match on them, never on the messages."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Code(StrEnum):
    # The archive itself
    NOT_A_PACKAGE = "not-a-package"
    DATA_BEFORE = "data-before-archive"
    DATA_AFTER = "data-after-archive"
    TRUNCATED = "truncated"
    TOO_LARGE = "too-large"
    ENTRY_HEADER = "entry-header"
    ENCRYPTED = "encrypted-entry"
    COMPRESSED = "compressed-entry"
    UNSAFE_NAME = "unsafe-name"
    DUPLICATE = "duplicate-entry"
    SYMLINK = "symlink-entry"
    DIRECTORY = "central-directory"
    CHECKSUM = "wrong-checksum"
    ORDER = "entry-order"
    # Its files
    MISSING_FILE = "missing-file"
    ADDED_FILE = "added-file"
    ALTERED_FILE = "altered-file"
    OTHER_COVER = "other-cover"
    # Envelopes and keys
    MALFORMED_ENVELOPE = "malformed-envelope"
    NO_SIGNATURE = "no-signature"
    EXTRA_SIGNATURE = "extra-signature"
    CUT_SIGNATURE = "cut-signature"
    WRONG_SIGNATURE = "wrong-signature"
    UNKNOWN_KEY = "unknown-key"
    ROTATED_KEY = "rotated-key"
    REVOKED_KEY = "revoked-key"
    MIXED_KEYS = "mixed-keys"
    MALFORMED_MANIFEST = "malformed-manifest"
    MALFORMED_APPROVALS = "malformed-approvals"
    # The manifest, against what the receiver expects
    OTHER_MANIFEST = "approvals-of-another-manifest"
    NOT_A_SIGNER = "not-a-signer"
    APPROVED_OUT_OF_TIME = "approved-out-of-time"
    SHORT_OF_SIGNERS = "short-of-signers"
    OTHER_LANE = "other-lane"
    LANE_NOT_COMPARED = "lane-not-compared"
    NOT_YET = "not-yet-valid"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    CONFLICTING = "conflicting-revision"
    ALREADY_ACCEPTED = "already-accepted"
    SUPERSEDES = "supersedes-accepted"


@dataclass(frozen=True, slots=True)
class PackageFinding:
    """One thing found: a stable code, one plain sentence, and the file of the package that it concerns, if one does.

    ``refuses`` is false for what only informs: SUPERSEDES, LANE_NOT_COMPARED, and ALREADY_ACCEPTED unless the receiver
    asked otherwise.
    """

    code: Code
    message: str
    file: str | None = None
    refuses: bool = True

    def __str__(self) -> str:
        return f"{self.file}: {self.message}" if self.file else self.message


class Refused(Exception):
    """Raised inside the proof modules where nothing after it can be trusted; ``verify`` turns it into a verdict."""

    def __init__(self, code: Code, message: str, *, file: str | None = None) -> None:
        super().__init__(message)
        self.finding = PackageFinding(code, message, file)
