"""``handrail pictures``: PDFs and images that people clear for an escalation packet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from handrail.cli import output
from handrail.cli.commands.packets import Exact, Number, PacketRef, build_asked
from handrail.cli.identity import actor
from handrail.cli.options import As, InWorkspace, Json
from handrail.kernel.errors import Invalid
from handrail.packets.actions import redacting

group = typer.Typer()

AnnexName = Annotated[str, typer.Argument(metavar="ANNEX", help="The annex's name, such as picture-1.")]
Boxes = Annotated[
    list[str] | None,
    typer.Option("--box", metavar="PAGE,X,Y,W,H", help="A black box, in thousandths of the page; repeat it for each."),
]


@group.command("show")
def show(
    packet: PacketRef,
    annex: AnnexName,
    *,
    revision: Number = None,
    to: Annotated[Path | None, typer.Option("--to", metavar="FILE", help="Write a PNG of it here.")] = None,
    page: Annotated[
        int | None, typer.Option("--page", min=1, help="Write this page of the original, not what would leave.")
    ] = None,
    as_: As = None,
    workspace: InWorkspace = None,
    json: Json = False,
) -> None:
    """A picture that people clear: what was found in its text, by place, and who redacted and attested it."""
    who = actor(as_, workspace)
    if to is not None and page is not None:
        drawn = redacting.page(ref=packet, revision=revision, annex=annex, number=page, boxes=(), by=who)
        _write(to, drawn.png)
        return
    if to is not None:
        _write(to, redacting.result(ref=packet, revision=revision, annex=annex, by=who))
        return
    found = redacting.look(ref=packet, revision=revision, annex=annex, by=who)
    if json:
        output.print_json(found)
        return
    last = found.redaction
    output.print_facts(
        {
            "picture": f"{annex} of {found.packet} revision {found.revision}",
            "original": found.original_digest,
            "pages": found.pages or found.refused,
            "text recognition": "read the pixels" if found.recognised else "not installed: only people look",
            "redacted": last and f"by {last.by} as {last.role}, {len(last.boxes)} boxes",
            "result": last and last.result_digest,
            "attested": last and last.attested and f"by {last.attested.by} as {last.attested.role}",
        }
    )
    rows = [
        (
            one.finding.kind,
            one.finding.where,
            " ".join(",".join(map(str, box)) for box in one.finding.place),
            one.covered,
        )
        for one in found.findings
    ]
    output.print_table(
        "Found in it", ("what", "where", "box", "covered"), rows, empty="Nothing was found by its shape."
    )


@group.command("redact")
def redact(
    packet: PacketRef,
    annex: AnnexName,
    *,
    revision: Exact,
    original: Annotated[
        str,
        typer.Option(
            "--original", metavar="SHA256", help="The digest of the original, as shown by: handrail pictures show"
        ),
    ],
    box: Boxes = None,
    as_: As = None,
    workspace: InWorkspace = None,
    json: Json = False,
) -> None:
    """Draw a picture again with black boxes. It leaves once another person has attested the result."""
    who = actor(as_, workspace)
    done = redacting.redact(
        ref=packet,
        revision=revision,
        annex=annex,
        original_digest=original,
        boxes=[_box(one) for one in box or ()],
        by=who,
    )
    if json:
        output.print_json(done)
        return
    output.say(f"{annex} redacted with {len(done.boxes)} boxes, result {done.result_digest}")


@group.command("attest")
def attest(
    packet: PacketRef,
    annex: AnnexName,
    *,
    revision: Exact,
    digest: Annotated[str, typer.Option("--digest", metavar="SHA256", help="The result's digest that you looked at.")],
    as_: As = None,
    workspace: InWorkspace = None,
    json: Json = False,
) -> None:
    """Let exactly the result that you looked at leave. Not for who redacted it. This makes a new revision."""
    who = actor(as_, workspace)
    asked = redacting.attest(ref=packet, revision=revision, annex=annex, digest=digest, by=who)
    build_asked(who, asked, json=json)


def _box(text: str) -> list[int]:
    parts = text.split(",")
    if not all(part.isascii() and part.isdigit() and len(part) <= 4 for part in parts):  # noqa: PLR2004
        raise Invalid("A box is PAGE,X,Y,W,H in whole numbers.", code="box")
    return [int(part) for part in parts]


def _write(path: Path, data: bytes) -> None:
    try:
        with path.open("xb") as out:
            out.write(data)
    except OSError as error:
        raise Invalid(f"{path} can't be written to: {error.strerror}.", code="file") from None
    output.say(str(path))
