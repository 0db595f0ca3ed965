"""How much of a tool's output goes to the model, into the events and into the answer."""

from collections.abc import Iterable
from dataclasses import replace

from echo.providers.chat import Attachment, PictureAddress, Text
from echo.tools.limits import LoopLimits
from echo.tools.tool import ToolOutput

# Of one output, beside its texts.
MAX_PARTS = 32
MAX_ATTACHMENTS = 32
# Of a text that is cut so much is its beginning, the rest its end: as LibreChat has it.
HEAD = 0.7
LEFT_OUT = "The result is left out: the results of this answer are too large together."
PICTURE_LEFT_OUT = "A file is left out: the files of this answer are too large together."
EMPTY = "The tool has no output."
Content = Text | Attachment | PictureAddress


class Results:
    """The outputs of one loop, which share some bounds."""

    def __init__(self, limits: LoopLimits) -> None:
        self._chars = limits.result_chars
        self._bytes = limits.result_bytes
        self._pictures = limits.picture_bytes

    def bounded(self, output: ToolOutput) -> ToolOutput:
        """An output as far as there is room for it, in characters that every form of it can hold."""
        content = tuple(self._content(output.content[:MAX_PARTS])) or (Text(EMPTY),)
        return replace(output, content=content, attachments=output.attachments[:MAX_ATTACHMENTS])

    def _content(self, content: Iterable[Content]) -> Iterable[Content]:
        chars = self._chars
        for part in content:
            if isinstance(part, Text):
                text = cut(whole_characters(part.text), chars)
                chars = max(0, chars - len(text))
                yield self._text(text)
            elif isinstance(part, Attachment) and len(part.content) > self._pictures:
                yield Text(PICTURE_LEFT_OUT)
            else:
                if isinstance(part, Attachment):
                    self._pictures -= len(part.content)
                yield part

    def _text(self, text: str) -> Text:
        size = len(text.encode())
        if size > self._bytes:
            return Text(LEFT_OUT)
        self._bytes -= size
        return Text(text)


def whole_characters(text: str) -> str:
    """A text without halves of surrogate pairs, which no UTF-8 can hold."""
    return text.encode("utf-8", "replace").decode()


def cut(text: str, chars: int) -> str:
    """A text of no more than so many characters: its beginning and its end, and in between that there was more."""
    if len(text) <= chars:
        return text
    notice = f"\n[Cut: the result has {len(text)} characters, {chars} are shown.]\n"
    if chars < 2 * len(notice):
        return f"{text[:chars]}{notice.rstrip()}"
    room = chars - len(notice)
    head = int(room * HEAD)
    return f"{text[:head]}{notice}{text[len(text) - (room - head) :]}"
