"""The places of the parts of an answer."""

from typing import Any

import pytest

from echo.chat.attached import Attached
from echo.chat.numbering import Hearing, Numbering
from echo.chat.transcript import BEGINNING, Transcript

TEXT = {"type": "text", "text": "a"}
CALL = {"type": "tool_call", "tool_call": {}}


@pytest.mark.parametrize(
    ("about", "kind", "places"),
    [
        ({}, "text", [0, 1, 2]),
        ({"before": []}, "text", [0, 1, 2]),
        # What goes on a text runs together with it.
        ({"before": [CALL, TEXT]}, "text", [1, 2, 3]),
        ({"before": [CALL, TEXT]}, "think", [2, 3, 4]),
        ({"before": [TEXT, CALL]}, "text", [2, 3, 4]),
        # Who edits an answer has those parts already.
        ({"before": [CALL, TEXT], "isEdited": True}, "text", [0, 1, 2]),
    ],
)
def test_are_counted_as_those_who_follow_count(about: dict[str, Any], kind: str, places: list[int]) -> None:
    numbering = Numbering(about)
    assert numbering.place_of(kind) == places[0]
    assert [numbering.number(kind) for _ in places] == places
    assert numbering.place_of("tool_call") == places[-1] + 1


class TestHearing:
    @staticmethod
    def heard(*events: tuple[str, dict[str, Any]], ended: bool = False) -> tuple[list[Any], list[Any]]:
        """What readers are told, and what is kept."""
        transcript = Transcript({})
        attached = Attached(transcript, "answer", "c")
        if ended:
            transcript.add("error", {"error": "x"})
        numbering = Numbering({"before": [TEXT]})
        hearing = Hearing(transcript, attached, numbering, "answer")
        for event in events:
            hearing.hear(*event)
        told = [(each.name, each.payload) for each in transcript.since(BEGINNING)[0]]
        return told, attached.all

    def test_keeps_what_is_attached(self) -> None:
        told, kept = self.heard(("attachment", {"type": "file"}))
        assert kept == [{"type": "file", "messageId": "answer", "conversationId": "c"}]
        assert told == [("attachment", kept[0])]

    def test_puts_a_step_of_a_tools_where_the_next_part_will_be(self) -> None:
        [(name, payload)], kept = self.heard(
            ("message", {"event": "on_run_step", "data": {"id": "s", "index": 77}, "more": 1})
        )
        assert (name, payload["event"], payload["more"], kept) == ("message", "on_run_step", 1, [])
        data = payload["data"]
        assert (data["id"], data["index"], data["runId"]) == ("s", 1, "answer")

    def test_tells_everything_else_as_it_is(self) -> None:
        payload = {"event": "on_something", "data": {"id": "s"}}
        assert self.heard(("message", payload)) == ([("message", payload)], [])

    def test_tells_nobody_after_the_end(self) -> None:
        told, kept = self.heard(("attachment", {"type": "file"}), ("message", {"event": "x"}), ended=True)
        assert (len(told), kept) == (1, [])
