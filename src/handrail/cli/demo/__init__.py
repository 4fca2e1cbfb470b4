"""The demo: delegated tasks carried through approved runbooks against the practice estate, and judged at the end."""
