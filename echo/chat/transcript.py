"""What a run has said, held once for all who read it: a reader needs no more than its own place.

Pieces of one part run together, so that a long answer takes the room of its text, and a reader that comes late or is
slow gets in few events what others got in many.
"""

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from echo.chat import frames, summary_frames
from echo.chat.content import Parts, kept, pieces_of
from echo.conversations.message_text import plain_text

Json = dict[str, Any]
# What an event that is no text is taken for.
FRAME_BYTES = 500


class Frame(NamedTuple):
    """One event: its name, and what it says."""

    name: str
    payload: Mapping[str, Any]


class Place(NamedTuple):
    """How far someone has read: the entry, and the bytes of it."""

    entry: int = 0
    offset: int = 0


BEGINNING = Place()


@dataclass
class Growing:
    """Pieces of one part that came one after the other; their text in UTF-8. `shown` is a summary's maker."""

    step_id: str
    kind: str
    content: bytearray = field(default_factory=bytearray)
    shown: Mapping[str, Any] = field(default_factory=dict)

    def frame(self, offset: int, end: int) -> Frame:
        """Everything between two places as one event."""
        text = self.content[offset:end].decode()
        if self.kind == frames.SUMMARY:
            return Frame(frames.MESSAGE, summary_frames.delta(self.step_id, text, self.shown))
        return Frame(frames.MESSAGE, frames.delta(self.step_id, self.kind, text))

    def cut(self, offset: int, most: int) -> int:
        """Where an event from an offset on ends that has about so many bytes, and whole characters."""
        end = min(len(self.content), offset + most)
        while end < len(self.content) and self.content[end] & 0xC0 == 0x80:
            end += 1
        return end


class Transcript:
    """Grows on the event loop only. `watchers` are called at each change, and must not add or remove one."""

    def __init__(self, about: Mapping[str, Any]) -> None:
        """`about` has what no event says: see `about_run`."""
        self.about = about
        self.watchers: set[Callable[[], object]] = set()
        self.ended = False
        self._entries: list[Frame | Growing] = []
        self._steps: list[Json] = []
        self._noted: dict[str, Any] = {}

    def add(self, name: str, payload: Mapping[str, Any]) -> None:
        """Add an event; the last one is `final`, or an error."""
        if (pieces := pieces_of(payload)) is not None:
            for kind, text in pieces:
                self.extend(payload["data"]["id"], kind, text)
            return
        self._entries.append(Frame(name, payload))
        self._note(payload)
        self.ended = name == frames.ERROR or bool(payload.get("final"))
        self._wake()

    def extend(self, step_id: str, kind: str, text: str) -> None:
        """Add a piece of a part."""
        last = self._entries[-1] if self._entries else None
        if not isinstance(last, Growing) or last.step_id != step_id:
            last = Growing(step_id, kind)
            if kind == frames.SUMMARY:
                last.shown = next(each for each in self._steps if each["id"] == step_id)[frames.SUMMARY]
            self._entries.append(last)
        last.content += text.encode()
        self._wake()

    def _note(self, payload: Mapping[str, Any]) -> None:
        event = payload.get("event")
        if payload.get("created"):
            self._noted["created"] = payload["message"]
        elif event == "on_run_step":
            self._steps.append(dict(payload["data"]))
        elif event in ("title", "on_context_usage"):
            self._noted[event] = payload

    def _wake(self) -> None:
        for watcher in self.watchers:
            watcher()

    def since(self, place: Place, most: int = sys.maxsize) -> tuple[list[Frame], Place]:
        """The events from a place on, and the place after them; of text about so many bytes and no more."""
        found: list[Frame] = []
        entry, offset = place
        while entry < len(self._entries) and most > 0:
            current = self._entries[entry]
            if isinstance(current, Frame):
                found.append(current)
                most -= FRAME_BYTES
            elif len(current.content) > offset:
                end = current.cut(offset, most)
                found.append(current.frame(offset, end))
                most -= end - offset
                offset = end
            if isinstance(current, Growing) and (
                entry == len(self._entries) - 1 or offset < len(current.content)
            ):
                break
            entry, offset = entry + 1, 0
        return found, Place(entry, offset)

    @property
    def present(self) -> Place:
        """The place from which someone reads on who has been told the state; the last event still comes."""
        return Place(len(self._entries) - 1) if self.ended else self.end

    @property
    def end(self) -> Place:
        """The place after everything."""
        if self._entries and isinstance(self._entries[-1], Growing):
            return Place(len(self._entries) - 1, len(self._entries[-1].content))
        return Place(len(self._entries))

    def content(self) -> list[Json]:
        """The parts of the answer so far, as LibreChat stores them."""
        return continued(self._before, kept(self.said()))

    @property
    def _before(self) -> list[Json]:
        return self.about.get("before") or []

    def said(self) -> list[Json]:
        """The parts that the run itself has added."""
        parts = Parts()
        for entry in self._entries:
            if isinstance(entry, Growing):
                parts.extend(entry.step_id, entry.kind, entry.content)
            else:
                parts.note(entry.payload)
        return parts.whole()

    def state(self) -> Json:
        """Everything so far, for a reader who has been here before."""
        message = self._noted.get("created", {})
        question = ("messageId", "parentMessageId", "conversationId", "text", "files")
        return {
            "runSteps": self._steps,
            # Who edits an answer has what it goes on from, and counts the parts that follow.
            "aggregatedContent": frames.parts(
                continued([] if self.about.get("isEdited") else self._before, self.said())
            ),
            "userMessage": {name: message[name] for name in question if name in message},
            "responseMessageId": self.about["responseMessageId"],
            "conversationId": self.about["conversationId"],
            "sender": self.about["sender"],
            **({"iconURL": self.about["iconURL"]} if self.about.get("iconURL") else {}),
            "model": self.about["model"],
            **({"titleEvent": self._noted["title"]} if "title" in self._noted else {}),
            **(
                {"contextUsage": self._noted["on_context_usage"]["data"]}
                if "on_context_usage" in self._noted
                else {}
            ),
        }

    def everything(self) -> bytes:
        """All of it, to be stored and read by `load`."""
        return pack(self.since(BEGINNING)[0])

    def load(self, packed: bytes) -> None:
        """Add events that `pack` or `everything` packed."""
        for name, payload in orjson.loads(packed):
            self.add(name, payload)


def pack(found: Iterable[Frame]) -> bytes:
    """Events as bytes to store."""
    return orjson.dumps([[each.name, each.payload] for each in found])


def continued(before: list[Json], parts: list[Json]) -> list[Json]:
    """Parts of an answer that goes on: what is added to its text runs together with the text."""
    if not before or not parts:
        return [*before, *parts]
    last, first = before[-1], parts[0]
    if part_follows(before, first["type"]):
        joined = {**last, frames.TEXT: last[frames.TEXT] + first[frames.TEXT]}
        return [*before[:-1], joined, *parts[1:]]
    return [*before, *parts]


def part_follows(before: list[Json], kind: str) -> bool:
    """Whether a part of this kind runs together with the last of an answer that goes on."""
    last = before[-1] if before else {}
    return last.get("type") == kind == frames.TEXT and isinstance(last.get(frames.TEXT), str)


def text_of(content: Iterable[Mapping[str, Any]]) -> str:
    """The text of an answer's parts."""
    texts = (plain_text(part.get(frames.TEXT)) for part in content if part.get("type") == frames.TEXT)
    return "".join(text for text in texts if text is not None)
