"""Merkle log arithmetic of RFC 6962, section 2.1: roots, inclusion and consistency proofs. No storage, no clock.

``CF-…`` are clauses of docs/reference/checkpoint-format.md.

A log keeps every complete subtree once, as a ``Node`` at (level, index): level 0 holds the leaf hashes, and the node
at (level, index) covers the leaves from ``index << level`` up to ``(index + 1) << level``. ``Frontier.append`` says
which nodes a new leaf completes; proofs read them back through a ``NodeAt``. Appending costs O(log n) hashes at most,
proving O(log² n).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()

NodeAt: TypeAlias = Callable[[int, int], bytes]
"""``node_at(level, index)`` gives the hash of that complete subtree."""


def leaf_hash(data: bytes) -> bytes:
    """CF-11: SHA-256 over 0x00 and the leaf's bytes."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """CF-12: SHA-256 over 0x01 and both children, so that no inner node passes for a leaf."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Node:
    level: int
    index: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Frontier:
    """What must be remembered to append: the complete subtrees' roots, largest first, one per set bit of ``size``.

    Raises ValueError when ``hashes`` is not that many 32-byte hashes.
    """

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if self.size < 0 or len(self.hashes) != self.size.bit_count():
            raise ValueError(f"a frontier of {self.size} leaves holds {self.size.bit_count()} hashes")
        if any(len(value) != HASH_BYTES for value in self.hashes):
            raise ValueError(f"a hash is {HASH_BYTES} bytes")

    def append(self, leaf: bytes) -> tuple[Frontier, tuple[Node, ...]]:
        """The frontier with one more leaf hash, and the nodes that it completes, from the leaf upwards."""
        hashes = list(self.hashes)
        born = [Node(0, self.size, leaf)]
        while (self.size >> (len(born) - 1)) & 1:
            top = born[-1]
            born.append(Node(top.level + 1, top.index >> 1, node_hash(hashes.pop(), top.hash)))
        return Frontier(self.size + 1, (*hashes, born[-1].hash)), tuple(born)

    def root(self) -> bytes:
        """The Merkle tree hash over all leaves; SHA-256 of nothing for an empty log."""
        if not self.hashes:
            return EMPTY_ROOT
        root = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            root = node_hash(left, root)
        return root


def root_of(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf hashes."""
    frontier = Frontier()
    for leaf in leaves:
        frontier, _ = frontier.append(leaf)
    return frontier.root()


def root_at(size: int, node_at: NodeAt) -> bytes:
    """The root that the log had at ``size`` leaves."""
    return _range_hash(0, size, node_at) if size else EMPTY_ROOT


def inclusion_proof(index: int, size: int, node_at: NodeAt) -> tuple[bytes, ...]:
    """CF-16: PATH(index, D[size]) of RFC 6962, section 2.1.1: siblings from the leaf upwards.

    Raises ValueError unless 0 <= index < size.
    """
    if not 0 <= index < size:
        raise ValueError(f"there is no leaf {index} in a log of {size}")
    path: list[bytes] = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            path.append(_range_hash(middle, end, node_at))
            end = middle
        else:
            path.append(_range_hash(begin, middle, node_at))
            begin = middle
    return tuple(reversed(path))


def consistency_proof(first: int, second: int, node_at: NodeAt) -> tuple[bytes, ...]:
    """CF-17: PROOF(first, D[second]) of RFC 6962, section 2.1.2. Empty when the sizes are equal or ``first`` is 0.

    Raises ValueError unless 0 <= first <= second.
    """
    if not 0 <= first <= second:
        raise ValueError(f"a log of {first} can't be the beginning of one of {second}")
    if first in (0, second):
        return ()
    proof: list[bytes] = []
    begin, end = 0, second
    while end != first:
        middle = begin + _split(end - begin)
        if first <= middle:
            proof.append(_range_hash(middle, end, node_at))
            end = middle
        else:
            proof.append(_range_hash(begin, middle, node_at))
            begin = middle
    if begin:  # at 0 the verifier has that subtree: it is the old root
        proof.append(_range_hash(begin, end, node_at))
    return tuple(reversed(proof))


def verify_inclusion(*, leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """CF-16: whether the leaf hash is at ``index`` of the log with that size and root. RFC 9162, section 2.1.3.2."""
    if not 0 <= index < size:
        return False
    node, last, running = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if node & 1 or node == last:
            running = node_hash(sibling, running)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            running = node_hash(running, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and running == root


def verify_consistency(
    *, first: int, second: int, first_root: bytes, second_root: bytes, proof: Sequence[bytes]
) -> bool:
    """CF-17: whether the larger log begins with the smaller. RFC 9162, section 2.1.4.2.

    Every log begins with the empty one, so ``first`` = 0 asks for an empty proof and the empty root only.
    """
    if not 0 <= first <= second:
        return False
    if first == second:
        return not proof and first_root == second_root
    if first == 0:
        return not proof and first_root == EMPTY_ROOT
    path = [first_root, *proof] if first & (first - 1) == 0 else list(proof)
    return bool(path) and _replay(first - 1, second - 1, path) == (first_root, second_root)


def _replay(node: int, last: int, path: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    """Both roots that a consistency path leads to; None when its length doesn't fit."""
    while node & 1:
        node, last = node >> 1, last >> 1
    older = newer = path[0]
    for sibling in path[1:]:
        if last == 0:
            return None
        if node & 1 or node == last:
            older, newer = node_hash(sibling, older), node_hash(sibling, newer)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            newer = node_hash(newer, sibling)
        node, last = node >> 1, last >> 1
    return (older, newer) if last == 0 else None


def _split(size: int) -> int:
    """CF-12: the largest power of two smaller than ``size`` (at least 2)."""
    return 1 << ((size - 1).bit_length() - 1)


def _range_hash(begin: int, end: int, node_at: NodeAt) -> bytes:
    """The Merkle tree hash over leaves begin to end, where ``begin`` is a multiple of the range's power of two."""
    parts: list[bytes] = []
    while begin < end:
        level = (end - begin).bit_length() - 1
        parts.append(node_at(level, begin >> level))
        begin += 1 << level
    running = parts.pop()
    while parts:
        running = node_hash(parts.pop(), running)
    return running
