"""The installation's release key and its ring of public keys, changed from the command line."""

from __future__ import annotations

import os
from pathlib import Path

from handrail.audit.events import EventName
from handrail.cli import installation, output
from handrail.cli.identity import operator_of_database, refuse_members
from handrail.kernel.errors import Conflict, Invalid
from handrail.packets.actions import keys
from handrail.packets.proof.durable import replacing
from handrail.packets.proof.keys import KeyRing, SigningKey


def generate(out: Path | None) -> None:
    """Makes the first release key. Raises Conflict when there is a ring already, Denied for a member."""
    refuse_members()
    if current_ring().accepted or current_ring().retired or current_ring().revoked:
        raise Conflict("There is a key ring already. To change the key: handrail keys rotate", code="key-ring")
    install(out, replace=False)


def install(out: Path | None, *, replace: bool) -> None:
    """Makes a key that signs from now on, its private half in ``out`` or where the configuration looks. Raises Denied
    for a member."""
    refuse_members()
    key, ring = SigningKey.generate(), current_ring()
    rotated = ring.rotate(key.public)
    target = out or _configured_file()
    _write(key, target, replace=replace)
    save(rotated, "MADE", key.key_id)
    output.say(f"{key.key_id} is now the signing key; its private half is in {target}")
    if out is not None:
        output.say("Put it where [release] signing_key looks, then run: handrail keys list")


def _write(key: SigningKey, target: Path, *, replace: bool) -> None:
    """Whole and with mode 0600, or not at all."""
    if target.exists() and not replace:
        raise Conflict(f"{target} exists. A private key is never overwritten by generate.", code="key-file")
    try:
        os.makedirs(target.parent, mode=0o700, exist_ok=True)
        with replacing(target) as out:
            out.write(key.to_pem().encode())
    except OSError as error:
        raise Invalid(f"{target} can't be written: {error.strerror}.", code="file") from None


def _configured_file() -> Path:
    reference = installation.release_key_reference()
    kind, _, name = reference.partition(":")
    if kind != "file":
        fault = "The release key is configured as an environment variable: write it to a file with --out FILE."
        raise Invalid(fault, code="key-file")
    return Path(name)


def current_ring() -> KeyRing:
    """Which public keys count now."""
    return installation.key_ring().load()


def save(ring: KeyRing, what: str, key_id: str) -> None:
    """With its audit event where a database answers: a key that got out must be revoked even when none does."""
    who = operator_of_database()
    if who is None:
        installation.key_ring().save(ring)
        output.say("No audit event was written: no database answers.")
        return

    event = EventName[f"RELEASE_KEY_{what}"]
    keys.change(directory=installation.key_ring(), ring=ring, event=event, key_id=key_id, by=who)
