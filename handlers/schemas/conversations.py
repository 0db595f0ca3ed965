"""Conversations: the few fields of LibreChat's document that the contract names."""

from marshmallow import validate

from handlers.schemas.base import Flag, Input, Moment, Output, Text, Texts

# LibreChat's title of a conversation that nobody named.
DEFAULT_TITLE = "New Chat"


class ConversationSchema(Output):
    """A document of `conversations` as the contract's Conversation."""

    conversation_id = Text(data_key="conversationId")
    title = Text(dump_default=DEFAULT_TITLE)
    endpoint = Text()
    model = Text()
    created_at = Moment(data_key="createdAt")
    updated_at = Moment(data_key="updatedAt")
    is_archived = Flag(data_key="isArchived", dump_default=False)
    tags = Texts(dump_default=())
    user = Text()


class ChangeSchema(Input):
    """A change of title or archive: arguments of the repository's `update`."""

    conversation_id = Text(data_key="conversationId", required=True)
    title = Text()
    archived = Flag(data_key="isArchived")


class ForkSchema(Input):
    """What to fork, as arguments of `storage.conversations.copies.CopyRepository.fork`."""

    conversation_id = Text(data_key="conversationId", required=True)
    message_id = Text(data_key="messageId", required=True)
    option = Text(
        load_default="targetLevel", validate=validate.OneOf(("directPath", "includeBranches", "targetLevel"))
    )
    split_at_target = Flag(data_key="splitAtTarget", load_default=False)


conversation = ConversationSchema()
change = ChangeSchema()
fork = ForkSchema()
