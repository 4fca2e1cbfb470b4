"""Carries a released revision to its lane, and takes it back, from its delivery ledger alone.

standing ─ where a delivery stands, read from its rows
packing ── the package, rebuilt byte for byte
carry ──── one move after another, until it ends or has to wait
"""
