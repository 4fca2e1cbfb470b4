"""Assembly: from what the authoritative sources say to one revision's bytes. Pure but for ``sources``, which reads.

snapshots ── one reading of one source
drift ────── what differs between two readings
sources ──── reads every source once, by its connector; reads again only to compare
artifacts ── one attached artifact: its facts, and what its sanitiser made of it
assemble ─── profile, snapshots, tables and artifacts to packet, trace and holds
holds ────── who may clear what, and what clearing it does
compare ──── what differs between two revisions
"""
