"""Memories as LibreChat's clients send and read them."""

from typing import cast

from marshmallow import fields

from handlers.schemas.base import Identifier, Input, Moment, Output, Text, Whole

MemorySchema = Output.from_dict(
    {
        "_id": Identifier(),
        "__v": Whole(),
        "userId": Identifier(),
        "key": Text(),
        "value": Text(),
        "agentId": Text(),
        "tokenCount": Whole(dump_default=0),
        "updated_at": Moment(),
    },
    name="MemorySchema",
)


class NewMemorySchema(Input):
    """A memory to keep."""

    key = fields.String(required=True)
    value = fields.String(required=True)
    agent_id = fields.String(data_key="agentId", allow_none=True)


class ChangedMemorySchema(Input):
    """What is to be changed of one."""

    new_key = fields.String(data_key="key", allow_none=True)
    value = fields.String(required=True)


memory = cast("Output", MemorySchema())
new_memory = NewMemorySchema()
changed_memory = ChangedMemorySchema()
