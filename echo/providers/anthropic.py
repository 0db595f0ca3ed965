"""Anthropic's messages: https://platform.claude.com/docs/en/api/messages."""

from dataclasses import replace
from typing import Any

from echo.errors import Unprocessable
from echo.providers.anthropic_cache import with_marks
from echo.providers.anthropic_content import messages
from echo.providers.anthropic_models import default_tokens, goes_on_writing
from echo.providers.anthropic_options import (
    MISSING,
    instructions,
    output_format,
    parameters,
    tool_choice,
    tools,
)
from echo.providers.anthropic_reader import MessageReader, counted, read_of
from echo.providers.asked import refuse_missing
from echo.providers.chat import ChatRequest, Turn, Usage
from echo.providers.content import hoisted
from echo.providers.openai import json_headers
from echo.providers.parameters import adjusted, named
from echo.providers.provider import Access
from echo.providers.reading import dig, text_at
from echo.providers.streams import EventReader
from echo.providers.transport import Call
from echo.settings import ProviderSettings

# The version before 2026-10-21: from that one on no model takes a temperature any more, also those that knew it.
API_VERSION = "2023-06-01"
# What of a request is counted.
COUNTED = ("model", "messages", "system", "tools", "tool_choice", "thinking", "output_config")
# What cannot be left out where the API refuses it: the answer would be another.
NEEDED = ("max_tokens", "system", "tools", "tool_choice", "output_config")


class AnthropicDialect:
    """Anthropic's own API, and proxies of it."""

    def __init__(self, settings: ProviderSettings) -> None:
        self._settings = settings

    def chat(self, request: ChatRequest, access: Access) -> Call:
        """The request for a stream."""
        return self._call(request, access, stream=True)

    def short(self, request: ChatRequest, access: Access) -> Call:
        """The request for one answer."""
        return self._call(request, access, stream=False)

    def count(self, request: ChatRequest, access: Access) -> Call:
        """The request for the number of tokens that a model would read."""
        call = self._call(request, access, stream=False)
        body = {name: call.body[name] for name in COUNTED if name in call.body}
        return replace(
            call,
            url=f"{call.url}/count_tokens",
            body=body,
            parameters=call.parameters & body.keys(),
            optional=call.optional & body.keys(),
        )

    def _call(self, request: ChatRequest, access: Access, *, stream: bool) -> Call:
        refuse_missing(request, MISSING, "Anthropic")
        system, turns = hoisted(request)
        system = instructions(system, request)
        if not turns:
            # The API takes no conversation without the user.
            system, turns = None, [Turn.of_text("user", system or "")]
        given = self._given(request, system)
        said = ending(messages(turns), request.model)
        body = {**given, "model": request.model, "messages": said, "stream": stream}
        return Call(
            f"{access.base_url}/v1/messages",
            self._headers(access, request),
            # What is asked once only is not worth remembering.
            with_marks(body, self._settings) if stream else body,
            access.own_url,
            request.model,
            **named(given, self._settings, needed=NEEDED),
        )

    def _given(self, request: ChatRequest, system: str | None) -> dict[str, Any]:
        """All that steers the answer; what the operator adds to the tools and to the form of the answer stays."""
        choice = tool_choice(request)
        given = adjusted({"system": system, "tool_choice": choice, **parameters(request)}, self._settings)
        given.setdefault("max_tokens", default_tokens(request.model))
        if offered := [*given.pop("tools", ()), *tools(request)]:
            given["tools"] = offered
        own = {"effort": given.pop("effort", None), "format": output_format(request)}
        if form := {**given.pop("output_config", {}), **{name: own[name] for name in own if own[name]}}:
            given["output_config"] = form
        return given

    def _headers(self, access: Access, request: ChatRequest | None = None) -> dict[str, str]:
        own = {"x-api-key": access.api_key, "anthropic-version": API_VERSION}
        return json_headers(own, self._settings, access, request)

    def models(self, access: Access) -> Call | None:
        """The request for the list of models."""
        return Call(f"{access.base_url}/v1/models?limit=1000", self._headers(access), guarded=access.own_url)

    def reader(self, _request: ChatRequest, /) -> EventReader:
        """A reader of events."""
        return MessageReader()

    def read_text(self, answer: Any) -> str:
        """The text blocks; a model may have thought first."""
        blocks = dig(answer, "content")
        return "".join(text_at(block, "text") for block in blocks) if isinstance(blocks, list) else ""

    def read_usage(self, answer: Any) -> list[Usage]:
        """What `usage` tells."""
        told = dig(answer, "usage")
        return counted(told, read_of(told))

    def read_models(self, answer: Any) -> list[Any]:
        """The ids."""
        data = dig(answer, "data")
        return [text_at(each, "id") for each in data] if isinstance(data, list) else []


def ending(said: list[dict[str, Any]], model: str) -> list[dict[str, Any]]:
    """The messages; the last may be the beginning of the answer. Raises `Unprocessable` if the model takes none.

    https://platform.claude.com/docs/en/api/errors, on prefill; blanks at its end are refused, too.
    """
    if not said or said[-1]["role"] != "assistant":
        return said
    if not goes_on_writing(model):
        raise Unprocessable(
            "This model does not go on with an answer that has begun: the last message must be the user's.",
            code="unsupported_parameter",
        )
    *before, block = said[-1]["content"]
    if block["type"] == "text":
        block = {**block, "text": block["text"].rstrip()}
    return [*said[:-1], {**said[-1], "content": [*before, block]}]
