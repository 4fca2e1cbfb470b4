"""The proof that leaves with a packet: manifest, approvals, signatures, package, and the receiver's verification.

Pure: no database, no network, no clock, no configuration. The receiver's side needs nothing else of Handrail but
this, and nothing of others but ``cryptography`` and ``rfc8785``.

    reading, rules, terms ─ the strict reader of every signed document, and what these are made of
    manifest ── what is released: one revision, one lane, audience, signers, holds, contents
    signers ─── who may approve, and whether those who did suffice
    approvals ─ who did approve that manifest
    dsse, keys  envelopes signed with the release key; which keys are accepted
    cover, sheet  the cover sheet, which follows from the signed documents
    bag, archive, package ─ the deterministic ZIP in BagIt layout
    unpack, verify, accepted ─ the receiver: offline, public keys alone
"""
