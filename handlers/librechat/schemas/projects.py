"""Projects: folders of conversations."""

from typing import Any

from marshmallow import post_load

from handlers.schemas.base import Identifier, Input, Moment, Output, Text, Whole

Json = dict[str, Any]


class Nullable(Text):
    """A text, or null where there is none."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return value if isinstance(value, str) and value else None


class NullableMoment(Moment):
    """A time, or null where there is none."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return super()._serialize(value, attr, obj) if value else None


class ProjectSchema(Output):
    """A document of `chatprojects`."""

    identifier = Identifier(data_key="_id")
    name = Text(dump_default="")
    description = Text(dump_default="")
    user = Text()
    conversation_count = Whole(data_key="conversationCount", dump_default=0)
    # The client compares these with null.
    last_conversation_at = NullableMoment(data_key="lastConversationAt", dump_default="")
    last_conversation_id = Nullable(data_key="lastConversationId", dump_default="")
    created_at = Moment(data_key="createdAt")
    updated_at = Moment(data_key="updatedAt")


class ProjectFieldsSchema(Input):
    """A project's name and description, without the blanks around them."""

    name = Text()
    description = Text()

    @post_load
    def _strip(self, data: Json, **_: Any) -> Json:
        return {name: value.strip() for name, value in data.items()}


project = ProjectSchema()
project_fields = ProjectFieldsSchema()
