"""What moves a revision, and what it stands on while it moves. Knows nothing of who may ask for it.

moves ─── begin and end revisions; every transition is a conditional UPDATE under the packet's lock
outside ─ what the authoritative sources say now. Never inside a transaction
binding ─ the manifest of what was assembled
"""
