"""Google's Gemini API: https://ai.google.dev/api/generate-content."""

from typing import Any
from urllib.parse import quote

from echo.providers.asked import refuse_missing
from echo.providers.chat import ChatRequest, Turn, Usage
from echo.providers.content import hoisted
from echo.providers.google_content import contents
from echo.providers.google_options import MISSING, form, generation_config, tool_config, tools
from echo.providers.google_reader import ResponseReader, counted, parts_of
from echo.providers.openai import json_headers
from echo.providers.parameters import adjusted, named
from echo.providers.provider import Access
from echo.providers.reading import dig, text_at
from echo.providers.streams import EventReader
from echo.providers.transport import Call
from echo.settings import ProviderSettings

API_VERSION = "v1beta"
GENERATES = "generateContent"
# What cannot be left out where the API refuses it: the answer would be another.
NEEDED = ("responseMimeType", "responseJsonSchema", "candidateCount", "responseLogprobs", "logprobs")


class GoogleDialect:
    """Gemini with an API key."""

    def __init__(self, settings: ProviderSettings) -> None:
        self._settings = settings

    def chat(self, request: ChatRequest, access: Access) -> Call:
        """The request for a stream."""
        return self._call(request, access, "streamGenerateContent?alt=sse")

    def short(self, request: ChatRequest, access: Access) -> Call:
        """The request for one answer."""
        return self._call(request, access, GENERATES)

    def _call(self, request: ChatRequest, access: Access, method: str) -> Call:
        refuse_missing(request, MISSING, "Google")
        model = quote(request.model.removeprefix("models/"), safe="")
        given = {**adjusted(generation_config(request), self._settings), **form(request)}
        return Call(
            f"{access.base_url}/{API_VERSION}/models/{model}:{method}",
            self._headers(access, request),
            {**_said(request), "generationConfig": given},
            access.own_url,
            request.model,
            **named(given, self._settings, needed=NEEDED),
        )

    def _headers(self, access: Access, request: ChatRequest | None = None) -> dict[str, str]:
        return json_headers({"x-goog-api-key": access.api_key}, self._settings, access, request)

    def models(self, access: Access) -> Call | None:
        """The request for the list of models."""
        url = f"{access.base_url}/{API_VERSION}/models?pageSize=1000"
        return Call(url, self._headers(access), guarded=access.own_url)

    def reader(self, request: ChatRequest, /) -> EventReader:
        """A reader of responses."""
        several = request.n not in (None, 1)
        return ResponseReader(several=several, one_call=request.parallel_tool_calls is False)

    def read_text(self, answer: Any) -> str:
        """The text of the first candidate, without its thoughts."""
        parts = parts_of(dig(answer, "candidates", 0))
        return "".join(text_at(part, "text") for part in parts if dig(part, "thought") is not True)

    def read_usage(self, answer: Any) -> list[Usage]:
        """What `usageMetadata` tells."""
        return counted(dig(answer, "usageMetadata"))

    def read_models(self, answer: Any) -> list[Any]:
        """The names of the models that generate content."""
        models = dig(answer, "models")
        return [
            text_at(each, "name").removeprefix("models/")
            for each in (models if isinstance(models, list) else ())
            if isinstance(methods := dig(each, "supportedGenerationMethods"), list) and GENERATES in methods
        ]


def _said(request: ChatRequest) -> dict[str, Any]:
    """What was said, and which functions there are."""
    system, turns = hoisted(request)
    if not turns:
        # The API takes no conversation without the user.
        system, turns = None, [Turn.of_text("user", system or "")]
    made: dict[str, Any] = {"contents": contents(turns, request.model)}
    if system:
        made["systemInstruction"] = {"parts": [{"text": system}]}
    if offered := tools(request):
        made["tools"] = offered
    if config := tool_config(request):
        made["toolConfig"] = config
    return made
