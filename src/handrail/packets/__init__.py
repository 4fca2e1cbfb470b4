"""Packets: profiles applied, holds, approvals, one manifest, one lane."""
