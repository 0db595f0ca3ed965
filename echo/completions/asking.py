"""What a program asks for: OpenAI's messages as turns for a provider.

Text and pictures are understood. What is not is refused: to leave something out in silence would change the question.
"""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from itertools import takewhile
from typing import Any

from echo.errors import FieldError, Unprocessable, UnsupportedMediaType
from echo.files.kinds import IMAGE_TYPES, find_type
from echo.providers.chat import Attachment, ChatRequest, Parameters, Turn

NO_PICTURE = "is no picture of a type that is accepted"
SYSTEM_ROLES = ("system", "developer")
# RFC 2397, in small letters or capitals (RFC 3986, section 3.1; RFC 2045, section 5.1). The named type decides
# nothing: the content does.
DATA_URL = re.compile(r"data:[^,]{0,200};base64,(?P<content>[a-z0-9+/=\s]+)", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class Question:
    """One request: the turns without the stored ones before them.

    `store` keeps the exchange, in the conversation `conversation_id` or in a new one.
    """

    model: str
    turns: tuple[Turn, ...]
    system: str | None = None
    parameters: Parameters = field(default_factory=Parameters)
    stream: bool = False
    include_usage: bool = False
    store: bool = False
    conversation_id: str | None = None

    def request(self, model: str, earlier: Sequence[Turn], system: str | None) -> ChatRequest:
        """The request to a provider: its own name of the model, and what was said before."""
        turns = (*earlier, *self.turns)
        return ChatRequest(model, turns, self.system or system, **vars(self.parameters))


def read_messages(messages: Sequence[Mapping[str, Any]]) -> tuple[str | None, tuple[Turn, ...]]:
    """The system prompt and the turns of OpenAI's messages, which have passed the contract.

    The texts of all system and developer messages become one prompt. Raises `Unprocessable` for what is no picture,
    and when the last turn is not the user's.
    """
    system: list[str] = []
    turns: list[Turn] = []
    for index, message in enumerate(messages):
        text, pictures = _read_content(message["content"], f"messages.{index}.content")
        if message["role"] in SYSTEM_ROLES:
            system.append(text)
        elif text or pictures:
            turns.append(Turn.of_text(message["role"], text, pictures))
    if not turns or turns[-1].role != "user":
        raise _refused("messages", "must end with a message of the user's that is not empty")
    return "\n\n".join(filter(None, system)) or None, tuple(turns)


def _read_content(content: Any, place: str) -> tuple[str, tuple[Attachment, ...]]:
    if isinstance(content, str):
        return content, ()
    texts: list[str] = []
    pictures: list[Attachment] = []
    for index, part in enumerate(content):
        if part["type"] == "text":
            texts.append(part.get("text", ""))
        else:
            pictures.append(_read_picture(part, f"{place}.{index}.image_url", len(pictures) + 1))
    return "\n".join(filter(None, texts)), tuple(pictures)


def _read_picture(part: Mapping[str, Any], place: str, number: int) -> Attachment:
    url = part.get("image_url", {}).get("url", "")
    matched = DATA_URL.fullmatch(url)
    if matched is None:
        raise _refused(place, "must be a data: URL; addresses of pictures are not fetched")
    try:
        content = base64.b64decode("".join(matched["content"].split()), validate=True)
        found = find_type(BytesIO(content), "")
    except binascii.Error as error:
        raise _refused(place, "is not in base64") from error
    except UnsupportedMediaType as error:
        raise _refused(place, NO_PICTURE) from error
    if found not in IMAGE_TYPES:
        raise _refused(place, NO_PICTURE)
    return Attachment(f"picture-{number}.{found.partition('/')[2]}", found, content)


def _refused(place: str, reason: str) -> Unprocessable:
    return Unprocessable(
        f"The messages cannot be sent to a model: {place} {reason}.",
        code="unsupported_content",
        errors=(FieldError(place, reason),),
    )


def newest_text(turns: Sequence[Turn]) -> str:
    """What the user says last: every turn since the model's last answer."""
    newest = takewhile(lambda turn: turn.role == "user", reversed(turns))
    return "\n\n".join(turn.text for turn in reversed(list(newest)))
