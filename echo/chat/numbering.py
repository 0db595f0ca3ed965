"""The places of the parts of an answer, which all who speak in it share."""

from collections.abc import Mapping
from typing import Any

from echo.chat import frames
from echo.chat.attached import Attached
from echo.chat.transcript import Transcript, part_follows


class Numbering:
    """Counts the parts of one answer as those who follow it count."""

    def __init__(self, about: Mapping[str, Any]) -> None:
        self._before = [] if about.get("isEdited") else about.get("before") or []
        self._next: int | None = None

    def number(self, kind: str) -> int:
        """The place of a part that begins now."""
        place = self.place_of(kind)
        self._next = place + 1
        return place

    def place_of(self, kind: str) -> int:
        """The place where such a part would begin."""
        if self._next is not None:
            return self._next
        return len(self._before) - part_follows(self._before, kind)


class Hearing:
    """Takes the events of tools into an answer's stream; what is attached is kept too."""

    def __init__(
        self, transcript: Transcript, attached: Attached, numbering: Numbering, answer_id: str
    ) -> None:
        self._transcript = transcript
        self._attached = attached
        self._numbering = numbering
        self._answer_id = answer_id

    def hear(self, name: str, payload: Mapping[str, Any]) -> None:
        """Tell an event of a tool's, as long as there are readers.

        A step of its own, such as a login, is shown where the next part of the answer will be.
        """
        if self._transcript.ended:
            return
        if name == frames.ATTACHMENT:
            self._attached.add("", payload)
        elif payload.get("event") == "on_run_step":
            place = self._numbering.place_of(frames.TOOL_CALL)
            told = frames.step_of_tool(payload["data"], self._answer_id, place)
            self._transcript.add(name, {**payload, "data": told})
        else:
            self._transcript.add(name, payload)
