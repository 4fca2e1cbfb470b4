"""The child process: takes its limits on itself, reads one request and the bytes, answers, and ends.

Standard input: a line of JSON, then the bytes. Standard output: a line of JSON, then a PNG or nothing.
"""

from __future__ import annotations

import json
import resource
import sys
from typing import Any

from handrail.packets.pictures import drawing
from handrail.packets.pictures.boxes import Box

MEMORY_BYTES, PROCESSOR_SECONDS = 900 * 1024**2, 30


def limit() -> None:
    """No more memory, no more time, no files, no further process."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_SECONDS, PROCESSOR_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    """One request."""
    limit()
    request = json.loads(sys.stdin.buffer.readline())
    data = sys.stdin.buffer.read()
    png = b""
    try:
        picture = drawing.opened(data)
        head: dict[str, Any] = {"kind": picture.kind, "pages": picture.pages, "frames": picture.frames}
        if request["do"] == "read":
            head["texts"] = list(picture.texts())
        elif request["do"] == "page" and 1 <= request["page"] <= picture.pages:
            page = drawing.covered(picture.page(request["page"]), request["page"], _boxes(request))
            page = drawing.turned(page, request.get("turn", 0))
            png = drawing.as_png(page)
            head |= {"width": page.width, "height": page.height}
        elif request["do"] == "draw":
            png = drawing.drawn(picture, _boxes(request))
        else:
            head = {"code": "no-such-page", "message": "It has no such page."}
    except drawing.NotDrawn as error:
        head = {"code": error.args[0], "message": error.args[1]}
    except MemoryError:
        head = {"code": "too-many-pixels", "message": "Drawing it takes too much memory."}
    sys.stdout.buffer.write(json.dumps(head).encode() + b"\n" + png)


def _boxes(request: dict[str, Any]) -> list[Box]:
    return [Box(*box) for box in request["boxes"]]


if __name__ == "__main__":
    main()
