"""Messages: the contract's enums outside, LibreChat's fields inside."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from marshmallow import fields, missing

from handlers.schemas.base import Input, Moment, Output, Text, Whole

# LibreChat's ratings; `neutral` of the contract is no rating at all.
_FEEDBACK = {"thumbsUp": "positive", "thumbsDown": "negative"}


def message_text(document: Mapping[str, Any]) -> str:
    """The text of a message: newer answers of LibreChat hold it in `content`, in parts, and leave `text` empty."""
    text = document.get("text")
    if isinstance(text, str) and text:
        return text
    content = document.get("content")
    return "\n".join(_text_parts(content)) if isinstance(content, list) else ""


def _text_parts(content: list[Any]) -> Iterator[str]:
    for part in content:
        if not isinstance(part, Mapping) or part.get("type") != "text":
            continue
        text = part.get("text")
        # OpenAI's assistants wrap the text once more.
        text = text.get("value") if isinstance(text, Mapping) else text
        if isinstance(text, str) and text:
            yield text


def is_from_user(document: Mapping[str, Any]) -> bool:
    """Whether a person wrote it. LibreChat's `sender` is a display name; `isCreatedByUser` decides."""
    flag = document.get("isCreatedByUser")
    return flag if isinstance(flag, bool) else str(document.get("sender")).lower() == "user"


def sender_of(document: Mapping[str, Any]) -> str:
    """The contract's sender."""
    if is_from_user(document):
        return "user"
    return "system" if str(document.get("sender")).lower() == "system" else "assistant"


def opening(messages: Sequence[Mapping[str, Any]]) -> tuple[str | None, str | None]:
    """The first text of a person's, and the first answer that has one; None where there is none."""
    questions = (message_text(message) for message in messages if is_from_user(message))
    answers = (message_text(message) for message in messages if not is_from_user(message))
    return next(filter(str.strip, questions), None), next(filter(str.strip, answers), None)


class Sender(fields.Field[str]):
    """Who wrote the message."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return sender_of(obj)


class MessageText(fields.Field[str]):
    """The text, wherever the document holds it."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return value if value and isinstance(value, str) else message_text(obj)


class Feedback(fields.Field[str]):
    """LibreChat's `{rating, tag, text}` as the contract's enum."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        rating = value.get("rating") if isinstance(value, Mapping) else None
        return _FEEDBACK.get(rating, missing) if isinstance(rating, str) else missing


class MessageSchema(Output):
    """A document of `messages` as the contract's Message."""

    message_id = Text(data_key="messageId")
    conversation_id = Text(data_key="conversationId")
    parent_message_id = Text(data_key="parentMessageId")
    sender = Sender(dump_default="")
    text = MessageText(dump_default="")
    model = Text()
    token_count = Whole(data_key="tokenCount")
    created_at = Moment(data_key="createdAt")
    updated_at = Moment(data_key="updatedAt")
    feedback = Feedback()


class NewMessageSchema(Input):
    """A new message, as arguments of `storage.threads.ThreadRepository.post`."""

    text = Text(required=True)
    sender = Text(required=True)
    parent_message_id = Text(data_key="parentMessageId")
    model = Text()


message = MessageSchema()
new_message = NewMessageSchema()
