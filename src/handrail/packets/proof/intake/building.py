"""Writes ``handrail-intake``: one executable file with these modules in it, readable, and the same bytes everywhere.

A zipapp (``python FILE``, or the file itself): stored, not compressed, so that a pager shows what is in it; names in
order, one time. It brings rfc8785, which is pure Python; of others it needs ``cryptography`` alone.
"""

from __future__ import annotations

import io
import zipfile
from importlib import metadata, util
from pathlib import Path
from typing import Final

import handrail
from handrail.kernel.errors import Misconfigured
from handrail.packets.proof.durable import replacing

SHEBANG: Final = b"#!/usr/bin/env python3\n"
MAX_BYTES: Final = 2 * 1024 * 1024
_EARLIEST = (1980, 1, 1, 0, 0, 0)
_MODE = 0o100644 << 16
_UNIX = 3
# Below the package ``handrail``: every module of the proof, and of the kernel those that it stands on.
KERNEL: Final = (
    "assertions",
    "canonical",
    "clock",
    "configured",
    "errors",
    "hostile",
    "keyfiles",
)
_PACKAGES: Final = ("__init__.py", "kernel/__init__.py", "packets/__init__.py")
_MAIN = '''"""The receiver's verifier of Handrail's packages. Begin with README.txt; nothing in here is compressed."""

import os
import sys

# PYTHONPATH may name the folder in which somebody looks at what they were sent. No code is taken from there.
sys.path[1:] = [place for place in sys.path[1:] if place and os.path.realpath(place) != os.path.realpath(".")]
if sys.version_info < (3, 11):
    sys.exit("handrail-intake needs Python 3.11 or later.")
try:
    import cryptography.hazmat.primitives.serialization  # noqa: F401
except ImportError:
    sys.exit("handrail-intake needs the package cryptography. Install it: python3 -m pip install cryptography")

from handrail.packets.proof.intake.program import main

sys.exit(main())
'''
_README = """handrail-intake {version}

Checks packages that a Handrail installation released to you, offline, with the
sender's public keys alone. It needs Python 3.11 or later and the package
cryptography, and nothing else: no account, configuration, database or network.

    python3 handrail-intake verify PACKAGE --key sender.pem --lane LANE
    python3 handrail-intake --help

To read it: python3 -m zipfile -e handrail-intake FOLDER. Begin with
handrail/packets/proof/verify.py; the clauses that it cites (PF-1 and so on) are
those of the published package format.

handrail is licensed under Apache-2.0, and so is rfc8785, by Trail of Bits. The
licence is in rfc8785/LICENSE.txt.
"""


def build() -> bytes:
    """The file's bytes."""
    out = io.BytesIO()
    out.write(SHEBANG)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, raw in sorted(_files().items()):
            entry = zipfile.ZipInfo(name, _EARLIEST)
            entry.create_system, entry.external_attr = _UNIX, _MODE
            archive.writestr(entry, raw)
    return out.getvalue()


def write_file(target: Path) -> int:
    """Writes it, executable; its size in bytes. Raises OSError."""
    raw = build()
    with replacing(target) as out:
        out.write(raw)
    target.chmod(0o755)
    return len(raw)


def _files() -> dict[str, bytes]:
    root = Path(handrail.__file__).parent
    proof = root / "packets" / "proof"
    ours = [root / name for name in _PACKAGES]
    ours += [root / "kernel" / f"{name}.py" for name in KERNEL]
    ours += [file for file in proof.rglob("*.py") if "__pycache__" not in file.parts]
    found = {f"handrail/{file.relative_to(root).as_posix()}": file.read_bytes() for file in ours}
    found.update(_bundled("rfc8785"))
    found["__main__.py"] = _MAIN.encode()
    found["README.txt"] = _README.format(version=handrail.__version__).encode()
    return found


def _bundled(name: str) -> dict[str, bytes]:
    """The modules of an installed pure-Python package, and its licence."""
    spec = util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise Misconfigured(f"The package {name} is not installed as files.", code="intake-build")
    folder = Path(spec.submodule_search_locations[0])
    found = {f"{name}/{file.name}": file.read_bytes() for file in folder.glob("*.py")}
    for file in metadata.files(name) or ():
        if file.name.upper().startswith("LICENSE"):
            found[f"{name}/LICENSE.txt"] = Path(str(file.locate())).read_bytes()
    return found
