"""Messages: the contract's enums outside, LibreChat's fields inside."""

from collections.abc import Iterable, Mapping
from typing import Any

from marshmallow import fields, missing

from echo.conversations.message_text import is_from_user, message_text
from handlers.schemas.base import Input, Moment, Output, Text, Whole

# LibreChat's ratings; `neutral` of the contract is no rating at all.
_FEEDBACK = {"thumbsUp": "positive", "thumbsDown": "negative"}
_RATINGS = {name: rating for rating, name in _FEEDBACK.items()}


def sender_of(document: Mapping[str, Any]) -> str:
    """The contract's sender."""
    if is_from_user(document):
        return "user"
    return "system" if str(document.get("sender")).lower() == "system" else "assistant"


def opening(messages: Iterable[Mapping[str, Any]]) -> tuple[str | None, str | None]:
    """The first text of a person's, and the first answer that has one; None where there is none.

    Nothing is taken of the messages after these.
    """
    said: dict[bool, str] = {}
    for message in messages:
        if (text := message_text(message)).strip():
            said.setdefault(is_from_user(message), text)
        if len(said) == 2:
            break
    return said.get(True), said.get(False)


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
    """A new message, as arguments of `storage.conversations.threads.ThreadRepository.post`."""

    text = Text(required=True)
    sender = Text(required=True)
    parent_message_id = Text(data_key="parentMessageId")
    model = Text()


class FeedbackSchema(Input):
    """LibreChat's feedback."""

    rating = Text(required=True)
    tag = Text()
    text = Text()


def read_feedback(body: Mapping[str, Any]) -> dict[str, Any] | None:
    """The feedback of a body: LibreChat's object, the contract's enum, or nothing."""
    feedback = body.get("feedback")
    if isinstance(feedback, str):
        return {"rating": _RATINGS[feedback]} if feedback in _RATINGS else None
    if feedback is None:
        return None
    loaded: dict[str, Any] = _feedback.load(
        {name: each for name, each in feedback.items() if each is not None}
    )
    return loaded


_feedback = FeedbackSchema()
message = MessageSchema()
new_message = NewMessageSchema()
