"""OpenAI's chat completions: https://platform.openai.com/docs/api-reference/chat."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from echo.providers.asked import MEANINGFUL, NamedTool, ResponseFormat, Tool, ToolChoice
from echo.providers.chat import ChatRequest, Usage
from echo.providers.chunks import ChunkReader, counted
from echo.providers.openai_messages import Manner, messages
from echo.providers.parameters import adjusted, named
from echo.providers.personal import filled
from echo.providers.provider import Access
from echo.providers.reading import dig, text_at
from echo.providers.streams import EventReader
from echo.providers.transport import Call
from echo.settings import ProviderSettings

OFFICIAL = "https://api.openai.com"
MAX_STOPS = 4
STREAMED_SOUND = "pcm16"
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
    manner: ClassVar[Manner] = Manner()

    def __init__(self, settings: ProviderSettings) -> None:
        self._settings = settings

    def chat(self, request: ChatRequest, access: Access) -> Call:
        """The request for a stream, with usage at its end.

        Of sounds OpenAI streams one format alone; any other comes in one piece.
        """
        stream = not request.audio or request.audio.get("format") == STREAMED_SOUND
        return self._call(request, access, stream=stream, whole=not stream)

    def short(self, request: ChatRequest, access: Access) -> Call:
        """The request for one answer."""
        return self._call(request, access, stream=False)

    def _call(self, request: ChatRequest, access: Access, *, stream: bool, whole: bool = False) -> Call:
        wanted = {**self._parameters(request), "stream_options": {"include_usage": True} if stream else None}
        fixed = {"model": request.model, "messages": messages(request, self.manner), "stream": stream}
        parameters = adjusted(wanted, self._settings)
        return Call(
            self._url(request, access),
            self._headers(request, access),
            {**parameters, **fixed},
            access.own_url,
            request.model,
            **named(parameters, self._settings, needed=request.set_names() & MEANINGFUL),
            whole=whole,
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
            "reasoning_effort": request.effort if self._takes_effort(request.model) else None,
            **self._further(request),
        }

    def _further(self, request: ChatRequest) -> dict[str, Any]:
        """What is passed on as it was asked for."""
        return {
            "tools": [tool(each) for each in request.tools] or None,
            # What says no more than that there are no tools is refused where there are none.
            "tool_choice": tool_choice(request.tool_choice)
            if request.tools or request.tool_choice not in ("auto", "none")
            else None,
            "parallel_tool_calls": request.parallel_tool_calls if request.tools else None,
            "response_format": response_format(request.response_format),
            "seed": request.seed,
            "n": request.n,
            "logprobs": request.logprobs,
            "top_logprobs": request.top_logprobs,
            "logit_bias": request.logit_bias,
            "prediction": request.prediction,
            "service_tier": request.service_tier,
            "verbosity": request.verbosity,
            "modalities": list(request.modalities) or None,
            "audio": request.audio,
            "web_search_options": request.web_search_options,
        }

    def _takes_effort(self, model: str) -> bool:
        return not self.knows_models or (
            REASONING.match(model) is not None and EFFORTLESS.match(model) is None
        )

    def models(self, access: Access) -> Call | None:
        """The request for the list of models."""
        headers = json_headers({"Authorization": f"Bearer {access.api_key}"}, self._settings, access)
        return Call(f"{access.base_url}/models", headers, guarded=access.own_url)

    def reader(self, request: ChatRequest) -> EventReader:
        """A reader of chunks."""
        several = self._settings.add_parameters.get("n") not in (None, 1)
        return ChunkReader(
            several=several,
            answers=request.n or 1,
            logprobs=bool(request.logprobs),
            sounds="audio" in request.modalities,
            # OpenAI's own models say apart what they think, and mean such a mark as text.
            tags=not self.knows_models and self._settings.think_tags,
        )

    def read_text(self, answer: Any) -> str:
        """The first choice's content."""
        return text_at(answer, "choices", 0, "message", "content")

    def read_usage(self, answer: Any) -> list[Usage]:
        """What `usage` tells."""
        return counted(dig(answer, "usage"))

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


def tool(tool: Tool) -> dict[str, Any]:
    """A tool in OpenAI's form."""
    told = {
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
        "strict": tool.strict,
    }
    return {
        "type": "function",
        "function": {name: value for name, value in told.items() if value is not None},
    }


def tool_choice(choice: ToolChoice | None) -> Any:
    """Which tools the model may or must call, in OpenAI's form."""
    if isinstance(choice, NamedTool):
        return {"type": "function", "function": {"name": choice.name}}
    return choice


def response_format(wanted: ResponseFormat | None) -> dict[str, Any] | None:
    """The form of the answer, in OpenAI's form."""
    if wanted is None or wanted.type != "json_schema":
        return None if wanted is None else {"type": wanted.type}
    told = {
        "name": wanted.name,
        "description": wanted.description,
        "schema": wanted.schema,
        "strict": wanted.strict,
    }
    return {
        "type": "json_schema",
        "json_schema": {name: value for name, value in told.items() if value is not None},
    }
