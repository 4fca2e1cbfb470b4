"""Delivers a released revision to its lane, and takes it back, from its delivery ledger alone.

packing ─ the package, rebuilt byte for byte
advance ─ one move after another, until the delivery ends or has to wait
"""
