"""The chunks of a stream in OpenAI's protocol, also as servers write them that only resemble OpenAI's."""

from collections.abc import Mapping, Sequence
from typing import Any

from echo.providers.chat import Event, FinishReason
from echo.providers.failures import of_error, unusable
from echo.providers.reading import count, dig, read_object, text_at, usage
from echo.providers.sse import ServerEvent
from echo.providers.streams import Reading

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
# An end that is none: the server gave up in the middle.
BROKEN = frozenset({"abort", "error", "insufficient_system_resource"})
STATUSES: Mapping[str, int] = {
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
    "invalid_api_key": 401,
    "authentication_error": 401,
    "context_length_exceeded": 400,
    "invalid_request_error": 400,
    "server_error": 500,
}


class ChunkReader(Reading):
    """Reads `chat.completion.chunk` objects.

    Only one choice counts. Where the operator asks for `several`, it is the one of index 0; otherwise the only one,
    whatever its index: text-generation-inference counts tokens there.
    """

    def __init__(self, *, several: bool = False) -> None:
        super().__init__()
        self._several = several
        self._by_delta = False
        self._wholes = Whole(), Whole(), Whole()

    def read(self, event: ServerEvent) -> Sequence[Event]:
        """Text, reasoning and usage of a chunk. Raises `ProviderFailure` for an error in its place."""
        chunk = read_object(event.data)
        if chunk.get("error"):
            raise of_error(chunk["error"], STATUSES)
        choice = self._choice(chunk.get("choices"))
        events = self._said(choice)
        if (reason := text_at(choice, "finish_reason")) in BROKEN:
            raise unusable(f"finish_{reason}", transient=True)
        self.ended(reason, FINISH)
        counts = chunk.get("usage")
        return [
            *events,
            *usage(count(dig(counts, "prompt_tokens")), count(dig(counts, "completion_tokens"))),
        ]

    def _choice(self, choices: Any) -> dict[str, Any]:
        found = [each for each in choices if isinstance(each, dict)] if isinstance(choices, list) else []
        first = [each for each in found if each.get("index") in (0, None)]
        chosen = first if self._several else first or found
        return chosen[0] if chosen else {}

    def _said(self, choice: Mapping[str, Any]) -> list[Event]:
        """What a choice says in its `delta`, or in what servers have in place of that, until one has come."""
        events = self._spoken(choice.get("delta"))
        self._by_delta = self._by_delta or bool(events)
        if self._by_delta:
            return events
        message = choice.get("message")
        text, reasoning, refusal = spoken(message)
        self._note_call(message)
        if text or reasoning or refusal:
            text, reasoning = self._wholes[0].rest(text), self._wholes[1].rest(reasoning)
            return self.said(text, reasoning, refusal=self._wholes[2].rest(refusal))
        return self.said(text_at(choice, "text"))

    def _spoken(self, delta: Any) -> list[Event]:
        self._note_call(delta)
        text, reasoning, refusal = spoken(delta)
        return self.said(text, reasoning, refusal=refusal)

    def _note_call(self, said: Any) -> None:
        self.called = self.called or bool(dig(said, "tool_calls") or dig(said, "function_call"))


class Whole:
    """Text that comes in pieces, or each time as a whole that has grown."""

    def __init__(self) -> None:
        self._known = ""

    def rest(self, text: str) -> str:
        """What is new in it."""
        if text.startswith(self._known):
            text, self._known = text[len(self._known) :], text
        else:
            self._known += text
        return text


def spoken(value: Any) -> tuple[str, str, str]:
    """Text, reasoning and refusal of a delta or message.

    `reasoning_content` and `reasoning` are what compatible servers have; OpenAI keeps its reasoning to itself.
    """
    refusal = text_at(value, "refusal")
    if isinstance(content := dig(value, "content"), list):
        return *_of_parts(content), refusal
    reasoning = text_at(value, "reasoning_content") or text_at(value, "reasoning")
    return text_at(value, "content"), reasoning, refusal


def _of_parts(content: list[Any]) -> tuple[str, str]:
    """Text and reasoning of a content in parts, as Mistral's reasoning models send it."""
    text = "".join(text_at(part, "text") for part in content)
    thoughts = (dig(part, "thinking") for part in content)
    return text, "".join(
        text_at(each, "text") for thought in thoughts if isinstance(thought, list) for each in thought
    )
