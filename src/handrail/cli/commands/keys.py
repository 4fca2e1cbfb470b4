"""``handrail keys``: the release key, and which public keys count. Needs no database; where one answers, each change is
in its audit log."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from handrail.cli import output, release_keys
from handrail.cli.identity import refuse_members
from handrail.cli.options import Json
from handrail.kernel.errors import Conflict, Invalid
from handrail.packets.proof.keys import KeyRing, PublicKey

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
    release_keys.generate(out)


@group.command("rotate")
def rotate(*, out: Out = None) -> None:
    """Make a new release key. The previous one stays accepted until you retire it, after what it signed has expired."""
    release_keys.install(out, replace=True)


@group.command("list")
def list_(*, json: Json = False) -> None:
    """Every release key, and whether receivers accept it."""
    ring = release_keys.current_ring()
    rows = [(key.key_id, "signs" if key.key_id == ring.current else "accepted") for key in ring.accepted]
    rows += [(key_id, "retired") for key_id in sorted(ring.retired)]
    rows += [(key_id, "revoked") for key_id in sorted(ring.revoked)]
    if json:
        output.print_json([{"key": key, "state": state} for key, state in rows])
    else:
        output.print_table("", ("key", "state"), rows, empty="No keys. Make one: handrail keys generate")


@group.command("retire")
def retire(key: KeyId) -> None:
    """Stop accepting a key that no longer signs: it is rotated out."""
    refuse_members()
    ring = release_keys.current_ring()
    found = _find(ring, key)
    release_keys.save(ring.retire(found), "RETIRED", found)
    output.say(f"{found} retired. Give receivers the new keys: handrail keys export")


@group.command("revoke")
def revoke(key: KeyId) -> None:
    """Refuse a key immediately, whatever it signed. If it is the current key, rotate next."""
    refuse_members()
    ring = release_keys.current_ring()
    found = _find(ring, key)
    release_keys.save(ring.revoke(found), "REVOKED", found)
    output.say(f"{found} revoked. Tell receivers at once: handrail keys export")


@group.command("export")
def export() -> None:
    """Print the accepted public keys as PEM, with retired and revoked ones, for: handrail intake verify"""
    ring = release_keys.current_ring()
    if not (ring.accepted or ring.retired or ring.revoked):
        raise Conflict("There are no keys. Make one: handrail keys generate", code="key-ring")
    print(ring.to_pem(), end="")


def _find(ring: KeyRing, prefix: str) -> str:
    known: list[PublicKey] = list(ring.accepted)
    ids = [key.key_id for key in known] + sorted(ring.retired)
    found = [key_id for key_id in ids if key_id.startswith(prefix.lower())]
    if len(prefix) < MIN_PREFIX or len(found) != 1:
        raise Invalid(f"{prefix} doesn't identify exactly one key. See: handrail keys list", code="no-such-key")
    return found[0]
