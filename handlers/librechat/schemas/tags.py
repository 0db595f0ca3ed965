"""Bookmarks."""

from typing import Any

from marshmallow import fields, post_load

from handlers.schemas.base import Flag, Identifier, Input, Moment, Output, Text, Whole

Json = dict[str, Any]


class TagSchema(Output):
    """A document of `conversationtags`."""

    identifier = Identifier(data_key="_id")
    tag = Text()
    user = Text()
    description = Text()
    count = Whole(dump_default=0)
    position = Whole(dump_default=0)
    created_at = Moment(data_key="createdAt")
    updated_at = Moment(data_key="updatedAt")


class NewTagSchema(Input):
    """A new bookmark, as arguments of `storage.conversations.tags.TagRepository.create`.

    LibreChat's client sends an empty id where the bookmark is for no conversation.
    """

    tag = Text(required=True)
    description = Text()
    add_to_conversation = Flag(data_key="addToConversation", load_default=False)
    conversation_id = Text(data_key="conversationId", load_default="")

    @post_load
    def _choose(self, data: Json, **_: Any) -> Json:
        wanted, conversation_id = data.pop("add_to_conversation"), data.pop("conversation_id")
        return {**data, "conversation_id": (conversation_id or None) if wanted else None}


class TagChangeSchema(Input):
    """A change, as arguments of `storage.conversations.tags.TagRepository.update`."""

    new_tag = Text(data_key="tag")
    description = Text()
    position = fields.Integer()


tag = TagSchema()
new_tag = NewTagSchema()
change = TagChangeSchema()
