"""What tools show beside an answer."""

from typing import Any

from echo.chat.attached import Attached
from echo.chat.transcript import BEGINNING, Transcript


def attached() -> tuple[Attached, Transcript]:
    transcript = Transcript({})
    return Attached(transcript, "answer", "c"), transcript


def test_is_kept_and_told_with_its_place() -> None:
    made, transcript = attached()
    made.add("call", {"type": "file", "messageId": "other"})
    made.add("", {"type": "memory"})
    kept: list[dict[str, Any]] = [
        {"type": "file", "messageId": "answer", "toolCallId": "call", "conversationId": "c"},
        {"type": "memory", "messageId": "answer", "conversationId": "c"},
    ]
    assert made.all == kept
    events = transcript.since(BEGINNING)[0]
    assert [(each.name, each.payload) for each in events] == [("attachment", each) for each in kept]


def test_has_room_for_two_hundred() -> None:
    made, transcript = attached()
    for number in range(201):
        made.add("call", {"number": number})
    assert (len(made.all), made.all[-1]["number"]) == (200, 199)
    assert len(transcript.since(BEGINNING)[0]) == 200


def test_has_room_for_two_mebibytes() -> None:
    made, _ = attached()
    empty = len('{"text":"","toolCallId":"call","messageId":"answer","conversationId":"c"}')
    made.add("call", {"text": "x" * (2 * 1024 * 1024 - empty + 1)})
    assert made.all == []
    half = 1024 * 1024 - empty
    for size in (half, half + 1, half, 0):
        made.add("call", {"text": "x" * size})
    # The second would be one byte too much, the third fits, and then there is no room for any.
    assert [len(each["text"]) for each in made.all] == [half, half]
