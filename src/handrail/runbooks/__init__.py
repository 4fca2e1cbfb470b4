"""Approved runbooks executed: runs, checkpoint ledger, verification, exception packets."""
