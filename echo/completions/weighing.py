"""What a request costs beside its texts, before the model is asked: an estimate on the high side.

Only the provider knows what it reads of a picture, a document or a sound. So much is held; what counts in the end is
what the provider tells.
"""

import re
from collections.abc import Iterable, Iterator

import orjson

from echo.chat.context import picture_tokens
from echo.files.images import peek
from echo.files.kinds import IMAGE_TYPES
from echo.providers.chat import Attachment, ChatRequest, PictureAddress
from echo.providers.parts import PDF

# Providers read a page as text and as a picture: Anthropic tells of 1,500 to 3,000 tokens.
PAGE_TOKENS = 3000
# Where the pages lie in compressed parts of the file, so that they cannot be counted.
PAGE_BYTES = 50_000
# OpenAI counts ten tokens a second; so few bytes a second have only sounds that are compressed hard.
SOUND_BYTES = 400
PAGE = re.compile(rb"/Type\s*/Page(?![A-Za-z])")
# Of a picture that is looked at coarsely, whatever its size (OpenAI).
COARSE_TOKENS = 85


def tools_text(request: ChatRequest) -> Iterator[str]:
    """The tools as the model reads them: names, descriptions and schemas."""
    for tool in request.tools:
        yield f"{tool.name} {tool.description or ''} "
        yield orjson.dumps(tool.parameters or {}).decode()


def has_more_than_texts(request: ChatRequest) -> bool:
    """Whether there is anything that is no text."""
    return any(True for _ in _beside(request))


def tokens_beside(request: ChatRequest) -> int:
    """The tokens of all that is no text: pictures, PDFs, sounds."""
    return sum(map(_tokens, _beside(request)))


def _beside(request: ChatRequest) -> Iterable[Attachment | PictureAddress]:
    for turn in request.turns:
        for part in turn.parts:
            if isinstance(part, Attachment | PictureAddress):
                yield part
        for result in turn.results:
            yield from (part for part in result.content if isinstance(part, Attachment | PictureAddress))


def _tokens(part: Attachment | PictureAddress) -> int:
    if isinstance(part, PictureAddress) or part.media_type in IMAGE_TYPES:
        return _picture(part)
    if part.media_type == PDF:
        return PAGE_TOKENS * (len(PAGE.findall(part.content)) or 1 + len(part.content) // PAGE_BYTES)
    if part.media_type.startswith("audio/"):
        return 1 + len(part.content) // SOUND_BYTES
    # A text file: a token has three bytes or more, as a rule.
    return 1 + len(part.content) // 3


def _picture(part: Attachment | PictureAddress) -> int:
    if part.detail == "low":
        return COARSE_TOKENS
    size = peek(part.content) if isinstance(part, Attachment) else None
    return picture_tokens(size.width, size.height) if size else picture_tokens(None, None)
