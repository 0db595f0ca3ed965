"""OpenAI's chat completions: https://platform.openai.com/docs/api-reference/chat."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from echo.providers.chat import ChatRequest, Event, FinishReason, ReasoningDelta, TextDelta, Turn, Usage
from echo.providers.content import full_text, in_base64, pictures
from echo.providers.failures import of_error
from echo.providers.parameters import adjusted
from echo.providers.provider import Access, EventReader
from echo.providers.reading import Joiner, count, dig, finish_reason, read_object, text_at, usage
from echo.providers.sse import ServerEvent
from echo.providers.transport import Call
from echo.settings import ProviderSettings

OFFICIAL = "https://api.openai.com"
MAX_STOPS = 4
END = b"[DONE]"
# Models that reason take neither temperature nor top_p, stop or penalties: the API refuses the request.
REASONING = re.compile(r"(?:.*/)?(?:o[1-9]\b|gpt-5(?!.*chat))")
# Of those, the first ones do not let anybody say how much; all other models refuse to be told.
EFFORTLESS = re.compile(r"(?:.*/)?o1-(?:mini|preview)")
# Of all models of OpenAI's, those that chat.
CHATTING = re.compile(r"(?:gpt-|chatgpt-|o[1-9]\b|ft:)")
NOT_CHATTING = re.compile(
    r"audio|realtime|transcribe|tts|image|instruct|search|moderation|embedding|codex|deep-research"
)

FINISH: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content_filter",
    # Of servers that only resemble OpenAI's.
    "eos": "stop",
    "eos_token": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_length": "length",
}
STATUSES: Mapping[str, int] = {
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
    "invalid_api_key": 401,
    "authentication_error": 401,
    "context_length_exceeded": 400,
    "invalid_request_error": 400,
    "server_error": 500,
}


class OpenAIDialect:
    """OpenAI itself; others speak nearly the same."""

    max_tokens_name: ClassVar[str] = "max_completion_tokens"
    # Whether a model's name tells that it takes fewer parameters.
    knows_models: ClassVar[bool] = True

    def __init__(self, settings: ProviderSettings) -> None:
        self._settings = settings

    def chat(self, request: ChatRequest, access: Access) -> Call:
        """The request for a stream, with usage at its end."""
        return self._call(request, access, stream=True)

    def short(self, request: ChatRequest, access: Access) -> Call:
        """The request for one answer."""
        return self._call(request, access, stream=False)

    def _call(self, request: ChatRequest, access: Access, *, stream: bool) -> Call:
        # Not every server knows `stream_options`: the operator may drop it.
        wanted = {**self._parameters(request), "stream_options": {"include_usage": True} if stream else None}
        fixed = {"model": request.model, "messages": messages(request), "stream": stream}
        body = {**adjusted(wanted, self._settings), **fixed}
        return Call(self._url(request, access), self._headers(request, access), body, access.own_url)

    def _url(self, _request: ChatRequest, access: Access) -> str:
        return f"{access.base_url}/chat/completions"

    def _headers(self, _request: ChatRequest, access: Access) -> dict[str, str]:
        return json_headers({"Authorization": f"Bearer {access.api_key}"}, self._settings, access)

    def _parameters(self, request: ChatRequest) -> dict[str, Any]:
        reasoning = self.knows_models and REASONING.match(request.model) is not None
        return {
            self.max_tokens_name: request.max_tokens,
            "temperature": None if reasoning else request.temperature,
            "top_p": None if reasoning else request.top_p,
            "stop": None if reasoning else list(request.stop[:MAX_STOPS]) or None,
            "frequency_penalty": None if reasoning else request.frequency_penalty,
            "presence_penalty": None if reasoning else request.presence_penalty,
            "reasoning_effort": request.reasoning_effort if self._takes_effort(request.model) else None,
        }

    def _takes_effort(self, model: str) -> bool:
        return not self.knows_models or (
            REASONING.match(model) is not None and EFFORTLESS.match(model) is None
        )

    def models(self, access: Access) -> Call | None:
        """The request for the list of models."""
        headers = json_headers({"Authorization": f"Bearer {access.api_key}"}, self._settings, access)
        return Call(f"{access.base_url}/models", headers, guarded=access.own_url)

    def reader(self) -> EventReader:
        """A reader of chunks."""
        return ChunkReader()

    def read_text(self, answer: Any) -> str:
        """The first choice's content."""
        return text_at(answer, "choices", 0, "message", "content")

    def read_models(self, answer: Any) -> list[Any]:
        """The ids; of OpenAI's own, where embeddings and pictures are among them, those that chat."""
        data = dig(answer, "data")
        names = [text_at(each, "id") for each in data] if isinstance(data, list) else []
        if not (self._settings.base_url or "").startswith(OFFICIAL):
            return names
        return sorted(name for name in names if CHATTING.match(name) and not NOT_CHATTING.search(name))


def json_headers(own: Mapping[str, str], settings: ProviderSettings, access: Access) -> dict[str, str]:
    """The headers of a request; those that the operator added stay away from a user's own address."""
    added = {} if access.own_url else settings.headers
    return {"Content-Type": "application/json", **own, **added}


def messages(request: ChatRequest) -> list[dict[str, Any]]:
    """The system prompt and the turns."""
    system = [{"role": "system", "content": request.system}] if request.system else []
    return [*system, *(message(turn) for turn in request.turns)]


def message(turn: Turn) -> dict[str, Any]:
    """A turn; its content is a list only where a picture makes it one."""
    text, images = full_text(turn), pictures(turn)
    if not images:
        return {"role": turn.role, "content": text}
    parts: list[dict[str, Any]] = [{"type": "text", "text": text}] if text else []
    urls = (f"data:{each.media_type};base64,{in_base64(each)}" for each in images)
    return {
        "role": turn.role,
        "content": [*parts, *({"type": "image_url", "image_url": {"url": url}} for url in urls)],
    }


class ChunkReader:
    """Reads `chat.completion.chunk` objects up to `[DONE]`; only the first choice counts."""

    def __init__(self) -> None:
        self.finish: FinishReason | None = None
        self.done = False
        self._text = Joiner()
        self._reasoning = Joiner()

    def read(self, event: ServerEvent) -> Sequence[Event]:
        """Text, reasoning and usage of a chunk. Raises `ProviderFailure` for an error in its place."""
        if event.data.strip() == END:
            self.done = True
            self.finish = self.finish or "other"
            return ()
        chunk = read_object(event.data)
        if chunk.get("error"):
            raise of_error(chunk["error"], STATUSES)
        events: list[Event] = []
        choice = dig(chunk, "choices", 0)
        if isinstance(choice, dict) and choice.get("index", 0) == 0:
            events += self._delta(choice.get("delta"))
            self.finish = finish_reason(choice.get("finish_reason"), FINISH) or self.finish
        return [*events, *_usage(chunk.get("usage"))]

    def _delta(self, delta: Any) -> list[Event]:
        # `reasoning_content` and `reasoning` are what compatible servers have; OpenAI keeps its reasoning to itself.
        reasoning = text_at(delta, "reasoning_content") or text_at(delta, "reasoning")
        text = text_at(delta, "content") or text_at(delta, "refusal")
        if isinstance(content := dig(delta, "content"), list):
            text, reasoning = _parts(content)
        events: list[Event] = []
        if reasoning and (whole := self._reasoning.join(reasoning)):
            events.append(ReasoningDelta(whole))
        if text and (whole := self._text.join(text)):
            events.append(TextDelta(whole))
        return events


def _parts(content: list[Any]) -> tuple[str, str]:
    """Text and reasoning of a content in parts, as Mistral's reasoning models send it."""
    text = "".join(text_at(part, "text") for part in content)
    thoughts = (dig(part, "thinking") for part in content)
    return text, "".join(
        text_at(each, "text") for thought in thoughts if isinstance(thought, list) for each in thought
    )


def _usage(value: Any) -> list[Usage]:
    return usage(count(dig(value, "prompt_tokens")), count(dig(value, "completion_tokens")))
