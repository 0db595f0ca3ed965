"""Presets as LibreChat's clients send and read them."""

from typing import Any, cast

from handlers.librechat.schemas.parameters import GIVEN_PARAMETERS, PARAMETERS, Given, Switch
from handlers.schemas.base import Identifier, Input, Moment, Number, Output, Text, Whole

# A document of `presets`, all of it.
TPresetSchema = Output.from_dict(
    {
        **PARAMETERS,
        "_id": Identifier(),
        "__v": Whole(),
        "presetId": Text(),
        "title": Text(),
        "user": Text(),
        "defaultPreset": Switch(),
        "order": Number(),
        "createdAt": Moment(),
        "updatedAt": Moment(),
    },
    name="TPresetSchema",
)
# What is to be kept in one.
SavedPresetSchema = Input.from_dict(
    {**GIVEN_PARAMETERS, "title": Given(), "order": Given()}, name="SavedPresetSchema"
)


def read_saved(body: dict[str, Any]) -> dict[str, Any]:
    """The fields of a body; of a tool that is an object, as older clients send them, its key."""
    fields: dict[str, Any] = saved_preset.load(body)
    if isinstance(fields.get("tools"), list):
        keys = (each.get("pluginKey") if isinstance(each, dict) else each for each in fields["tools"])
        fields["tools"] = [key for key in keys if isinstance(key, str)]
    return fields


preset = cast("Output", TPresetSchema())
saved_preset = SavedPresetSchema()
