"""What strangers read of a message, and what they take along."""

from typing import Any

import pytest

from echo.conversations.anonymous import Anonymous
from storage.conversations.messages import NO_PARENT

SHOWN = {"file_id": "f 1", "filename": "a.png", "type": "image/png", "bytes": 5}
HIDDEN = {
    "_id": 1,
    "__v": 0,
    "user": "u",
    "tenantId": "t",
    "storageRegion": "r",
    "storageKey": "k",
    "temp_file_id": "x",
    "message": "m",
    "source": "s3",
    "filterSource": "y",
    "context": "c",
    "embedded": True,
    "usage": 3,
    "metadata": {"a": 1},
}
FILE = {**SHOWN, **HIDDEN, "filepath": "https://bucket/a.png", "preview": "p"}
LINKED = "/api/share/abc/files/f%201"


def message(**fields: Any) -> dict[str, Any]:
    return {"messageId": "m", "parentMessageId": NO_PARENT, "conversationId": "c", "text": "Hi", **fields}


@pytest.fixture
def reading() -> Anonymous:
    return Anonymous("abc", frozenset({"f 1"}))


class TestIds:
    def test_are_new_and_the_same_throughout(self, reading: Anonymous) -> None:
        first, second = (
            reading.message(message()),
            reading.message(message(parentMessageId="m", messageId="n")),
        )
        assert first["messageId"].startswith("msg_")
        assert len(first["messageId"]) == len("msg_") + 21
        assert (second["parentMessageId"], second["messageId"] == first["messageId"]) == (
            *(first["messageId"],),
            False,
        )
        assert first["conversationId"] == second["conversationId"] == reading.conversation_id
        assert reading.conversation_id.startswith("convo_")
        other = Anonymous("abc", None).message(message())
        assert not {other["messageId"], other["conversationId"]} & {*first.values()} - {None}

    @pytest.mark.parametrize("missing", [NO_PARENT, "", None, 5])
    def test_of_none_stay_none(self, reading: Anonymous, missing: Any) -> None:
        assert reading.message(message(parentMessageId=missing))["parentMessageId"] == NO_PARENT

    def test_tell_one_assistant_from_another_and_no_model(self, reading: Anonymous) -> None:
        models = ["asst_a", "asst_b", "asst_a", "gpt-4o", None]
        first, second, again, *none = [reading.message(message(model=each))["model"] for each in models]
        assert first.startswith("a_")
        assert (first == again, first == second, none) == (True, False, [None, None])


class TestFiles:
    def test_are_read_by_the_link(self, reading: Anonymous) -> None:
        file = {**FILE, "messageId": "m", "conversationId": "c"}
        shown = reading.message(message(files=[file, "odd"]))
        expected = {**SHOWN, "filepath": LINKED, "preview": LINKED, "messageId": shown["messageId"]}
        assert shown["files"] == [{**expected, "conversationId": reading.conversation_id}]

    def test_that_the_link_does_not_show_lie_nowhere(self, reading: Anonymous) -> None:
        other = {**FILE, "file_id": "other"}
        shown = reading.message(message(files=[other, {"user": "u"}], attachments=[other]))
        assert shown["files"] == shown["attachments"] == [{**SHOWN, "file_id": "other"}]
        assert reading.message(message(files=[{"user": "u"}]))["files"] is None
        assert reading.message(message(files={"a": 1}))["files"] is None

    def test_are_not_there_where_the_link_hides_them(self) -> None:
        shown = Anonymous("abc", None).message(message(files=[FILE], attachments=[FILE]))
        assert (shown["files"], shown["attachments"]) == (None, None)

    def test_attached_are_no_resources_of_interfaces(self, reading: Anonymous) -> None:
        ui = {"type": "ui_resources", "ui_resources": []}
        assert reading.message(message(attachments=[ui]))["attachments"] is None
        [shown] = reading.message(message(attachments=[ui, SHOWN]))["attachments"]
        assert shown == {**SHOWN, "filepath": LINKED}

    def test_in_parts_too(self, reading: Anonymous) -> None:
        steer = {"type": "steer", "steer": "x", "files": [FILE]}
        parts = [
            {"type": "image_file", "image_file": FILE},
            steer,
            {"type": "text", "text": "a", "x": None},
            5,
        ]
        shown = reading.message(message(content=parts))["content"]
        file = {**SHOWN, "filepath": LINKED, "preview": LINKED}
        assert shown == [
            {"type": "image_file", "image_file": file},
            {"type": "steer", "steer": "x", "files": [file]},
            {"type": "text", "text": "a"},
            5,
        ]
        hidden = Anonymous("abc", None).message(message(content=[steer]))
        assert hidden["content"] == [{"type": "steer", "steer": "x"}]
        # Only in a part of that kind files are files.
        other = {"type": "text", "files": "mine"}
        assert reading.message(message(content=[other]))["content"] == [other]
        assert reading.message(message(content="a"))["content"] == "a"


def test_what_is_taken_along_has_no_ids_of_files(reading: Anonymous) -> None:
    said: dict[str, Any] = {
        "sender": "GPT",
        "text": "Hi",
        "iconURL": "i",
        "isCreatedByUser": False,
        "tokenCount": 3,
        "unfinished": False,
        "error": False,
        "finish_reason": "stop",
        "quotes": ["q"],
        "manualSkills": ["s"],
        "alwaysAppliedSkills": ["t"],
    }
    file = {**FILE, "messageId": "m", "conversationId": "c"}
    parts = [
        {"type": "image_file", "image_file": file},
        {"type": "steer", "steer": "x", "files": [file, 5]},
        {"type": "text", "text": "a"},
        5,
    ]
    given = message(**said, model="asst_a", feedback={"rating": "x"}, endpoint="openAI", user="u")
    taken = reading.taken({**given, "files": [file], "attachments": [file], "content": parts})
    kept = {**SHOWN, "filepath": LINKED, "preview": LINKED}
    del kept["file_id"]
    assert taken == {
        **said,
        "files": [kept],
        "attachments": [kept],
        "content": [
            {"type": "image_file", "image_file": kept},
            {"type": "steer", "steer": "x", "files": [kept]},
            {"type": "text", "text": "a"},
            5,
        ],
    }
    assert reading.taken(message(content="a")) == {"text": "Hi", "content": "a"}
