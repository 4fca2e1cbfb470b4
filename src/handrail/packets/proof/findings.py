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
    APPROVAL_TOO_WEAK = "approval-too-weak"
    PRACTICE = "practice-approval"
    SIGNED_VOTE_OTHER_MANIFEST = "signed-vote-of-another-manifest"
    SIGNED_VOTE_OTHER_REVISION = "signed-vote-of-another-revision"
    SIGNED_VOTE_OTHER_LANE = "signed-vote-for-another-lane"
    SIGNED_VOTE_OTHER_ACT = "signed-vote-of-another-act"
    SIGNED_VOTE_OTHER_SIGNER = "signed-vote-of-another-signer"
    SIGNED_VOTE_EXPIRED = "signed-vote-expired"
    SIGNED_VOTE_REPLAYED = "signed-vote-replayed"
    SIGNER_KEY_SHARED = "signer-key-shared"
    ASSERTION_MALFORMED = "assertion-malformed"
    ASSERTION_WRONG_TYPE = "assertion-wrong-type"
    ASSERTION_WRONG_CHALLENGE = "assertion-wrong-challenge"
    ASSERTION_OTHER_ORIGIN = "assertion-other-origin"
    ASSERTION_CROSS_ORIGIN = "assertion-cross-origin"
    ASSERTION_OTHER_RP = "assertion-other-rp"
    ASSERTION_NOT_PRESENT = "assertion-not-present"
    ASSERTION_NOT_VERIFIED = "assertion-not-verified"
    ASSERTION_UNUSABLE_KEY = "assertion-unusable-key"
    ASSERTION_WRONG_SIGNATURE = "assertion-wrong-signature"
    SIGNER_KEY_NOT_PINNED = "signer-key-not-pinned"
    SIGNER_KEY_REMOVED = "signer-key-removed"
    SIGNER_KEY_OUT_OF_TIME = "signer-key-out-of-time"
    OTHER_LANE = "other-lane"
    LANE_NOT_COMPARED = "lane-not-compared"
    NOT_YET = "not-yet-valid"
    EXPIRED = "expired"
    RECALLED = "recalled"
    RECALL_NOT_BELIEVED = "recall-not-believed"
    SUPERSEDED = "superseded"
    CONFLICTING = "conflicting-revision"
    ALREADY_ACCEPTED = "already-accepted"
    SUPERSEDES = "supersedes-accepted"


@dataclass(frozen=True, slots=True)
class PackageFinding:
    """One thing found: a stable code, one plain sentence, and the file of the package that it concerns, if one does.

    ``refuses`` is false for what only informs: SUPERSEDES, LANE_NOT_COMPARED, PRACTICE, RECALL_NOT_BELIEVED, and
    ALREADY_ACCEPTED unless the receiver asked otherwise.
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
