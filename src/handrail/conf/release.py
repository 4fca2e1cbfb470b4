"""Hands packets their store of cleared annexes, their lanes and their release key."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from pathlib import Path

from handrail.conf import config
from handrail.connectors import lane, registry
from handrail.connectors.blobs import NamedBlobs
from handrail.kernel.errors import Misconfigured
from handrail.packets import settings
from handrail.packets.keyring import KeyRingDirectory
from handrail.packets.proof.keys import SigningKey

KEY_FILE = "release-signing-key.pem"
RING_DIRECTORY = "release-keys"
BLOBS_DIRECTORY = "blobs"


def connect(loaded: config.Config) -> None:
    """Opens lanes and store; the key is read when it is needed first. Raises Misconfigured naming the section."""
    lane.configure(lane.Lanes.open(lane.parse(loaded.lanes), config.secrets()))
    settings.configure(
        settings.PacketSettings(
            blobs=open_blobs(loaded),
            signing_key=signing_key,
            poll_every=timedelta(seconds=loaded.release.poll_seconds),
            settle=timedelta(seconds=loaded.release.settle_seconds),
            assembly_lease=timedelta(seconds=loaded.release.assembly_lease_seconds),
            intent_margin=timedelta(seconds=loaded.release.intent_margin_seconds),
        )
    )


def open_blobs(loaded: config.Config) -> NamedBlobs:
    """The configured store, or a folder in the state directory. Raises Misconfigured."""
    section = loaded.blobs or {"kind": "blobs", "folder": str(loaded.state_directory / BLOBS_DIRECTORY)}
    parsed = registry.parse_section("blobs", section)
    opened = registry.kinds()[parsed.kind].open("blobs", parsed, config.secrets())
    if not isinstance(opened, NamedBlobs):
        raise Misconfigured("blobs.kind must be blobs or blobs-s3.", code="config")
    return opened


def key_reference(loaded: config.Config) -> str:
    """Where the release key is: ``env:NAME`` or ``file:PATH``."""
    return loaded.release.signing_key or f"file:{loaded.state_directory / KEY_FILE}"


def key_ring(loaded: config.Config) -> KeyRingDirectory:
    """Which public keys count, and which of them signs."""
    directory: Path = loaded.release.key_ring or loaded.state_directory / RING_DIRECTORY
    return KeyRingDirectory(directory)


def signing_key() -> SigningKey:
    """The release key. Raises Misconfigured when there is none, or when it is not the one that the ring says signs."""
    loaded = config.load()
    key = _key(config.secrets().resolve(key_reference(loaded)).reveal())
    current = key_ring(loaded).load().current
    if key.key_id != current:
        why = "the key ring names another" if current else "the key ring names no signing key"
        raise Misconfigured(f"The release key can't be used: {why}. Run: handrail keys list", code="release-key")
    return key


@cache
def _key(pem: str) -> SigningKey:
    return SigningKey.from_pem(pem)
