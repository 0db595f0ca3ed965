"""The chunks of a stream in OpenAI's protocol, also as servers write them that only resemble OpenAI's."""

from collections.abc import Mapping, Sequence
from typing import Any

from echo.providers.call_pieces import CallPieces
from echo.providers.chat import Event, FinishReason, Usage
from echo.providers.failures import of_error, unusable
from echo.providers.likelihood import cited, logprobs_of, spoken_aloud
from echo.providers.reading import count, dig, finish_reason, read_object, text_at, usage
from echo.providers.sse import ServerEvent
from echo.providers.streams import Reading
from echo.providers.think_tags import ThinkTags

FINISH: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content_filter",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
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
# What a choice with a piece of text has, and its delta.
OF_CHOICE = frozenset({"index", "delta", "finish_reason", "logprobs"})
OF_TEXT = frozenset({"content", "role"})
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

    Of several `answers` that were asked for each is told. Otherwise only one choice counts: where the operator asks
    for `several`, the one of index 0, else the only one, whatever its index: text-generation-inference counts tokens
    there. `sounds` says that the answer may be spoken, `tags` says that reasoning may be marked in the text.
    """

    def __init__(
        self,
        *,
        several: bool = False,
        answers: int = 1,
        logprobs: bool = False,
        tags: bool = False,
        sounds: bool = False,
    ) -> None:
        super().__init__()
        self._several = several
        self._answers = answers
        self._logprobs = logprobs
        self._tags = tags
        self._sounds = sounds
        self._choices: dict[int, _Choice] = {}
        self._reasons: dict[int, FinishReason] = {}

    def read(self, event: ServerEvent) -> Sequence[Event]:
        """Text, reasoning, calls and usage of a chunk. Raises `ProviderFailure` for an error in its place."""
        chunk = read_object(event.data)
        if (plain := self._plain_text(chunk)) is not None:
            return plain
        if chunk.get("error"):
            raise of_error(chunk["error"], STATUSES)
        events = [
            made for index, choice in self._found(chunk.get("choices")) for made in self._read(index, choice)
        ]
        return [*events, *counted(chunk.get("usage"))]

    def _plain_text(self, chunk: Mapping[str, Any]) -> Sequence[Event] | None:
        """The text of a chunk that holds a further piece of the only answer's text, and nothing else; as most do.

        None for any other. To look for all that a chunk may hold takes three times as long.
        """
        choices, state = chunk.get("choices"), self._choices.get(0)
        if state is None or not state.by_delta or type(choices) is not list or len(choices) != 1:
            return None
        choice = choices[0]
        if type(choice) is not dict or chunk.get("usage") or chunk.get("error"):
            return None
        delta = choice.get("delta")
        if type(delta) is not dict or not (delta.keys() <= OF_TEXT and choice.keys() <= OF_CHOICE):
            return None
        text = delta.get("content")
        is_first = type(index := choice.get("index")) is int and index == 0
        is_alone = choice.get("finish_reason") is None and choice.get("logprobs") is None
        if not (is_first and is_alone and type(text) is str and text):
            return None
        return self._spoken(state, text, "", "")

    def end(self) -> list[Event]:
        """What marks of reasoning have held back; an answer of several that has no reason ended nevertheless."""
        if self.finish is None and self._reasons:
            self._settle()
        held = ((index, choice.tags.rest()) for index, choice in self._choices.items() if choice.tags)
        return [made for index, rest in held for made in self.said(*rest, choice=index)]

    def _read(self, index: int, choice: dict[str, Any]) -> list[Event]:
        state = self._choices.get(index)
        if state is None:
            state = self._choices[index] = _Choice(index, tags=self._tags)
        events = self._said(state, choice)
        if (reason := text_at(choice, "finish_reason")) in BROKEN:
            raise unusable(f"finish_{reason}", transient=True)
        if found := finish_reason(reason, FINISH):
            self._reasons[index] = found
            self.reason = reason if index == 0 else self.reason
            if len(self._reasons) >= self._answers:
                self._settle()
        if self._sounds:
            for said in (choice.get("delta"), choice.get("message")):
                events += spoken_aloud(dig(said, "audio"), index)
        if self._logprobs and (likely := logprobs_of(choice.get("logprobs"), index)):
            events.append(likely)
        return events

    def _settle(self) -> None:
        """Note why each answer ended."""
        self.finish = self._reasons.get(0, "other")
        self.others = tuple(self._reasons.get(index, "other") for index in range(1, self._answers))

    def _found(self, choices: Any) -> list[tuple[int, dict[str, Any]]]:
        """The choices that count, each with its index."""
        found = [each for each in choices if isinstance(each, dict)] if isinstance(choices, list) else []
        if self._answers > 1:
            indexed = ((each.get("index") or 0, each) for each in found)
            return [(index, each) for index, each in indexed if index in range(self._answers)]
        first = [each for each in found if each.get("index") in (0, None)]
        chosen = first if self._several else first or found
        return [(0, chosen[0])] if chosen else []

    def _said(self, state: "_Choice", choice: Mapping[str, Any]) -> list[Event]:
        """What a choice says in its `delta`, or in what servers have in place of that, until one has come."""
        delta, message = choice.get("delta"), choice.get("message")
        events = [*self._spoken(state, *spoken(delta)), *state.calls.read(delta), *cited(delta, state.index)]
        state.by_delta = state.by_delta or bool(events)
        self.called = self.called or _calls(delta) or _calls(message)
        if state.by_delta:
            return events
        if isinstance(message, dict):
            rests = (known.rest(text) for known, text in zip(state.wholes, spoken(message), strict=True))
            events = [*self._spoken(state, *rests), *state.calls.read(message, whole=True)]
            if events or any(spoken(message)):
                return events
        return self._spoken(state, text_at(choice, "text"), "", "")

    def _spoken(self, state: "_Choice", text: str, reasoning: str, refusal: str) -> list[Event]:
        if reasoning:
            # Who tells the reasoning apart has no need to mark it: what looks like a mark is text.
            state.tags = None
        if state.tags and text:
            text, reasoning = state.tags.take(text)
        return self.said(text, reasoning, refusal=refusal, choice=state.index)


class _Choice:
    """What is known of one answer."""

    def __init__(self, index: int, *, tags: bool) -> None:
        self.index = index
        self.by_delta = False
        self.wholes = Whole(), Whole(), Whole()
        self.calls = CallPieces(index)
        self.tags = ThinkTags() if tags else None


def _calls(said: Any) -> bool:
    return bool(dig(said, "tool_calls") or dig(said, "function_call"))


def counted(counts: Any) -> list[Usage]:
    """The tokens that a `usage` tells."""
    # DeepSeek has a name of its own for what was cached.
    cached = count(dig(counts, "prompt_tokens_details", "cached_tokens"))
    return usage(
        count(dig(counts, "prompt_tokens")),
        count(dig(counts, "completion_tokens")),
        cached=cached or count(dig(counts, "prompt_cache_hit_tokens")),
        written=count(dig(counts, "prompt_tokens_details", "cache_write_tokens")),
        reasoning=count(dig(counts, "completion_tokens_details", "reasoning_tokens")),
    )


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
