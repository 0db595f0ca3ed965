"""Groups of prompts and their versions as LibreChat's clients send and read them."""

from typing import cast

from marshmallow import fields

from handlers.librechat.schemas.parameters import Given
from handlers.schemas.base import Flag, Identifier, Input, Moment, Output, Text, Whole

TPromptSchema = Output.from_dict(
    {
        "_id": Identifier(),
        "__v": Whole(),
        "groupId": Identifier(),
        "author": Identifier(),
        "prompt": Text(),
        "type": Text(),
        "createdAt": Moment(),
        "updatedAt": Moment(),
    },
    name="TPromptSchema",
)
TPromptGroupSchema = Output.from_dict(
    {
        "_id": Identifier(),
        "__v": Whole(),
        "name": Text(),
        "oneliner": Text(dump_default=""),
        "category": Text(dump_default=""),
        "command": Text(),
        "numberOfGenerations": Whole(dump_default=0),
        "productionId": Identifier(),
        "productionPrompt": fields.Nested(TPromptSchema),
        "author": Identifier(),
        "authorName": Text(),
        "isPublic": Flag(),
        "createdAt": Moment(),
        "updatedAt": Moment(),
    },
    name="TPromptGroupSchema",
)


class NewPromptSchema(Input):
    """A version to be kept."""

    prompt = fields.String(required=True)
    type = fields.String(load_default="text")


class ChangedPromptGroupSchema(Input):
    """What is to be changed of a group; null empties a field."""

    name = Given()
    oneliner = Given()
    category = Given()
    command = Given()


prompt = cast("Output", TPromptSchema())
prompt_group = cast("Output", TPromptGroupSchema())
new_prompt = NewPromptSchema()
changed_prompt_group = ChangedPromptGroupSchema()
