"""What goes into a request, in whatever provider's form: turns, pictures, text files."""

import base64
from html import escape

from echo.providers.chat import Attachment, ChatRequest, Turn
from echo.providers.parts import PDF

MAX_FILENAME = 255


def full_text(turn: Turn) -> str:
    """The text of a turn with its text files before it, each marked with its name."""
    files = (file_text(each) for each in turn.attachments if is_text_file(each))
    return "\n\n".join(part for part in (*files, turn.text) if part)


def is_picture(attachment: Attachment) -> bool:
    """Whether an attachment is sent as a picture."""
    return attachment.media_type.startswith("image/")


def is_audio(attachment: Attachment) -> bool:
    """Whether an attachment is sent as a sound."""
    return attachment.media_type.startswith("audio/")


def is_pdf(attachment: Attachment) -> bool:
    """Whether an attachment is a PDF, which some providers read for themselves."""
    return attachment.media_type == PDF


def is_text_file(attachment: Attachment) -> bool:
    """Whether an attachment goes as a text: what is nothing else."""
    return not (is_picture(attachment) or is_audio(attachment) or is_pdf(attachment))


def hoisted(request: ChatRequest) -> tuple[str | None, list[Turn]]:
    """The system prompt with the instructions from the middle of the chat, and the turns without them.

    For providers that take such instructions at the beginning only.
    """
    instructions = (turn.text for turn in request.turns if turn.role == "system")
    system = "\n\n".join(filter(None, (request.system, *instructions)))
    return system or None, [turn for turn in request.turns if turn.role != "system"]


def file_text(attachment: Attachment) -> str:
    """A text file as models read it well; its name cannot end the mark."""
    name = escape("".join(filter(str.isprintable, attachment.filename))[:MAX_FILENAME])
    text = attachment.content.decode("utf-8", "replace").removeprefix("\ufeff").rstrip("\n")
    return f'<file name="{name}">\n{text}\n</file>'


def in_base64(attachment: Attachment) -> str:
    """The bytes of a picture as text."""
    return base64.b64encode(attachment.content).decode("ascii")
