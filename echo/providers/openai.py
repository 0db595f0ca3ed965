"""OpenAI's chat completions: https://platform.openai.com/docs/api-reference/chat."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from echo.providers.chat import ChatRequest, Turn
from echo.providers.chunks import ChunkReader
from echo.providers.content import full_text, in_base64, pictures
from echo.providers.parameters import adjusted, named
from echo.providers.personal import filled
from echo.providers.provider import Access
from echo.providers.reading import dig, text_at
from echo.providers.streams import EventReader
from echo.providers.transport import Call
from echo.settings import ProviderSettings

OFFICIAL = "https://api.openai.com"
MAX_STOPS = 4
# Models that reason take neither temperature nor top_p, stop or penalties: the API refuses the request.
REASONING = re.compile(r"(?:.*/)?(?:o[1-9]\b|gpt-5(?!.*chat))")
# Of those, the first ones do not let anybody say how much; all other models refuse to be told.
EFFORTLESS = re.compile(r"(?:.*/)?o1-(?:mini|preview)")
# Of all models of OpenAI's, those that chat.
CHATTING = re.compile(r"(?:gpt-|chatgpt-|o[1-9]\b|ft:)")
NOT_CHATTING = re.compile(
    r"audio|realtime|transcribe|tts|image|instruct|search|moderation|embedding|codex|deep-research"
)


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
        wanted = {**self._parameters(request), "stream_options": {"include_usage": True} if stream else None}
        fixed = {"model": request.model, "messages": messages(request), "stream": stream}
        parameters = adjusted(wanted, self._settings)
        return Call(
            self._url(request, access),
            self._headers(request, access),
            {**parameters, **fixed},
            access.own_url,
            request.model,
            **named(parameters, self._settings),
        )

    def _url(self, _request: ChatRequest, access: Access) -> str:
        return f"{access.base_url}/chat/completions"

    def _headers(self, request: ChatRequest, access: Access) -> dict[str, str]:
        return json_headers({"Authorization": f"Bearer {access.api_key}"}, self._settings, access, request)

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
        return ChunkReader(several=self._settings.add_parameters.get("n") not in (None, 1))

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


def json_headers(
    own: Mapping[str, str], settings: ProviderSettings, access: Access, request: ChatRequest | None = None
) -> dict[str, str]:
    """The headers of a request; those that the operator added stay away from a user's own address."""
    added: Mapping[str, str] = {}
    if not access.own_url:
        values = request.placeholders if request else {}
        added = {**settings.headers, **filled(settings.personal_headers, values)}
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
