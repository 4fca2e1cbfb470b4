"""Subject keys in a folder that configuration names."""

from __future__ import annotations

from pathlib import Path

from handrail.access.keystore import FolderKeys, SubjectKeysUnavailable
from handrail.connectors.finding import Finding


class ConfiguredFolderKeys(FolderKeys):
    """As ``FolderKeys``, under the name of its section."""

    kind = "subject-keys"

    def __init__(self, name: str, folder: Path, *, make: bool = False) -> None:
        super().__init__(folder, make=make)
        self.name = name

    def check(self) -> list[Finding]:
        """Whether a key can be written."""
        try:
            return [Finding(self.name, ok=True, message=self.probe())]
        except SubjectKeysUnavailable as error:
            fix = "Make the folder (mode 0700, of the user that runs Handrail), or mount it; look at its free space."
            return [Finding(self.name, ok=False, message=error.message, fix=fix)]
