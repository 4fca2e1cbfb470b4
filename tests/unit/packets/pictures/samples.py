"""Pictures and PDFs as people and attackers make them. PDFs are written by hand, so that nothing hides in a library."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterable, Mapping

from PIL import Image, ImageDraw, ImageFont, PngImagePlugin

SECRET = "Walnut-Otter-7183"
KEY = "AKIAIOSFODNN7EXAMPLE"
LINE = f"password: {SECRET}"


def written(*lines: str, size: tuple[int, int] = (900, 300)) -> Image.Image:
    """A screenshot with these lines of text."""
    image = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(image)
    for at, line in enumerate(lines):
        pen.text((30, 30 + 80 * at), line, fill="black", font=ImageFont.load_default(36))
    return image


def saved(image: Image.Image, form: str = "PNG", **more: object) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **more)
    return out.getvalue()


def screenshot() -> bytes:
    return saved(written("Log-in failed", LINE))


def with_text_chunk() -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", SECRET)
    info.add_itxt("XML:com.adobe.xmp", f"<x>{SECRET}</x>", zip=True)
    return saved(written("Log-in failed"), pnginfo=info)


def with_exif() -> bytes:
    exif = Image.Exif()
    exif[0x010E] = SECRET
    exif.get_ifd(0x8825)[2] = (57.0, 42.0, 7.183)
    return saved(written("Log-in failed"), "JPEG", exif=exif, comment=SECRET.encode(), icc_profile=SECRET.encode() * 9)


def with_trailing_data() -> bytes:
    return saved(written("Log-in failed")) + SECRET.encode()


def under_alpha() -> bytes:
    """Text in the colours of pixels that are wholly transparent."""
    image = written(LINE).convert("RGBA")
    image.putalpha(0)
    return saved(image)


def in_last_digits() -> bytes:
    """Text in the lowest three bits of each colour."""
    image = Image.new("RGB", (60, 60), (200, 200, 200))
    bits = [byte >> shift & 7 for byte in SECRET.encode() for shift in (5, 2, 0)]
    image.putdata([(200 | b, 200 | b, 200 | b) for b in bits] + [(200, 200, 200)] * (3600 - len(bits)))
    return saved(image)


def animated() -> bytes:
    frames = [written("Log-in failed"), written(LINE)]
    return saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=100)


def sixteen_bits() -> bytes:
    return saved(Image.new("I;16", (40, 30), 40_000))


def cmyk() -> bytes:
    return saved(written("Log-in failed").convert("CMYK"), "JPEG")


def huge_header() -> bytes:
    """A PNG that says it has 40,000 times 40,000 pixels, in a hundred bytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")

    side = (40_000).to_bytes(4, "big")
    head = chunk(b"IHDR", side + side + bytes([8, 2, 0, 0, 0]))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


def pdf(
    content: str, *, pages: int = 1, objects: Mapping[int, bytes] | None = None, root: str = "", page: str = "",
    media: str = "[0 0 595 842]",
) -> bytes:  # fmt: skip
    """A PDF whose pages all show ``content``, with further ``objects`` (from 10), keys of the root and of pages."""
    stream = content.encode("latin-1")
    kids = " ".join(f"{100 + n} 0 R" for n in range(pages))
    numbered = {
        1: f"<< /Type /Catalog /Pages 2 0 R {root} >>".encode(),
        2: f"<< /Type /Pages /Kids [{kids}] /Count {pages} >>".encode(),
        3: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        4: b"<< /Length %d >>\nstream\n" % len(stream) + stream + b"\nendstream",
        **(objects or {}),
        **{
            100 + n: f"<< /Type /Page /Parent 2 0 R /MediaBox {media} /Contents 4 0 R /Resources << /Font "
            f"<< /F1 3 0 R >> /XObject << /Im1 11 0 R >> >> {page} >>".encode()
            for n in range(pages)
        },
    }
    return _joined(numbered.items())


def _joined(objects: Iterable[tuple[int, bytes]]) -> bytes:
    out, places = b"%PDF-1.7\n", {}
    for number, body in objects:
        places[number] = len(out)
        out += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    at = len(out)
    out += b"xref\n0 1\n0000000000 65535 f \n"
    for number, place in sorted(places.items()):
        out += f"{number} 1\n{place:010d} 00000 n \n".encode()
    return out + f"trailer << /Size 999 /Root 1 0 R >>\nstartxref\n{at}\n%%EOF\n".encode()


def text(line: str, *, at: tuple[int, int] = (60, 700), mode: int = 0) -> str:
    return f"BT /F1 24 Tf {mode} Tr {at[0]} {at[1]} Td ({line}) Tj ET"


def report() -> bytes:
    return pdf(text("Log-in failed") + " " + text(LINE, at=(60, 600)))


OTHER_PAGE_SPACES = {
    "turned 90": lambda: pdf(text(KEY), page="/Rotate 90"),
    "turned 180": lambda: pdf(text(KEY), page="/Rotate 180"),
    "turned 270": lambda: pdf(text(KEY), page="/Rotate 270"),
    "cut out": lambda: pdf(text(KEY, at=(220, 480)), page="/CropBox [200 400 580 600]"),
    "cut out and turned": lambda: pdf(text(KEY, at=(220, 480)), page="/CropBox [200 400 580 600] /Rotate 90"),
    "far origin": lambda: pdf(text(KEY, at=(1060, 1700)), media="[1000 1000 1595 1842]"),
    "negative origin": lambda: pdf(text(KEY, at=(-250, 100)), media="[-300 -400 295 442]"),
    "other units": lambda: pdf(text(KEY), page="/UserUnit 2"),
    "control characters before": lambda: pdf(
        text(r"\215\216 ab\000\001\002\003\004\005 cd", at=(60, 750), mode=3) + " " + text(KEY)
    ),
}


def hidden_layer() -> bytes:
    """Text that no reader draws, as text recognition leaves it behind a scan."""
    return pdf(text("Log-in failed") + " " + text(LINE, at=(60, 600), mode=3))


def scripted() -> bytes:
    return pdf(
        text("Log-in failed"),
        objects={10: f"<< /S /JavaScript /JS (app.alert\\('{SECRET}'\\)) >>".encode()},
        root="/OpenAction 10 0 R",
    )


def with_jpeg_2000() -> bytes:
    data = saved(written("Log-in failed"), "JPEG2000")
    image = (
        b"<< /Type /XObject /Subtype /Image /Width 900 /Height 300 /Filter /JPXDecode /Length %d >>\nstream\n"
        % len(data)
    )
    return pdf("q 500 0 0 160 40 600 cm /Im1 Do Q", objects={11: image + data + b"\nendstream"})


def xfa() -> bytes:
    form = b"<xdp:xdp xmlns:xdp='http://ns.adobe.com/xdp/'><template>%s</template></xdp:xdp>" % SECRET.encode()
    stream = b"<< /Length %d >>\nstream\n" % len(form) + form + b"\nendstream"
    return pdf(
        text("Please wait"),
        objects={10: b"<< /Fields [] /XFA 12 0 R /NeedsRendering true >>", 12: stream},
        root="/AcroForm 10 0 R /NeedsRendering true",
    )


def encrypted() -> bytes:
    key = f"<< /Filter /Standard /V 1 /R 2 /O <{'41' * 32}> /U <{'42' * 32}> /P -4 >>".encode()
    plain = pdf(text(LINE), objects={10: key})
    return plain.replace(b"/Root 1 0 R", b"/Root 1 0 R /Encrypt 10 0 R /ID [<00><00>]")


def polyglot() -> bytes:
    """A PDF that is a ZIP archive as well."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("secret.txt", SECRET)
    return report() + out.getvalue()
