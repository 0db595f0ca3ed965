"""What a run has said, read from anywhere."""

from typing import Any

import pytest

from echo.chat import frames
from echo.chat.transcript import BEGINNING, Frame, Transcript, continued, pack

ABOUT = {"responseMessageId": "r", "conversationId": "c", "sender": "GPT", "model": "m", "before": []}


def words(found: list[Frame]) -> str:
    return "".join(part["text"] for frame in found for part in frame.payload["data"]["delta"]["content"])


class TestReading:
    def test_from_a_place_gives_what_came_since_in_one_event(self) -> None:
        transcript, place, read = Transcript(ABOUT), BEGINNING, []
        for number in range(10):
            transcript.extend("s", frames.TEXT, f"w{number} ")
            if number % 3 == 0:
                found, place = transcript.since(place)
                assert len(found) == 1
                read.append(words(found))
        assert read == ["w0 ", "w1 w2 w3 ", "w4 w5 w6 ", "w7 w8 w9 "]
        assert transcript.since(place) == ([], place)

    def test_keeps_the_order_around_other_events(self) -> None:
        transcript = Transcript(ABOUT)
        transcript.extend("s", frames.TEXT, "a")
        _, place = transcript.since(BEGINNING)
        transcript.extend("s", frames.TEXT, "b")
        transcript.add(frames.MESSAGE, frames.title("c", "T"))
        transcript.extend("s", frames.TEXT, "c")
        found, place = transcript.since(place)
        assert [frame.payload.get("event") for frame in found] == [
            "on_message_delta",
            "title",
            "on_message_delta",
        ]
        assert transcript.content() == [{"type": "text", "text": "abc"}]
        assert transcript.state()["titleEvent"] == frames.title("c", "T")

    def test_says_everything_so_far(self) -> None:
        transcript = Transcript({**ABOUT, "iconURL": "i"})
        asked = {"messageId": "q", "parentMessageId": "p", "conversationId": "c", "text": "Why?", "files": []}
        transcript.add(frames.MESSAGE, {"created": True, "message": {**asked, "isCreatedByUser": True}})
        transcript.extend("s", frames.TEXT, "So.")
        expected = {
            "runSteps": [],
            "aggregatedContent": [{"type": "text", "text": "So."}],
            "userMessage": asked,
            "responseMessageId": "r",
            "conversationId": "c",
            "sender": "GPT",
            "iconURL": "i",
            "model": "m",
        }
        state = transcript.state()
        assert state | {"aggregatedContent": expected["aggregatedContent"]} == expected
        assert [part["text"] for part in state["aggregatedContent"]] == ["So."]
        assert "iconURL" not in Transcript(ABOUT).state()

    def test_never_cuts_a_character(self) -> None:
        transcript, place, read = Transcript(ABOUT), BEGINNING, ""
        for char in "häß €😀":
            transcript.extend("s", frames.TEXT, char)
            found, place = transcript.since(place)
            read += words(found)
        assert read == "häß €😀"

    def test_gives_no_more_than_is_asked_for_at_a_time(self) -> None:
        transcript = Transcript(ABOUT)
        for step, text in (("s", "a" + "\N{GRINNING FACE}" * 100), ("t", "b" * 100), ("u", "c")):
            transcript.extend(step, frames.TEXT, text)
        place, read, count = BEGINNING, "", 0
        while (answer := transcript.since(place, 50))[0]:
            found, place = answer
            assert len(words(found).encode()) <= 53
            read, count = read + words(found), count + 1
        assert read == words(transcript.since(BEGINNING)[0])
        assert count >= 10

    def test_from_the_present_skips_what_the_state_tells_but_never_the_end(self) -> None:
        transcript = Transcript(ABOUT)
        transcript.extend("s", frames.TEXT, "a")
        place = transcript.present
        assert transcript.since(place)[0] == []
        transcript.extend("s", frames.TEXT, "b")
        assert words(transcript.since(place)[0]) == "b"
        transcript.add(frames.MESSAGE, {"final": True})
        assert [frame.payload for frame in transcript.since(transcript.present)[0]] == [{"final": True}]


class TestStoring:
    def test_a_copy_made_of_pieces_is_the_same(self) -> None:
        transcript, copy, place = Transcript(ABOUT), Transcript(ABOUT), BEGINNING
        said: list[Any] = [frames.step("s", "r", 0, "text"), "a", "b", frames.title("c", "T"), "c"]
        for each in [*said, frames.failed("x", "y")]:
            if isinstance(each, str):
                transcript.extend("s", frames.TEXT, each)
            else:
                transcript.add(frames.ERROR if "error" in each else frames.MESSAGE, each)
            found, place = transcript.since(place)
            copy.load(pack(found))
        assert copy.everything() == transcript.everything()
        assert copy.state() == transcript.state()
        assert copy.ended


class TestAnAnswerThatGoesOn:
    @pytest.mark.parametrize(
        ("before", "parts", "whole"),
        [
            ([], [("text", "b")], [("text", "b")]),
            ([("text", "a")], [], [("text", "a")]),
            ([("text", "a")], [("text", "b")], [("text", "ab")]),
            ([("text", "a")], [("think", "b")], [("text", "a"), ("think", "b")]),
            ([("think", "a")], [("text", "b")], [("think", "a"), ("text", "b")]),
        ],
    )
    def test_runs_together_with_its_text(self, before: list[Any], parts: list[Any], whole: list[Any]) -> None:
        made = [[{"type": kind, kind: text} for kind, text in each] for each in (before, parts, whole)]
        assert continued(made[0], made[1]) == made[2]
