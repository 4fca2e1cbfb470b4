"""The receiver's commands and their options as data: ``program`` makes argparse of it, ``handrail intake`` Typer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class IntakeOption:
    """One argument (``name`` without dashes) or option. ``metavar`` None: a flag. ``many``: may be repeated."""

    name: str
    metavar: str | None
    help: str
    required: bool = False
    many: bool = False

    @property
    def key(self) -> str:
        """Under which ``commands`` finds its value."""
        return self.name.lstrip("-").replace("-", "_")

    @property
    def is_argument(self) -> bool:
        return not self.name.startswith("-")


@dataclass(frozen=True, slots=True)
class IntakeCommand:
    name: str
    help: str
    options: tuple[IntakeOption, ...]


_JSON = IntakeOption("--json", None, "Print JSON for programs instead of text for people.")
_KEY = IntakeOption("--key", "PUB", "The sender's public keys, PEM.", required=True)
_AT = IntakeOption("--at", "TIME", "As of this time (UTC), instead of now.")

VERIFY = IntakeCommand(
    "verify",
    """Show what a package is, its lane, who approved it and what is held; refuse anything that is not in order.

    Exits with 0 when it is accepted, 1 when it is refused, and 8 when everything is in order but --lane was not given:
    it may then have been released to someone else.
    """,
    (
        IntakeOption("package", "PACKAGE", "The package, a ZIP file; - is standard input.", required=True),
        _KEY,
        IntakeOption("--lane", "LANE", "The name of your own lane; without it nothing is accepted."),
        IntakeOption("--pins", "FILE", "Your own list of signers' keys: only approvals signed with these count."),
        IntakeOption(
            "--recalls",
            "PATH",
            "Recalls: a file (*.jsonl: one a line), or a directory of both. What was recalled is refused.",
        ),
        IntakeOption("--accepted", "DIRECTORY", "What you accepted before; kept up to date with --record."),
        IntakeOption("--record", None, "Remember an accepted package in --accepted."),
        IntakeOption("--once", None, "Refuse a package that was accepted before."),
        _AT,
        _JSON,
    ),
)
REPLY = IntakeCommand(
    "reply",
    """Write a signed reply about a package: what became of it on your side.

    The file's name is the manifest's digest and the reply's number, as lanes expect it. Reasons are required with
    rejected and needs-more, and become a checklist for the sender's next revision.
    """,
    (
        IntakeOption(
            "about", "ABOUT", "The package, or its manifest's digest, sha256:…, where it can't be read.", required=True
        ),
        IntakeOption("--reply", "WORD", "accepted, rejected, needs-more, consumed or deleted.", required=True),
        IntakeOption("--lane", "LANE", "The name of your own lane.", required=True),
        IntakeOption("--sign-with", "FILE", "Your own private key: Ed25519, PKCS#8 PEM.", required=True),
        IntakeOption(
            "--out", "DIRECTORY", "Where to write it, such as the lane's replies; - prints it.", required=True
        ),
        IntakeOption("--key", "PUB", "The sender's public keys, PEM; needed with a package."),
        IntakeOption("--ticket", "TEXT", "Your own reference of the case."),
        IntakeOption("--reason", "CODE=TEXT", "Why, such as no-capture='It ends before the failure.'", many=True),
        IntakeOption("--wanted", "CODE=TEXT", "What would settle the reason of that code.", many=True),
        IntakeOption("--number", "N", "Which of your replies on this package it is; otherwise the next in --out."),
        _AT,
    ),
)
RECALLS = IntakeCommand(
    "recalls",
    """List recalls, and whether they count: a signature of the sender's must hold.

    Exits with 0 when all of them count, and 1 when one doesn't.
    """,
    (
        IntakeOption(
            "recalls",
            "PATH",
            "A file (*.jsonl: one a line), or a directory of *.json and *.jsonl files.",
            required=True,
        ),
        _KEY,
        _JSON,
    ),
)
KEYS = IntakeCommand(
    "keys",
    """Show the public keys in a file, whatever its form: their IDs, and which count no more.

    Reads PEM, certificates and OpenSSH's form. Compare the IDs with the sender's over a channel that you trust.
    """,
    (
        IntakeOption("file", "FILE", "The key file; - is standard input.", required=True),
        IntakeOption("--pem", None, "Print the keys as PEM instead, as verify takes them."),
        _JSON,
    ),
)
VERSION = IntakeCommand("version", "Show the version, what it runs on, and the forms of packages that it knows.", ())
COMMANDS = (VERIFY, REPLY, RECALLS, KEYS, VERSION)
