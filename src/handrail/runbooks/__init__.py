"""Approved runbooks carried through: runs, checkpoint ledger, verification, exception packets."""
