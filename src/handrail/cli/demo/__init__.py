"""The demo: delegated tasks run through approved runbooks on the practice estate, checked at the end."""
