"""What must not leave in a text: secrets, personal data, names of internal hosts, claims that the profile forbids.

``look`` reads one text in time that grows with its length, and says of each finding what kind it is and where it
stands; ``masked`` puts a visible mark in its place. Pure functions of the text; no clock, no files, no database.

folding ──── the readings of one text: as people read it, without line breaks, and out of its encodings
credentials, passwords, people, hosts, claims ─── what is looked for
"""

from __future__ import annotations

from handrail.packets.findings.kinds import CARRIED, CODES, TextFinding, TextTerms
from handrail.packets.findings.looking import look
from handrail.packets.findings.masking import Masked, masked

__all__ = ["CARRIED", "CODES", "Masked", "TextFinding", "TextTerms", "look", "masked"]
