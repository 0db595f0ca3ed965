"""The responses of Gemini, each with the next parts: https://ai.google.dev/api/generate-content."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from echo.providers.call_pieces import MAX_CALLS, as_text, made_id
from echo.providers.chat import (
    Citation,
    Cited,
    Event,
    FinishReason,
    Logprobs,
    ReasoningSignature,
    ToolCallDelta,
    Usage,
)
from echo.providers.failures import of_error
from echo.providers.google_content import FORMAT
from echo.providers.reading import count, dig, finish_reason, read_object, text_at, usage
from echo.providers.sse import ServerEvent
from echo.providers.streams import Reading

FINISH: dict[str, FinishReason] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "LANGUAGE": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
    "ESCALATION": "content_filter",
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
MAX_CHOICES = 128
MAX_SOURCES = 200


def parts_of(candidate: Any) -> list[Any]:
    """The parts of a candidate."""
    found = dig(candidate, "content", "parts")
    return found if isinstance(found, list) else []


class ResponseReader(Reading):
    """Reads responses. The stream has no mark of its end but the end.

    With `several` each candidate is an answer of its own; otherwise only the first of each response counts. With
    `one_call` all calls but the first of an answer are passed over: Gemini cannot be told to make one only.
    """

    def __init__(self, *, several: bool = False, one_call: bool = False) -> None:
        super().__init__()
        self._several = several
        self._one_call = one_call
        self._calls: dict[int, int] = {}
        self._ends: dict[int, FinishReason] = {}

    def read(self, event: ServerEvent) -> Sequence[Event]:
        """Text, thoughts, calls and usage. Raises `ProviderFailure` for an error in a response's place."""
        value = read_object(event.data)
        if value.get("error"):
            raise of_error(value["error"], STATUSES)
        events = [made for candidate in self._candidates(value) for made in self._candidate(candidate)]
        blocked = dig(value, "promptFeedback", "blockReason")
        if finish_reason(blocked, {}):
            self.finish, self.reason = "content_filter", blocked
        return [*events, *counted(value.get("usageMetadata"))]

    def _candidates(self, value: Mapping[str, Any]) -> list[Any]:
        found = value.get("candidates")
        given = found[:MAX_CHOICES] if isinstance(found, list) else []
        return given if self._several else given[:1]

    def _candidate(self, candidate: Any) -> Iterator[Event]:
        index = dig(candidate, "index")
        choice = index if self._several and isinstance(index, int) and 0 < index < MAX_CHOICES else 0
        for part in parts_of(candidate):
            yield from self._part(part, choice)
        yield from _logprobs(dig(candidate, "logprobsResult"), choice)
        yield from _cited(dig(candidate, "groundingMetadata", "groundingChunks"), choice)
        self._end(dig(candidate, "finishReason"), choice)

    def _end(self, reason: Any, choice: int) -> None:
        if choice == 0:
            self.ended(reason, FINISH)
        elif found := finish_reason(reason, FINISH):
            self._ends[choice] = "tool_calls" if found == "stop" and choice in self._calls else found
            self.others = tuple(self._ends.get(each, "other") for each in range(1, max(self._ends) + 1))

    def _part(self, part: Any, choice: int) -> Iterator[Event]:
        signature = text_at(part, "thoughtSignature") or None
        if isinstance(call := dig(part, "functionCall"), dict):
            yield from self._call(call, signature, choice)
            return
        text = text_at(part, "text")
        thought = dig(part, "thought") is True
        yield from self.said(reasoning=text, choice=choice) if thought else self.said(text, choice=choice)
        if signature:
            yield ReasoningSignature(signature, format=FORMAT, choice=choice)

    def _call(self, call: Mapping[str, Any], signature: str | None, choice: int) -> Iterator[Event]:
        """A call, which always comes whole."""
        self.called = True
        name, index = text_at(call, "name"), self._calls.get(choice, 0)
        if not name or index >= (1 if self._one_call else MAX_CALLS):
            return
        self._calls[choice] = index + 1
        call_id = text_at(call, "id") or made_id()
        yield ToolCallDelta(index, call_id, name, signature=signature, choice=choice)
        yield from self.argued(index, as_text(call.get("args")) or "{}", choice)


def counted(counts: Any) -> list[Usage]:
    """The tokens that a `usageMetadata` tells."""
    names = ("promptTokenCount", "toolUsePromptTokenCount", "candidatesTokenCount", "thoughtsTokenCount")
    prompt, searched, written, thought = (count(dig(counts, name)) for name in names)
    cached = count(dig(counts, "cachedContentTokenCount"))
    return usage(prompt + searched, written + thought, cached=cached, reasoning=thought)


def _cited(chunks: Any, choice: int) -> Iterator[Event]:
    """The pages that a search has found and the answer rests on."""
    for chunk in chunks[:MAX_SOURCES] if isinstance(chunks, list) else ():
        if (url := text_at(chunk, "web", "uri")).startswith(("http://", "https://")):
            yield Cited(Citation(url, text_at(chunk, "web", "title")), choice)


def _logprobs(result: Any, choice: int) -> Iterator[Event]:
    """How likely the tokens were, in OpenAI's form."""
    chosen = dig(result, "chosenCandidates")
    others = dig(result, "topCandidates")
    if not isinstance(chosen, list) or not chosen:
        return
    content = [
        {**_token(each), "top_logprobs": _tokens(dig(others, index, "candidates"))}
        for index, each in enumerate(chosen)
    ]
    yield Logprobs(content, choice=choice)


def _tokens(candidates: Any) -> list[dict[str, Any]]:
    return [_token(each) for each in candidates] if isinstance(candidates, list) else []


def _token(candidate: Any) -> dict[str, Any]:
    token, logprob = text_at(candidate, "token"), dig(candidate, "logProbability")
    likely = float(logprob) if isinstance(logprob, int | float) else 0.0
    return {"token": token, "logprob": likely, "bytes": list(token.encode("utf-8", "replace"))}
