"""Conversations as LibreChat's client has them: all of their settings, under LibreChat's names."""

from collections.abc import Mapping
from typing import Any

from marshmallow import post_load

from echo.handling.stream_body import JsonItems
from handlers.librechat.schemas.messages import message
from handlers.librechat.schemas.parameters import PARAMETERS
from handlers.paging import Reading, all_under
from handlers.schemas.base import Flag, Identifier, Input, Moment, Output, Plain, Text, Texts
from handlers.schemas.conversations import DEFAULT_TITLE

Json = dict[str, Any]
MOMENTS = ("archivedAt", "createdAt", "expiredAt", "updatedAt")
# LibreChat's client sends one of these for a fork down to the level of the message.
OPTIONS = {"": "targetLevel", "default": "targetLevel"}

ConversationSchema = Output.from_dict(
    {
        **PARAMETERS,
        "_id": Identifier(),
        "title": Text(dump_default=DEFAULT_TITLE),
        "endpoint": Text(),
        "isArchived": Flag(dump_default=False),
        "isTemporary": Flag(dump_default=False),
        "tags": Texts(dump_default=()),
        "pinned": Flag(),
        **{name: Text() for name in ("chatProjectId", "conversationId", "user")},
        **{name: Plain(list) for name in ("files", "messages")},
        **{name: Moment() for name in MOMENTS},
    },
    name="ConversationSchema",
)


class ChangeSchema(Input):
    """What an `arg` changes, as arguments of the repository's `update`."""

    conversation_id = Text(data_key="conversationId", required=True)
    title = Text()
    archived = Flag(data_key="isArchived")
    pinned = Flag()

    @post_load
    def _strip(self, data: Json, **_: Any) -> Json:
        return {**data, "title": data["title"].strip()} if "title" in data else data


class ForkSchema(Input):
    """What to fork, as arguments of `storage.conversations.copies.CopyRepository.fork`."""

    conversation_id = Text(data_key="conversationId", required=True)
    message_id = Text(data_key="messageId", required=True)
    option = Text(load_default="")
    split_at_target = Flag(data_key="splitAtTarget", load_default=False)
    latest_id = Text(data_key="latestMessageId", allow_none=True)

    @post_load
    def _name(self, data: Json, **_: Any) -> Json:
        return {**data, "option": OPTIONS.get(data["option"], data["option"])}


def copied(made: Json, messages: Reading) -> Json | JsonItems:
    """A conversation that was just made of another one, with its messages."""
    return all_under("messages", message, messages, {"conversation": conversation.dump_one(made)})


def deletion(conversation_ids: list[str], messages: int) -> Json:
    """What was deleted, as MongoDB's driver for Node says it."""
    return {
        "acknowledged": True,
        "deletedCount": len(conversation_ids),
        "messages": {"acknowledged": True, "deletedCount": messages},
        "conversationIds": conversation_ids,
    }


def flagged(document: Mapping[str, Any], shared: set[str]) -> Json:
    """One of a list, with whether others have a link to it."""
    shown: Json = conversation.dump_one(document)
    shown["isShared"] = document.get("conversationId") in shared
    return shown


conversation: Any = ConversationSchema()
change = ChangeSchema()
fork = ForkSchema()
