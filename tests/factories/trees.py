"""A Merkle log in memory, by the recursive definitions of RFC 6962, section 2.1: slow, and no code of ours."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Tree:
    leaves: Sequence[bytes]

    def root(self, size: int | None = None) -> bytes:
        return _hash(self.leaves if size is None else self.leaves[:size])

    def path(self, index: int, size: int | None = None) -> tuple[bytes, ...]:
        return tuple(_path(index, self.leaves if size is None else self.leaves[:size]))

    def consistency(self, old: int, size: int | None = None) -> tuple[bytes, ...]:
        leaves = self.leaves if size is None else self.leaves[:size]
        return tuple(_sub(old, leaves, True)) if 0 < old < len(leaves) else ()


def _split(count: int) -> int:
    half = 1
    while half * 2 < count:
        half *= 2
    return half


def _hash(leaves: Sequence[bytes]) -> bytes:
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    half = _split(len(leaves))
    return hashlib.sha256(b"\x01" + _hash(leaves[:half]) + _hash(leaves[half:])).digest()


def _path(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    if len(leaves) == 1:
        return []
    half = _split(len(leaves))
    if index < half:
        return [*_path(index, leaves[:half]), _hash(leaves[half:])]
    return [*_path(index - half, leaves[half:]), _hash(leaves[:half])]


def _sub(old: int, leaves: Sequence[bytes], whole: bool) -> list[bytes]:
    if old == len(leaves):
        return [] if whole else [_hash(leaves)]
    half = _split(len(leaves))
    if old <= half:
        return [*_sub(old, leaves[:half], whole), _hash(leaves[half:])]
    return [*_sub(old - half, leaves[half:], False), _hash(leaves[:half])]
