"""What all tools that draw have in common: what they take, and what comes of a picture."""

import base64
import binascii
from typing import Any

from echo.tools.builtin.builtin import Bench
from echo.tools.builtin.shelf import MAX_PICTURE_BYTES
from echo.tools.tool import ToolFailure, ToolOutput

PICTURE_SECONDS = 240.0
# A picture in base64, and what stands around it.
MAX_ANSWER_BYTES = MAX_PICTURE_BYTES * 4 // 3 + 1024 * 1024
MAX_EDITED = 16
SHOWN = (
    "The picture is made, and the user sees it. Do not describe it at length, and do not offer a link to it."
)


def plain(prompt: str) -> str:
    """A description on one line, without quotation marks."""
    return " ".join(prompt.replace('"', "").split())


def picture_of(encoded: Any) -> bytes:
    """A picture in base64, as a service gave it. Raises `ToolFailure`."""
    if not isinstance(encoded, str) or not encoded:
        raise ToolFailure("The service gave no picture.")
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise ToolFailure("The service gave no picture.") from None


async def drawn(bench: Bench, tool: str, content: bytes) -> ToolOutput:
    """Keep a picture for the user; the model gets its id, by which it may have it changed. Raises `ToolFailure`."""
    attachment = await bench.shelf.keep(bench.place, f"{tool}.png", content)
    told = f'{SHOWN}\n\ngenerated_image_id: "{attachment["file_id"]}"'
    return ToolOutput.of_text(told, attachments=[attachment])
