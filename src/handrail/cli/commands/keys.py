"""``handrail keys``: the release key, and which public keys count. Needs no database; where one answers, each change is
in its audit log."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from handrail.audit.events import EventName
from handrail.cli import installation, output
from handrail.cli.identity import operator_of_database
from handrail.cli.options import Json
from handrail.kernel.errors import Conflict, Invalid
from handrail.packets.actions import keys
from handrail.packets.proof.durable import replacing
from handrail.packets.proof.keys import KeyRing, PublicKey, SigningKey

group = typer.Typer()

Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="Where the private key goes, if not where the configuration looks."),
]
KeyId = Annotated[str, typer.Argument(metavar="KEY", help="The key's id, or its first 8 digits or more.")]
MIN_PREFIX = 8


@group.command("generate")
def generate(*, out: Out = None) -> None:
    """Make the installation's first release key. Its private half is written once, readable by its owner only."""
    if _ring().accepted or _ring().retired or _ring().revoked:
        raise Conflict("There is a key ring already. To change the key: handrail keys rotate", code="key-ring")
    _install(out, replace=False)


@group.command("rotate")
def rotate(*, out: Out = None) -> None:
    """Make a new release key. The one before stays accepted until it is retired: what it signed must expire first."""
    _install(out, replace=True)


@group.command("list")
def list_(*, json: Json = False) -> None:
    """Every key that signed or signs, and whether receivers accept it."""
    ring = _ring()
    rows = [(key.key_id, "signs" if key.key_id == ring.current else "accepted") for key in ring.accepted]
    rows += [(key_id, "retired") for key_id in sorted(ring.retired)]
    rows += [(key_id, "revoked") for key_id in sorted(ring.revoked)]
    if json:
        output.print_json([{"key": key, "state": state} for key, state in rows])
    else:
        output.print_table("", ("key", "state"), rows, empty="No keys. Make one: handrail keys generate")


@group.command("retire")
def retire(key: KeyId) -> None:
    """A key that no longer signs is not accepted any more: it is rotated out."""
    ring = _ring()
    found = _find(ring, key)
    _save(ring.retire(found), "RETIRED", found)
    output.say(f"{found} retired. Give receivers the new keys: handrail keys export")


@group.command("revoke")
def revoke(key: KeyId) -> None:
    """A key is refused at once, whatever it signed. If it is the one that signs, rotate next."""
    ring = _ring()
    found = _find(ring, key)
    _save(ring.revoke(found), "REVOKED", found)
    output.say(f"{found} revoked. Tell receivers at once: handrail keys export")


@group.command("export")
def export() -> None:
    """For receivers: the accepted public keys as PEM, and which keys count no more. See: handrail intake verify"""
    ring = _ring()
    if not (ring.accepted or ring.retired or ring.revoked):
        raise Conflict("There are no keys. Make one: handrail keys generate", code="key-ring")
    print(ring.to_pem(), end="")


def _install(out: Path | None, *, replace: bool) -> None:

    key, ring = SigningKey.generate(), _ring()
    rotated = ring.rotate(key.public)
    target = out or _configured_file()
    _write(key, target, replace=replace)
    _save(rotated, "MADE", key.key_id)
    output.say(f"{key.key_id} signs from now on; its private half is in {target}")
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


def _find(ring: KeyRing, prefix: str) -> str:
    known: list[PublicKey] = list(ring.accepted)
    ids = [key.key_id for key in known] + sorted(ring.retired)
    found = [key_id for key_id in ids if key_id.startswith(prefix.lower())]
    if len(prefix) < MIN_PREFIX or len(found) != 1:
        raise Invalid(f"{prefix} names no one key. See: handrail keys list", code="no-such-key")
    return found[0]


def _ring() -> KeyRing:
    return installation.key_ring().load()


def _save(ring: KeyRing, what: str, key_id: str) -> None:
    """With its audit event where a database answers: a key that got out must be revoked even when none does."""
    who = operator_of_database()
    if who is None:
        installation.key_ring().save(ring)
        output.say("No audit event was written: no database answers.")
        return

    event = EventName[f"RELEASE_KEY_{what}"]
    keys.change(directory=installation.key_ring(), ring=ring, event=event, key_id=key_id, by=who)
