"""Google's Gemini API: https://ai.google.dev/api/generate-content."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from echo.providers.chat import ChatRequest, Event, FinishReason, Turn
from echo.providers.content import alternating, full_text, in_base64, pictures
from echo.providers.failures import of_error
from echo.providers.openai import json_headers
from echo.providers.parameters import adjusted, named
from echo.providers.provider import Access
from echo.providers.reading import count, dig, finish_reason, read_object, text_at, usage
from echo.providers.sse import ServerEvent
from echo.providers.streams import EventReader, Reading
from echo.providers.transport import Call
from echo.settings import ProviderSettings

API_VERSION = "v1beta"
MAX_STOPS = 5
ROLES = {"user": "user", "assistant": "model"}
GENERATES = "generateContent"

FINISH: dict[str, FinishReason] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
    "MODEL_ARMOR": "content_filter",
}
STATUSES: Mapping[str, int] = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}


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
        model = quote(request.model.removeprefix("models/"), safe="")
        given = adjusted(parameters(request), self._settings)
        body: dict[str, Any] = {"contents": contents(request.turns), "generationConfig": given}
        if request.system:
            body["systemInstruction"] = {"parts": [{"text": request.system}]}
        url = f"{access.base_url}/{API_VERSION}/models/{model}:{method}"
        return Call(
            url,
            self._headers(access, request),
            body,
            access.own_url,
            request.model,
            **named(given, self._settings),
        )

    def _headers(self, access: Access, request: ChatRequest | None = None) -> dict[str, str]:
        return json_headers({"x-goog-api-key": access.api_key}, self._settings, access, request)

    def models(self, access: Access) -> Call | None:
        """The request for the list of models."""
        url = f"{access.base_url}/{API_VERSION}/models?pageSize=1000"
        return Call(url, self._headers(access), guarded=access.own_url)

    def reader(self, _request: ChatRequest) -> EventReader:
        """A reader of responses."""
        return ResponseReader()

    def read_text(self, answer: Any) -> str:
        """The text of the first candidate, without its thoughts."""
        return "".join(text_at(part, "text") for part in parts_of(answer) if dig(part, "thought") is not True)

    def read_models(self, answer: Any) -> list[Any]:
        """The names of the models that generate content."""
        models = dig(answer, "models")
        return [
            text_at(each, "name").removeprefix("models/")
            for each in (models if isinstance(models, list) else ())
            if isinstance(methods := dig(each, "supportedGenerationMethods"), list) and GENERATES in methods
        ]


def parameters(request: ChatRequest) -> dict[str, Any]:
    """The generation config; what the operator adds goes there too."""
    return {
        "maxOutputTokens": request.max_tokens,
        "temperature": request.temperature,
        "topP": request.top_p,
        "topK": request.top_k,
        "frequencyPenalty": request.frequency_penalty,
        "presencePenalty": request.presence_penalty,
        "stopSequences": list(request.stop[:MAX_STOPS]) or None,
    }


def contents(turns: Sequence[Turn]) -> list[dict[str, Any]]:
    """The turns, the first one the user's; those without content are left out, as they are refused."""
    made = ((ROLES[turn.role], parts(turn)) for turn in alternating(turns))
    return [{"role": role, "parts": content} for role, content in made if content]


def parts(turn: Turn) -> list[dict[str, Any]]:
    """A turn's pictures and its text."""
    images = [
        {"inlineData": {"mimeType": each.media_type, "data": in_base64(each)}} for each in pictures(turn)
    ]
    text = full_text(turn)
    return [*images, {"text": text}] if text else images


def parts_of(answer: Any) -> list[Any]:
    """The parts of the first candidate."""
    found = dig(answer, "candidates", 0, "content", "parts")
    return found if isinstance(found, list) else []


class ResponseReader(Reading):
    """Reads responses, each with the next parts. The stream has no mark of its end but the end."""

    def read(self, event: ServerEvent) -> Sequence[Event]:
        """Text, thoughts and usage. Raises `ProviderFailure` for an error in a response's place."""
        value = read_object(event.data)
        if value.get("error"):
            raise of_error(value["error"], STATUSES)
        events: list[Event] = [made for part in parts_of(value) for made in self._part(part)]
        blocked = dig(value, "promptFeedback", "blockReason")
        if finish_reason(blocked, {}):
            self.finish, self.reason = "content_filter", blocked
        self.ended(dig(value, "candidates", 0, "finishReason"), FINISH)
        counts = value.get("usageMetadata")
        written = count(dig(counts, "candidatesTokenCount")) + count(dig(counts, "thoughtsTokenCount"))
        return [*events, *usage(count(dig(counts, "promptTokenCount")), written)]

    def _part(self, part: Any) -> Sequence[Event]:
        self.called = self.called or isinstance(dig(part, "functionCall"), dict)
        text = text_at(part, "text")
        return self.said(reasoning=text) if dig(part, "thought") is True else self.said(text)
