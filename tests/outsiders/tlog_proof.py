#!/usr/bin/env python3
"""Checks a .tlog-proof, from the texts of c2sp.org/tlog-proof, tlog-checkpoint, signed-note and tlog-cosignature.

It imports nothing but the standard library; OpenSSL's program verifies the Ed25519 signatures. ML-DSA-44 needs OpenSSL
3.5: where the program has none, such a key is refused.

    python tlog_proof.py FILE LOG_VKEY [WITNESS_VKEY …]

Each witness that is named must have cosigned. Prints the leaf; exit code 1, with the reason, when something is wrong.
"""

import base64
import hashlib
import subprocess
import sys
import tempfile

DASH = "\u2014 "
SPKI = {1: bytes.fromhex("302a300506032b6570032100"), 4: bytes.fromhex("302a300506032b6570032100")}
SPKI[6] = bytes.fromhex("30820532300b06096086480165030403110382052100")


def die(why):
    sys.exit("not proven: " + why)


def openssl_says(public_der, message, signature):
    """Whether `openssl pkeyutl` takes the signature."""
    with tempfile.TemporaryDirectory() as folder:
        for name, data in (("key", public_der), ("message", message), ("signature", signature)):
            with open(f"{folder}/{name}", "wb") as file:
                file.write(data)
        words = "openssl pkeyutl -verify -pubin -keyform DER -rawin -inkey key -in message -sigfile signature"
        return subprocess.run(words.split(), cwd=folder, capture_output=True, check=False).returncode == 0


def vkey(text):
    """signed-note, "Verifier keys": <name>+<hex id>+<base64 of type byte and key>."""
    name, hexid, blob = text.split("+", 2)
    raw = base64.b64decode(blob)
    expected = hashlib.sha256(name.encode() + b"\n" + raw).hexdigest()[:8]
    if expected != hexid:
        die("a verifier key whose id is not that of its key")
    return name, bytes.fromhex(hexid), raw[0], raw[1:]


def signed_by(key, note, text):
    """Whether the note has a signature line by that key, and it is right."""
    name, key_id, kind, public = key
    origin, size, root = text.split("\n")[:3]
    size, root = int(size), base64.b64decode(root)
    for line in note.split("\n"):
        if not line.startswith(DASH + name + " "):
            continue
        blob = base64.b64decode(line[len(DASH + name + " ") :])
        if blob[:4] != key_id:
            continue
        signature = blob[4:]
        if kind == 1:
            message = text.encode()
        else:
            when, signature = signature[:8], signature[8:]
            if kind == 4:
                message = b"cosignature/v1\ntime %d\n" % int.from_bytes(when, "big") + text.encode()
            else:
                message = b"subtree/v1\n\0" + bytes([len(name.encode())]) + name.encode() + when
                message += bytes([len(origin.encode())]) + origin.encode()
                message += (0).to_bytes(8, "big") + size.to_bytes(8, "big") + root
        if not openssl_says(SPKI[kind] + public, message, signature):
            die("a signature by " + name + " that is wrong")
        return True
    return False


def root_from(leaf, index, size, path):
    """RFC 6962, 2.1.1, read backwards: which half is the leaf in, from the whole tree down?"""
    if size == 1:
        if path:
            die("the path is too long")
        return leaf
    if not path:
        die("the path is too short")
    half = 1
    while half * 2 < size:
        half *= 2
    *rest, last = path
    if index < half:
        left, right = root_from(leaf, index, half, rest), last
    else:
        left, right = last, root_from(leaf, index - half, size - half, rest)
    return hashlib.sha256(b"\1" + left + right).digest()


def main(file, log, *witnesses):
    with open(file, encoding="utf-8", newline="") as opened:
        lines, _, note = opened.read().partition("\n\n")
    magic, *lines = lines.split("\n")
    if magic != "c2sp.org/tlog-proof@v1":
        die("another format")
    extra = base64.b64decode(lines.pop(0)[6:]) if lines[0].startswith("extra ") else b""
    word, _, number = lines.pop(0).partition(" ")
    if word != "index" or str(int(number)) != number:
        die("no index")
    path = [base64.b64decode(line, validate=True) for line in lines]
    text, _, signatures = note.rpartition("\n\n")
    text += "\n"
    origin, size, root = text.split("\n")[:3]
    size, root = int(size), base64.b64decode(root)
    log_key = vkey(log)
    if log_key[0] != origin:
        die("another log")
    for key in (log_key, *map(vkey, witnesses)):
        if not signed_by(key, signatures, text):
            die("no signature by " + key[0])
    if not 0 <= int(number) < size:
        die("an index beyond the log")
    leaf = hashlib.sha256(b"\0" + extra).digest()
    if root_from(leaf, int(number), size, path) != root:
        die("the path leads to another root")
    sys.stdout.write(extra.decode() + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
