"""The sample profile, with a type of artifact that people clear."""

from __future__ import annotations

from handrail.definitions.states import DefinitionKind
from tests.factories.installation import define
from tests.factories.packets import Packets, retire
from tests.unit.definitions.profile_samples import PROFILE

WITH_PICTURES = PROFILE.replace("version: 2", "version: 3").replace(
    "    other: {clear: never}",
    '    picture: {where: annex.kind == "picture", clear: pictures/v1,\n'
    "      redact: {by: [senior-support, escalation-owner], attest: [identity-owner, escalation-owner]}}\n"
    "    other: {clear: never}",
)


def with_pictures(desk: Packets) -> None:
    """The desk's profile lets pictures out."""
    retire(DefinitionKind.PACKET)
    define(desk.workspace, WITH_PICTURES, DefinitionKind.PACKET)
