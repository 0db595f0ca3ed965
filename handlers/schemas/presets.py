"""Presets: the parameters that the contract names, under LibreChat's names on both sides."""

from handlers.schemas.base import Input, Moment, Number, Output, Text, Whole


class PresetSchema(Output):
    """A document of `presets` as the contract's Preset."""

    preset_id = Text(data_key="presetId")
    title = Text()
    endpoint = Text()
    model = Text()
    prompt_prefix = Text(data_key="promptPrefix")
    temperature = Number()
    top_p = Number()
    max_output_tokens = Whole(data_key="maxOutputTokens")
    created_at = Moment(data_key="createdAt")


class NewPresetSchema(Input):
    """A new preset as fields of the document."""

    title = Text(required=True)
    endpoint = Text(required=True)
    model = Text()
    prompt_prefix = Text(data_key="promptPrefix", attribute="promptPrefix")
    temperature = Number()
    top_p = Number()
    max_output_tokens = Whole(data_key="maxOutputTokens", attribute="maxOutputTokens")


preset = PresetSchema()
new_preset = NewPresetSchema()
