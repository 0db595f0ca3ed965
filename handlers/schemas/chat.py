"""Requests to chat: LibreChat's flat bodies as what `echo.chat` takes."""

from collections.abc import Mapping
from typing import Any

from marshmallow import fields, post_load, pre_load

from echo.chat.request import Asked
from echo.errors import NotFound
from handlers.schemas.base import Flag, Input, Number, Text, Whole

Json = dict[str, Any]


class ParametersSchema(Input):
    """What steers an answer and stays with the conversation, by LibreChat's names; null is nothing."""

    assistant_id = Text()
    effort = Text()
    chatGptLabel = Text()  # noqa: N815 - LibreChat's name
    frequency_penalty = Number()
    greeting = Text()
    iconURL = Text()  # noqa: N815
    imageDetail = Text()  # noqa: N815
    instructions = Text()
    maxContextTokens = Whole()  # noqa: N815
    maxOutputTokens = Whole()  # noqa: N815
    maxTokens = Whole()  # noqa: N815
    max_tokens = Whole()
    model = Text()
    modelLabel = Text()  # noqa: N815
    presence_penalty = Number()
    promptPrefix = Text()  # noqa: N815
    reasoning_effort = Text()
    resendFiles = Flag()  # noqa: N815
    spec = Text()
    stop = fields.List(fields.String())
    system = Text()
    temperature = Number()
    topK = Number()  # noqa: N815
    topP = Number()  # noqa: N815
    top_p = Number()


class AskedSchema(Input):
    """A request to chat, as `echo.chat.request.Asked`, without its parameters."""

    text = Text()
    conversation_id = Text(data_key="conversationId")
    parent_message_id = Text(data_key="parentMessageId")
    override_parent_message_id = Text(data_key="overrideParentMessageId")
    response_message_id = Text(data_key="responseMessageId")
    is_regenerate = Flag(data_key="isRegenerate")
    is_continued = Flag(data_key="isContinued")
    is_temporary = Flag(data_key="isTemporary")
    client_request_id = Text(data_key="clientRequestId")
    preset_id = Text(data_key="presetId")
    timezone = Text()
    files = fields.List(fields.Dict())


class AbortSchema(Input):
    """Which run to end, as arguments of `echo.chat.service.ChatService.abort`."""

    stream_id = Text(data_key="streamId")
    conversation_id = Text(data_key="conversationId")
    abort_key = Text(data_key="abortKey")
    created_at = Whole(data_key="generationCreatedAt")

    @pre_load
    def drop_nulls(self, data: Json, **_: Any) -> Json:
        """A null is nothing."""
        return given(data)

    @post_load
    def choose(self, data: Json, **_: Any) -> Json:
        """LibreChat's clients have had three names for it; an abort key begins with the stream's id.

        Raises `NotFound` for names of different runs.
        """
        key = (data.get("abort_key") or "").partition(":")[0]
        named = {data.get("stream_id"), data.get("conversation_id"), key} - {None, "", "new"}
        if len(named) > 1:
            raise NotFound
        return {"stream_id": next(iter(named), None), "created_at": data.get("created_at")}


def given(body: Mapping[str, Any]) -> Json:
    """A body without its nulls, which LibreChat's clients send for what is not set."""
    return {name: value for name, value in body.items() if value is not None}


def asked(body: Json) -> Asked:
    """What a body asks for."""
    said = given(body)
    loaded = _asked.load(said)
    files = tuple(each["file_id"] for each in loaded.pop("files", ()))
    return Asked(**loaded, files=files, parameters=_parameters.load(said))


_asked = AskedSchema()
_parameters = ParametersSchema()
abort = AbortSchema()
