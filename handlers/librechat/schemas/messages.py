"""Messages as LibreChat's client has them."""

from collections.abc import Mapping
from typing import Any

from marshmallow import fields, missing, post_load

from echo.conversations.message_text import is_from_user
from handlers.schemas.base import Flag, Input, Moment, Number, Output, Plain, Text, Texts, plain

Json = dict[str, Any]
RATINGS = ("thumbsUp", "thumbsDown")


class FromUser(fields.Field[bool]):
    """Whether a person wrote it, which older documents say by their `sender` alone."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return is_from_user(obj)


class Feedback(fields.Field[Json]):
    """What its reader thinks of it."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        if not isinstance(value, Mapping) or value.get("rating") not in RATINGS:
            return missing
        return {name: plain(value[name]) for name in ("rating", "tag", "text") if value.get(name) is not None}


class MessageSchema(Output):
    """A document of `messages` as the contract's TMessage."""

    message_id = Text(data_key="messageId")
    conversation_id = Text(data_key="conversationId")
    parent_message_id = Text(data_key="parentMessageId")
    sender = Text()
    text = Text(dump_default="")
    is_created_by_user = FromUser(data_key="isCreatedByUser", dump_default=False)
    content = Plain(list)
    endpoint = Text()
    model = Text()
    icon_url = Text(data_key="iconURL")
    token_count = Number(data_key="tokenCount")
    unfinished = Flag(dump_default=False)
    error = Flag(dump_default=False)
    finish_reason = Text()
    feedback = Feedback()
    files = Plain(list)
    attachments = Plain(list)
    metadata = Plain(dict)
    quotes = Texts()
    manual_skills = Texts(data_key="manualSkills")
    always_applied_skills = Texts(data_key="alwaysAppliedSkills")
    added_convo = Flag(data_key="addedConvo")
    thread_id = Text()
    is_temporary = Flag(data_key="isTemporary", dump_default=False)
    expired_at = Moment(data_key="expiredAt")
    created_at = Moment(data_key="createdAt")
    updated_at = Moment(data_key="updatedAt")


class PartSchema(Input):
    """A part of a message that a client made."""

    type = Text(required=True)
    text = Text()
    think = Text()
    agentId = Text()  # noqa: N815 - LibreChat's name


class NewMessageSchema(Input):
    """A message that a client made, as arguments of `storage.conversations.threads.ThreadRepository.put`."""

    message_id = Text(data_key="messageId", required=True)
    text = Text(load_default="")
    name = Text(data_key="sender")
    from_user = Flag(data_key="isCreatedByUser", load_default=False)
    parent_message_id = Text(data_key="parentMessageId")
    model = Text()
    content = fields.List(fields.Nested(PartSchema))

    @post_load
    def _gather(self, data: Json, **_: Any) -> Json:
        more = {"sender": data.pop("name", None), "content": data.pop("content", None)}
        data["sender"] = "user" if data.pop("from_user") else "assistant"
        return {**data, "more": {name: value for name, value in more.items() if value is not None}}


def titled(document: Mapping[str, Any], titles: Mapping[str, str]) -> Json:
    """One of a list, with the title of its conversation."""
    title = titles.get(document.get("conversationId") or "")
    return message.dump_one(document) | ({"title": title} if title else {})


message = MessageSchema()
new_message = NewMessageSchema()
