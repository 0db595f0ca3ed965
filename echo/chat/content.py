"""The parts of an answer as LibreChat stores them, put together from the events of its run."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from echo.chat.frames import SUMMARY, TEXT, THINK, TOOL_CALL

Json = dict[str, Any]
Pieces = list[tuple[str, str]]
DELTAS = ("on_message_delta", "on_reasoning_delta")
# Of a part where several answer: whose it is.
OF_MODEL = ("agentId", "groupId")
# A call that only asks for a login: LibreChat's clients show it, and nobody stores it.
LOGIN = "oauth_mcp_"


@dataclass
class Slot:
    """One part that grows; of a call the text is its arguments.

    A summary is one of this kind until it is there, and then a part that is what its fields say.
    """

    kind: str
    fields: Json = field(default_factory=dict)
    shown: Json = field(default_factory=dict)
    text: bytearray = field(default_factory=bytearray)

    def part(self) -> Json:
        """The part as it is now."""
        text = self.text.decode()
        if self.kind == TOOL_CALL:
            return {"type": TOOL_CALL, TOOL_CALL: {"args": text, **self.fields}, **self.shown}
        if self.kind in (TEXT, THINK):
            return {"type": self.kind, self.kind: text, **self.fields, **self.shown}
        if self.kind == SUMMARY:
            content = [{"type": TEXT, TEXT: text}] if text else []
            return {**self.fields, "content": content, "summarizing": True, **self.shown}
        return {**self.fields, **self.shown}


class Parts:
    """Takes the events of a run in their order."""

    def __init__(self) -> None:
        self._slots: dict[str, Slot] = {}
        self._shown: dict[str, Json] = {}

    def extend(self, step_id: str, kind: str, text: bytearray) -> None:
        """A further piece of a part."""
        slot = self._slots.get(step_id)
        if slot is None:
            if kind == TOOL_CALL:
                return
            slot = self._slots[step_id] = Slot(kind, shown=self._shown.get(step_id, {}))
        slot.text.extend(text)

    def note(self, payload: Mapping[str, Any]) -> None:
        """An event that is no piece."""
        event, data = payload.get("event"), payload.get("data") or {}
        if event == "on_run_step":
            self._begin(data)
        elif event == "on_run_step_completed":
            self._complete(data["result"])
        elif event == "on_run_step_closed":
            self._close(data)
        elif event == "on_summarize_complete":
            made = data.get(SUMMARY) or {**self._slots[data["id"]].fields, "content": []}
            self._slots[data["id"]] = Slot("", dict(made), self._shown[data["id"]])
        elif event in ("on_agent_update", "on_steer_applied"):
            part = data.get("part", data)
            self._slots[f"{event} {len(self._slots)}"] = Slot("", fields=dict(part))

    def _begin(self, step: Mapping[str, Any]) -> None:
        shown = {name: step[name] for name in OF_MODEL if name in step}
        self._shown[step["id"]] = shown
        if SUMMARY in step:
            self._slots[step["id"]] = Slot(SUMMARY, dict(step[SUMMARY]), shown)
        for call in step["stepDetails"].get("tool_calls", ()):
            if not call["name"].startswith(LOGIN):
                fields = {name: value for name, value in call.items() if name != "args"}
                self._slots[step["id"]] = Slot(TOOL_CALL, fields, shown)

    def _complete(self, result: Mapping[str, Any]) -> None:
        if slot := self._slots.get(result["id"]):
            slot.fields |= result[TOOL_CALL]

    def _close(self, closed: Mapping[str, Any]) -> None:
        slot = self._slots.get(closed["id"])
        if slot is None or slot.kind != TOOL_CALL:
            return
        slot.fields["runStepStatus"] = closed["status"]
        if (took := closed["closed_at"] - closed["created_at"]) >= 0:
            slot.fields["runStepDurationMs"] = took

    def whole(self) -> list[Json]:
        """The parts."""
        slots = list(self._slots.values())
        return [slot.part() | calls_after(slots, place) for place, slot in enumerate(slots)]


def kept(parts: Iterable[Json]) -> list[Json]:
    """The parts without summaries that are not there: half of one would stand for the whole chat before it."""
    return [each for each in parts if each["type"] != SUMMARY or is_made(each)]


def is_made(summary: Mapping[str, Any]) -> bool:
    """Whether a part that is a summary has come to its end, and says something."""
    return bool(summary["content"]) and "summarizing" not in summary


def calls_after(slots: Sequence[Slot], place: int) -> Json:
    """LibreChat's mark of a text that calls of tools follow: their ids."""
    if slots[place].kind != TEXT:
        return {}
    ids = list(_ids(slots, place))
    return {"tool_call_ids": ids} if ids else {}


def _ids(slots: Sequence[Slot], place: int) -> Iterator[str]:
    for slot in slots[place + 1 :]:
        if slot.kind != TOOL_CALL or slot.shown != slots[place].shown:
            return
        yield slot.fields["id"]


def pieces_of(payload: Mapping[str, Any]) -> Pieces | None:
    """The kinds and texts of an event that is pieces of a part and nothing else; None for any other."""
    event = payload.get("event")
    if event in DELTAS:
        return [(part["type"], part[part["type"]]) for part in payload["data"]["delta"]["content"]]
    if event == "on_summarize_delta":
        return [(SUMMARY, part[TEXT]) for part in payload["data"]["delta"][SUMMARY]["content"]]
    if event == "on_run_step_delta" and payload["data"]["delta"].keys() == {"type", "tool_calls"}:
        return [(TOOL_CALL, call["args"]) for call in payload["data"]["delta"]["tool_calls"]]
    return None
