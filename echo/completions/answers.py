"""A model's answer as it grows, in OpenAI's words: what each event adds to a message, and the message as a whole."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from echo.providers.chat import (
    AudioDelta,
    Cited,
    Event,
    Finished,
    FinishReason,
    Logprobs,
    ReasoningDelta,
    ReasoningSignature,
    RefusalDelta,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    Usage,
)

Json = dict[str, Any]


@dataclass
class Message:
    """One of the answers: of most requests there is one."""

    text: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    refusal: list[str] = field(default_factory=list)
    calls: dict[int, Json] = field(default_factory=dict)
    spoken: list[AudioDelta] = field(default_factory=list)
    details: list[Json] = field(default_factory=list)
    annotations: list[Json] = field(default_factory=list)
    content_logprobs: list[Any] = field(default_factory=list)
    refusal_logprobs: list[Any] = field(default_factory=list)
    # Where the reasoning begins that no signature has followed yet.
    unsigned: int = 0

    def take(self, event: Event) -> Json | None:
        """Add an event; what a chunk for it tells, None where it tells nothing to the message."""
        match event:
            case TextDelta(text):
                self.text.append(text)
                told: Json | None = {"content": text}
            case ReasoningDelta(text):
                self.reasoning.append(text)
                told = {"reasoning_content": text}
            case AudioDelta():
                self.spoken.append(event)
                told = {"audio": _piece(event)}
            case RefusalDelta(text):
                self.refusal.append(text)
                told = {"refusal": text}
            case ToolCallDelta():
                told = {"tool_calls": [self._call(event)]}
            case ReasoningSignature():
                told = {"reasoning_details": [self._signed(event)]}
            case Cited():
                self.annotations.append(_annotation(event))
                told = {"annotations": [self.annotations[-1]]}
            case _:
                told = None
        return told

    def weigh(self, event: Logprobs) -> None:
        """Add how likely tokens were."""
        self.content_logprobs += event.content
        self.refusal_logprobs += event.refusal

    def _call(self, event: ToolCallDelta) -> Json:
        signed = (
            {"extra_content": {"google": {"thought_signature": event.signature}}} if event.signature else {}
        )
        call = self.calls.get(event.index)
        if call is None:
            begun = {"id": event.id or "", "type": "function", **signed}
            self.calls[event.index] = {**begun, "name": event.name or "", "arguments": [event.arguments]}
            function = {"name": event.name or "", "arguments": event.arguments}
            return {"index": event.index, **begun, "function": function}
        call["arguments"].append(event.arguments)
        call |= signed
        return {"index": event.index, **signed, "function": {"arguments": event.arguments}}

    def _signed(self, event: ReasoningSignature) -> Json:
        text = "".join(self.reasoning[self.unsigned :])
        self.unsigned = len(self.reasoning)
        named = {"format": event.format} if event.format else {}
        if event.redacted is not None:
            detail = {"type": "reasoning.encrypted", "data": event.redacted, **named}
        else:
            detail = {"type": "reasoning.text", "text": text, "signature": event.signature or "", **named}
        self.details.append(detail)
        return detail

    @property
    def whole_text(self) -> str:
        """The text so far."""
        return "".join(self.text)

    @property
    def transcript(self) -> str:
        """The words of what was spoken."""
        return "".join(piece.transcript for piece in self.spoken)

    @property
    def words(self) -> str:
        """The text, or what was said or spoken instead."""
        return self.whole_text or "".join(self.refusal) or self.transcript

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The calls of tools so far."""
        return tuple(
            ToolCall(call["id"], call["name"], "".join(call["arguments"]))
            for _, call in sorted(self.calls.items())
        )

    @property
    def message(self) -> Json:
        """The whole message."""
        text, refusal = self.whole_text, "".join(self.refusal)
        message: Json = {"role": "assistant", "content": text, "refusal": refusal or None}
        if not text and (self.calls or refusal or self.spoken):
            message["content"] = None
        if self.spoken:
            message["audio"] = self._audio
        if self.reasoning:
            message["reasoning_content"] = "".join(self.reasoning)
        if self.details:
            message["reasoning_details"] = self.details
        if self.annotations:
            message["annotations"] = self.annotations
        if self.calls:
            message["tool_calls"] = [_whole_call(call) for _, call in sorted(self.calls.items())]
        return message

    @property
    def _audio(self) -> Json:
        """What was spoken, as one."""
        told = {name: value for piece in self.spoken for name, value in _piece(piece).items()}
        return {
            "id": told.get("id", ""),
            "data": joined([piece.data for piece in self.spoken if piece.data]),
            "transcript": self.transcript,
            "expires_at": told.get("expires_at", 0),
        }

    @property
    def logprobs(self) -> Json | None:
        """How likely its tokens were, where that was asked for."""
        return logprobs_object(Logprobs(self.content_logprobs, self.refusal_logprobs))


class Answer:
    """What has come of one request."""

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.finish: FinishReason = "other"
        self.others: tuple[FinishReason, ...] = ()
        self.said: dict[int, Message] = {0: Message()}

    def take(self, event: Event) -> tuple[int, Json] | None:
        """Add an event: which answer a chunk for it is of and what that tells, None where it tells nothing yet."""
        if isinstance(event, Usage):
            self.usage = event
            return None
        if isinstance(event, Finished):
            self.finish, self.others = event.reason, event.others
            return None
        message = self.said.setdefault(event.choice, Message())
        if isinstance(event, Logprobs):
            message.weigh(event)
            return None
        delta = message.take(event)
        return (event.choice, delta) if delta else None

    @property
    def first(self) -> Message:
        """The answer that is kept, of several the first."""
        return self.said[0]

    @property
    def whole_text(self) -> str:
        """The text of the first answer, or what the model said or spoke instead."""
        return self.first.words

    def finish_reason(self, choice: int = 0) -> str:
        """OpenAI's word for why the model ended; it has none for "other"."""
        reason = ((self.finish, *self.others)[choice : choice + 1] or ("other",))[0]
        return "stop" if reason == "other" else reason


def logprobs_object(likely: Logprobs) -> Json | None:
    """OpenAI's object of how likely tokens were; None where nothing is known of it."""
    if not (likely.content or likely.refusal):
        return None
    return {"content": list(likely.content) or None, "refusal": list(likely.refusal) or None}


def _piece(event: AudioDelta) -> Json:
    told = {
        "id": event.id,
        "data": event.data,
        "transcript": event.transcript,
        "expires_at": event.expires_at,
    }
    return {name: value for name, value in told.items() if value}


def joined(pieces: Sequence[str]) -> str:
    """Pieces of base64 as one: each may be padded for itself."""
    if len(pieces) < 2:
        return "".join(pieces)
    try:
        return base64.b64encode(b"".join(map(base64.b64decode, pieces))).decode()
    except binascii.Error:
        return "".join(pieces)


def _whole_call(call: Json) -> Json:
    function = {"name": call["name"], "arguments": "".join(call["arguments"])}
    rest = {name: value for name, value in call.items() if name not in ("name", "arguments")}
    return {**rest, "function": function}


def _annotation(event: Cited) -> Json:
    cited = event.citation
    told = {"url": cited.url, "title": cited.title, "start_index": cited.start, "end_index": cited.end}
    return {
        "type": "url_citation",
        "url_citation": {name: value for name, value in told.items() if value is not None},
    }
