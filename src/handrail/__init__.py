"""Handrail: support remediation on rails."""

__version__ = "0.1.0"
