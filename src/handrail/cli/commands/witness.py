"""``handrail witness``: a witness of logs, on a machine of its own. Needs neither configuration nor Django."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from handrail.audit import cosignature
from handrail.audit.cosignature import CosignatureType
from handrail.audit.witness.deciding import Witness
from handrail.audit.witness.server import serve as run
from handrail.audit.witness.state import WitnessFiles
from handrail.cli import output

group = typer.Typer()

Directory = Annotated[Path, typer.Argument(metavar="DIR", help="Where the witness keeps its key and state.")]
Name = Annotated[str, typer.Option("--name", help="Its name in cosignatures, such as witness.example.com/w1.")]
KeyType = Annotated[
    Literal["ml-dsa-44", "ed25519"], typer.Option("--type", help="Of its key; Ed25519 for readers that know no other.")
]
LogKey = Annotated[str, typer.Argument(metavar="NAME+ID+KEY", help="A log's public key: handrail audit key.")]
WitnessHost = Annotated[str, typer.Option("--host", help="Address to listen on.")]
WitnessPort = Annotated[int, typer.Option("--port", min=0, max=65535, help="Port to listen on; 0 for any.")]
_TYPES = {"ml-dsa-44": CosignatureType.ML_DSA_44, "ed25519": CosignatureType.ED25519}


@group.command("init")
def init(directory: Directory, *, name: Name, type_: KeyType = "ml-dsa-44") -> None:
    """Make a witness with a new key, and print its public key, for [audit.witnesses] and policies."""
    print(WitnessFiles(directory).make(name, _TYPES[type_]).to_text())


@group.command("key")
def key(directory: Directory) -> None:
    """Print the public key of a witness."""
    files = WitnessFiles(directory)
    print(cosignature.public_of(files.name(), files.key()).to_text())


@group.command("trust")
def trust(directory: Directory, log_key: LogKey) -> None:
    """Cosign the log that has this key from now on; or take one more key of a log that is known."""
    known = cosignature.read_key(log_key)
    WitnessFiles(directory).trust(known)
    output.say(f"{known.name} is cosigned from now on")


@group.command("list")
def list_(directory: Directory, *, json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    """The logs that a witness knows, and how far it has cosigned each."""
    logs = WitnessFiles(directory).logs()
    if json:
        output.print_json([{"origin": one.origin, "size": one.size, "timestamp": one.timestamp} for one in logs])
        return
    rows = [(one.origin, one.size, one.timestamp or None) for one in logs]
    output.print_table("", ("log", "size", "cosigned at"), rows, empty="None. Add one: handrail witness trust")


@group.command("serve")
def serve(directory: Directory, *, host: WitnessHost = "127.0.0.1", port: WitnessPort = 7380) -> None:
    """Answer logs that ask for cosignatures, until SIGTERM. Put TLS in front of it."""
    run(Witness.open(WitnessFiles(directory)), host=host, port=port)
