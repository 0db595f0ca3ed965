"""The output of a response as it grows: its items, and the events that tell them in OpenAI's order.

Of each item: it is added, its parts are added, grow and are done, and then the item is. An item of text or reasoning
is done before the next begins; calls of tools may grow side by side, and are done at the end.
https://platform.openai.com/docs/api-reference/responses-streaming
"""

import uuid
from collections.abc import Iterator
from typing import Any

from echo.providers.chat import (
    Cited,
    Event,
    Logprobs,
    ReasoningDelta,
    ReasoningSignature,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
)
from echo.responses.items import seal

Json = dict[str, Any]
IN_PROGRESS, COMPLETED, INCOMPLETE = "in_progress", "completed", "incomplete"
NOTHING = -1


class Output:
    """Takes what a model says; `items` is what has come of it.

    `summarized` tells reasoning as a summary, otherwise it is the item's own content.
    """

    def __init__(self, *, summarized: bool) -> None:
        self._summarized = summarized
        self.items: list[Json] = []
        # What is under way: the index of a message or of reasoning, the kind of its last part; calls by number.
        self._open = NOTHING
        self._part: str | None = None
        self._calls: dict[int, int] = {}
        # What has come of the last part, and of each call, until they are done.
        self._pieces: list[str] = []
        self._arguments: dict[int, list[str]] = {}

    def take(self, event: Event) -> Iterator[Json]:
        """The events that tell it."""
        match event:
            case TextDelta(text):
                yield from self._text(text)
            case RefusalDelta(text):
                yield from self._refused(text)
            case ReasoningDelta(text):
                yield from self._thought(text)
            case ReasoningSignature():
                yield from self._signed(event)
            case ToolCallDelta():
                yield from self._call(event)
            case Cited():
                yield from self._cited(event)
            case Logprobs(content) if content:
                yield from self._in_message("output_text")
                self._last["logprobs"] += content

    def close(self, status: str = COMPLETED) -> Iterator[Json]:
        """End whatever is under way; the last item gets this status, all others are completed."""
        last = len(self.items) - 1
        yield from self._close(status if self._open == last else COMPLETED)
        for index in self._calls.values():
            yield from self._close_call(index, status if index == last else COMPLETED)
        self._calls = {}

    def _text(self, text: str) -> Iterator[Json]:
        yield from self._in_message("output_text")
        self._pieces.append(text)
        yield self._of_part("response.output_text.delta", delta=text, logprobs=[])

    def _refused(self, text: str) -> Iterator[Json]:
        yield from self._in_message("refusal")
        self._pieces.append(text)
        yield self._of_part("response.refusal.delta", delta=text)

    def _cited(self, event: Cited) -> Iterator[Json]:
        yield from self._in_message("output_text")
        cited, notes = event.citation, self._last["annotations"]
        end = sum(map(len, self._pieces))
        note: Json = {
            "type": "url_citation",
            "url": cited.url,
            "title": cited.title,
            "start_index": end if cited.start is None else cited.start,
            "end_index": end if cited.end is None else cited.end,
        }
        notes.append(note)
        yield self._of_part(
            "response.output_text.annotation.added", annotation_index=len(notes) - 1, annotation=note
        )

    def _thought(self, text: str) -> Iterator[Json]:
        yield from self._in_reasoning()
        if self._part is None:
            yield from self._add_part("summary_text" if self._summarized else "reasoning_text")
        self._pieces.append(text)
        kind = "reasoning_summary_text" if self._summarized else "reasoning_text"
        yield self._of_part(f"response.{kind}.delta", delta=text)

    def _signed(self, event: ReasoningSignature) -> Iterator[Json]:
        """What proves the reasoning ends its item."""
        yield from self._in_reasoning()
        self.items[self._open]["encrypted_content"] = seal(event.signature, event.redacted, event.format)
        yield from self._close(COMPLETED)

    def _in_reasoning(self) -> Iterator[Json]:
        if self._open == NOTHING or self.items[self._open]["type"] != "reasoning":
            yield from self._close(COMPLETED)
            yield self._add({"id": new_id("rs"), "type": "reasoning", "summary": []})

    def _in_message(self, part: str) -> Iterator[Json]:
        """A message whose last part is of this kind."""
        if self._open == NOTHING or self.items[self._open]["type"] != "message":
            yield from self._close(COMPLETED)
            message = {"id": new_id("msg"), "type": "message", "role": "assistant"}
            yield self._add({**message, "status": IN_PROGRESS, "content": []})
        if self._part != part:
            yield from self._close_part()
            yield from self._add_part(part)

    def _call(self, event: ToolCallDelta) -> Iterator[Json]:
        if event.index not in self._calls:
            yield from self._close(COMPLETED)
            call: Json = {"id": new_id("fc"), "type": "function_call", "status": IN_PROGRESS}
            named = {"call_id": event.id or "", "name": event.name or "", "arguments": ""}
            yield self._add({**call, **named})
            self._calls[event.index], self._open = len(self.items) - 1, NOTHING
            self._arguments[len(self.items) - 1] = []
        index = self._calls[event.index]
        call = self.items[index]
        if event.signature:
            call["extra_content"] = {"google": {"thought_signature": event.signature}}
        if event.arguments:
            self._arguments[index].append(event.arguments)
            kind = "response.function_call_arguments.delta"
            yield {"type": kind, "item_id": call["id"], "output_index": index, "delta": event.arguments}

    def _close_call(self, index: int, status: str) -> Iterator[Json]:
        call = self.items[index]
        call["arguments"] = "".join(self._arguments.pop(index))
        kind, named = "response.function_call_arguments.done", {"name": call["name"]}
        head = {"type": kind, "item_id": call["id"], "output_index": index}
        yield {**head, **named, "arguments": call["arguments"]}
        call["status"] = status
        yield self._done(index)

    def _add(self, item: Json) -> Json:
        self.items.append(item)
        self._open, self._part = len(self.items) - 1, None
        return {"type": "response.output_item.added", "output_index": self._open, "item": copied(item)}

    def _done(self, index: int) -> Json:
        item = copied(self.items[index])
        return {"type": "response.output_item.done", "output_index": index, "item": item}

    def _close(self, status: str) -> Iterator[Json]:
        """End the message or reasoning that is under way, if one is."""
        if self._open == NOTHING:
            return
        yield from self._close_part()
        if "status" in self.items[self._open]:
            self.items[self._open]["status"] = status
        yield self._done(self._open)
        self._open = NOTHING

    @property
    def _parts(self) -> list[Json]:
        item = self.items[self._open]
        if item["type"] == "message" or not self._summarized:
            parts: list[Json] = item.setdefault("content", [])
        else:
            parts = item["summary"]
        return parts

    @property
    def _last(self) -> Json:
        return self._parts[-1]

    def _of_part(self, kind: str, **fields: Any) -> Json:
        """An event of the last part."""
        index = "summary_index" if self._part == "summary_text" else "content_index"
        head = {"type": kind, "item_id": self.items[self._open]["id"], "output_index": self._open}
        return {**head, index: len(self._parts) - 1, **fields}

    def _add_part(self, kind: str) -> Iterator[Json]:
        self._parts.append(new_part(kind))
        self._part, self._pieces = kind, []
        yield self._of_part(f"response.{BEGUN_AS[kind]}.added", part=copied(self._last))

    def _close_part(self) -> Iterator[Json]:
        if self._part is None:
            return
        told, field = DONE_AS[self._part]
        self._last[field] = "".join(self._pieces)
        more = {"logprobs": list(self._last["logprobs"])} if self._part == "output_text" else {}
        yield self._of_part(f"response.{told}.done", **{field: self._last[field]}, **more)
        yield self._of_part(f"response.{BEGUN_AS[self._part]}.done", part=copied(self._last))
        self._part = None


BEGUN_AS = {
    "output_text": "content_part",
    "refusal": "content_part",
    "reasoning_text": "content_part",
    "summary_text": "reasoning_summary_part",
}
DONE_AS = {
    "output_text": ("output_text", "text"),
    "refusal": ("refusal", "refusal"),
    "reasoning_text": ("reasoning_text", "text"),
    "summary_text": ("reasoning_summary_text", "text"),
}


def new_part(kind: str) -> Json:
    """A part that says nothing yet."""
    if kind == "refusal":
        return {"type": kind, "refusal": ""}
    more: Json = {"annotations": [], "logprobs": []} if kind == "output_text" else {}
    return {"type": kind, "text": "", **more}


def new_id(prefix: str) -> str:
    """An id in OpenAI's form, which nobody can guess."""
    return f"{prefix}_{uuid.uuid4().hex}{uuid.uuid4().hex[:16]}"


def copied(value: Any) -> Any:
    """JSON as it is now: it is told before it grows further."""
    if isinstance(value, dict):
        return {name: copied(each) for name, each in value.items()}
    return [copied(each) for each in value] if isinstance(value, list) else value
