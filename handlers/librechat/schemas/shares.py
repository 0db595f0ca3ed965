"""Links as LibreChat's client has them, and messages as strangers read them."""

from collections.abc import Mapping
from typing import Any

from marshmallow import fields

from handlers.librechat.schemas.messages import FromUser
from handlers.schemas.base import Flag, Identifier, Input, Moment, Number, Output, Plain, Text, Texts, Whole

Json = dict[str, Any]
# What the page of a link shows of the interface: all else is for those who have logged in.
INTERFACE = ("privacyPolicy", "termsOfService")


class WantedShareSchema(Input):
    """What a link is to show, as arguments of `echo.conversations.links.Links`."""

    target_id = Text(data_key="targetMessageId", load_default=None)
    with_files = Flag(data_key="snapshotFiles", load_default=True)


class ForkedShareSchema(Input):
    """What is taken of a link, as arguments of `echo.conversations.link_forks.LinkForks`."""

    index = Whole(data_key="targetMessageIndex", load_default=None)
    revision = Text(data_key="shareRevision", load_default=None)


class MadeShareSchema(Output):
    """A link that was made or changed."""

    id_ = Identifier(data_key="_id")
    share_id = Text(data_key="shareId")
    conversation_id = Text(data_key="conversationId")
    target_id = Text(data_key="targetMessageId")


class ShareSchema(Output):
    """A link, to its owner."""

    id_ = Identifier(data_key="_id")
    share_id = Text(data_key="shareId")
    target_id = Text(data_key="targetMessageId")
    snapshot_files = fields.Boolean(data_key="snapshotFiles", truthy={True}, falsy={False})


class ListedShareSchema(Output):
    """A link in its owner's list."""

    share_id = Text(data_key="shareId", dump_default="")
    title = Text(dump_default="Untitled")
    created_at = Moment(data_key="createdAt")
    conversation_id = Text(data_key="conversationId", dump_default="")


class ShareHeadSchema(Output):
    """A link, to its readers."""

    share_id = Text(data_key="shareId")
    title = Text(dump_default="Untitled")
    created_at = Moment(data_key="createdAt")
    updated_at = Moment(data_key="updatedAt")


class SharedMessageSchema(Output):
    """A message that `echo.conversations.anonymous` has made anonymous."""

    message_id = Text(data_key="messageId")
    parent_message_id = Text(data_key="parentMessageId")
    conversation_id = Text(data_key="conversationId")
    sender = Text()
    text = Text(dump_default="")
    content = Plain(list)
    icon_url = Text(data_key="iconURL")
    model = Text()
    is_created_by_user = FromUser(data_key="isCreatedByUser", dump_default=False)
    token_count = Number(data_key="tokenCount")
    unfinished = Flag(dump_default=False)
    error = Flag(dump_default=False)
    finish_reason = Text()
    quotes = Texts()
    manual_skills = Texts(data_key="manualSkills")
    always_applied_skills = Texts(data_key="alwaysAppliedSkills")
    files = Plain(list)
    attachments = Plain(list)
    created_at = Moment(data_key="createdAt")
    updated_at = Moment(data_key="updatedAt")


def config(startup: Mapping[str, Any], footer: str | None) -> Json:
    """What a reader who may not have logged in is told of the server."""
    interface = startup.get("interface") or {}
    shown = {name: interface[name] for name in INTERFACE if name in interface}
    said = {"appTitle": startup["appTitle"], "customFooter": footer, "interface": shown or None}
    return {name: value for name, value in said.items() if value is not None}


forked = ForkedShareSchema()
wanted = WantedShareSchema()
made = MadeShareSchema()
link = ShareSchema()
listed = ListedShareSchema()
head = ShareHeadSchema()
message = SharedMessageSchema()
