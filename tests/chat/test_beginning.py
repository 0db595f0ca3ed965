"""What is stored when a run begins."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from echo.chat.beginning import Talk, begun_of
from echo.chat.place import Place
from echo.chat.request import Added, Asked
from storage.conversations.chat_shapes import Begun

ABOUT: dict[str, Any] = {
    "sender": "GPT",
    "endpoint": "openAI",
    "model": "shown",
    "before": [],
    "iconURL": None,
}
QUESTION = {"messageId": "q", "text": "Why?"}
HELD = {"conversationId": "c"}


def begun(
    *,
    asked: dict[str, Any] | None = None,
    held: dict[str, Any] | None = None,
    about: dict[str, Any] | None = None,
    place: dict[str, Any] | None = None,
    kept: dict[str, Any] | None = None,
    kind: str = "openai",
    agent_id: str | None = None,
    shown_endpoint: str | None = None,
    records: list[Any] | None = None,
) -> Begun:
    side: Any = SimpleNamespace(
        settled=SimpleNamespace(kept={"temperature": 1, "iconURL": None}),
        model="asked",
        respondent=SimpleNamespace(kept=kept or {}, agent_id=agent_id, shown_endpoint=shown_endpoint),
        chosen=SimpleNamespace(settings=SimpleNamespace(type=kind)),
    )
    other: Any = SimpleNamespace(model="other")
    nothing: Any = None
    talk = Talk("ada", Asked(**(asked or {})), held or {}, [side, other], records or [], nothing, (), nothing)
    where = Place(
        **{
            "branch": [],
            "question": dict(QUESTION),
            "answer_id": "a",
            "is_new_question": True,
            **(place or {}),
        }
    )
    return begun_of(talk, where, {**ABOUT, **(about or {})}, timedelta(hours=1))


class TestTheAnswer:
    def test_is_there_before_a_word_is_said(self) -> None:
        assert begun().answer == {
            "messageId": "a",
            "parentMessageId": "q",
            "sender": "GPT",
            "isCreatedByUser": False,
            "endpoint": "openAI",
            "model": "shown",
            "text": "",
            "content": [],
            "unfinished": True,
        }

    def test_has_what_it_goes_on_from_and_its_picture(self) -> None:
        parts = [{"type": "text", "text": "So"}]
        answer = begun(about={"before": parts, "iconURL": "i.png"}).answer
        assert (answer["content"], answer["iconURL"]) == (parts, "i.png")

    def test_says_that_there_is_another_beside_it(self) -> None:
        assert begun(asked={"added": Added("google")}).answer["addedConvo"] is True

    @pytest.mark.parametrize(
        ("before", "is_edited", "continues"),
        [(None, False, False), ([], False, True), ([{"type": "text"}], True, False)],
    )
    def test_is_the_stored_one_where_that_goes_on(
        self, before: list[Any] | None, is_edited: bool, continues: bool
    ) -> None:
        assert begun(place={"before": before, "is_edited": is_edited}).continues is continues


class TestTheQuestion:
    def test_is_stored_where_it_is_new(self) -> None:
        assert begun().question == {"messageId": "q", "text": "Why?", "model": None}
        assert begun(place={"is_new_question": False}).question is None

    def test_names_its_files(self) -> None:
        assert begun(records=[{"file_id": "f"}, {"file_id": 5}]).file_ids == ["f", "5"]


class TestSettings:
    def test_of_a_new_conversation_are_those_that_say_something(self) -> None:
        found = begun(kept={"agent_id": None})
        assert found.settings == {"temperature": 1, "endpoint": "openAI", "model": "asked"}
        assert found.new

    def test_of_one_that_goes_on_may_be_taken_back(self) -> None:
        found = begun(held=HELD, kept={"model": None, "agent_id": "agent_1"}, agent_id="agent_1")
        assert found.settings == {
            "temperature": 1,
            "iconURL": None,
            "endpoint": "openAI",
            "model": None,
            "agent_id": "agent_1",
        }
        assert not found.new

    def test_forget_the_agent_of_before(self) -> None:
        before = {**HELD, "agent_id": "agent_1"}
        assert begun(held=before).settings["agent_id"] is None
        assert "agent_id" not in begun(held=HELD).settings
        assert "agent_id" not in begun(held=before, agent_id="agent_2").settings

    def test_tell_an_endpoint_that_the_operator_added(self) -> None:
        assert begun(kind="custom").settings["endpointType"] == "custom"
        assert "endpointType" not in begun(kind="custom", shown_endpoint="agents").settings
        before = {**HELD, "endpointType": "custom"}
        assert begun(held=before).settings["endpointType"] is None
        assert begun(held=before, kind="custom").settings["endpointType"] == "custom"
        assert "endpointType" not in begun(held=HELD).settings


class TestATemporaryChat:
    def test_is_kept_for_an_hour(self) -> None:
        before = datetime.now(UTC)
        expires_at = begun(asked={"is_temporary": True}).expires_at
        assert expires_at is not None
        assert before <= expires_at - timedelta(hours=1) <= datetime.now(UTC)

    def test_is_new(self) -> None:
        assert begun(asked={"is_temporary": True}, held=HELD).expires_at is None
        assert begun().expires_at is None


def test_only_a_new_conversation_is_put_into_a_project() -> None:
    assert begun(asked={"project_id": "p"}).project_id == "p"
    assert begun(asked={"project_id": "p"}, held=HELD).project_id is None
