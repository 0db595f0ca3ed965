"""The memory agent beside an answer: what it is shown, what it writes, and how long is waited for it."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from echo.chat import remembering
from echo.chat.remembering import window
from echo.providers.chat import Text, ToolResult, Turn
from echo.settings.agents import MemorySettings
from storage.core.database import Database
from tests.chat.conftest import Chat
from tests.support.providers import Answer, Received, Reply, event_stream
from tests.support.providers.replies import Called as Call
from tests.support.streams import Talker, librechats
from tests.support.waiting import until

MakeChat = Callable[..., Chat]
NOTES = Reply(calls=(Call("set_memory", ('{"key": "likes", "value": "She likes tea."}',), "call_m"),))
FILE = """version: 1.3.0
memory:
  validKeys: [likes]
  tokenLimit: 100
  messageWindowSize: 2
  agent: {provider: openAI, model: gpt-4, instructions: Keep it.}
"""


@pytest.fixture
def talk(chat: MakeChat, tmp_path: Path) -> Callable[..., tuple[Talker, Any]]:
    """A user before an Echo with a memory agent; its provider answers by the model that is asked."""

    def make(*behaviours: Any) -> tuple[Talker, Any]:
        path = tmp_path / "librechat.yaml"
        path.write_text(FILE)
        made = chat(*behaviours, TITLE_CONVO="false", CONFIG_PATH=str(path))
        return librechats(made.user), made.provider

    return make


def answers(received: Received) -> Reply | Answer:
    """The memory agent notes something once, and the other one says hello."""
    asked = received.json
    if asked["model"] == "gpt-4":
        return Reply(["Noted."]) if asked["messages"][-1]["role"] == "tool" else NOTES
    return Reply(["Hi"])


def by_model(provider: Any, model: str) -> list[dict[str, Any]]:
    return [each.json for each in provider.chats if each.json["model"] == model]


def test_writes_beside_the_answer(talk: Callable[..., tuple[Talker, Any]]) -> None:
    user, provider = talk(answers)
    events = user.ask("Remember that I like tea.", model="gpt-4o-mini")
    first, second = by_model(provider, "gpt-4")
    system, said = first["messages"]
    assert system["content"] == (
        "Keep it.\n\nMemories that there are, by their keys:\n- none\nKeys that there may be: likes.\n"
        "There is room for 100 tokens more."
    )
    assert said == {"role": "user", "content": "User: Remember that I like tea."}
    assert first["temperature"] == 0.4
    assert [tool["function"]["name"] for tool in first["tools"]] == ["set_memory", "delete_memory"]
    assert second["messages"][-1]["content"].startswith("It is remembered under likes")
    noted = {"key": "likes", "value": "She likes tea.", "tokenCount": 4, "type": "update"}
    [told] = [each.data for each in events if each.name == "attachment"]
    answer = events[-1].data["responseMessage"]
    assert answer["attachments"] == [told]
    assert (told["type"], told["memory"], told["toolCallId"]) == ("memory", noted, "call_m")
    assert told["messageId"] == answer["messageId"]
    [memory] = user.get("/api/memories").json()["memories"]
    assert (memory["key"], memory["value"]) == ("likes", "She likes tea.")


def test_is_charged_for_each_request(talk: Callable[..., tuple[Talker, Any]], app_database: Database) -> None:
    user, _ = talk(answers)
    answer = user.ask("Remember that I like tea.", model="gpt-4o-mini")[-1].data["responseMessage"]
    of_chat = {"conversationId": answer["conversationId"]}
    rows = app_database.collection("transactions")
    # Its second request ends after the answer.
    until(lambda: rows.count_documents({**of_chat, "context": "memory"}) == 4)
    noted = sorted((each["model"], each["tokenType"]) for each in rows.find({**of_chat, "context": "memory"}))
    assert noted == [("gpt-4", "completion")] * 2 + [("gpt-4", "prompt")] * 2
    assert {each["model"] for each in rows.find({**of_chat, "context": "message"})} == {"gpt-4o-mini"}


def test_an_answer_does_not_wait_for_ever(
    talk: Callable[..., tuple[Talker, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (remembering.PATIENCE, remembering.SECONDS) == (3.0, 60.0)
    monkeypatch.setattr("echo.chat.run.PATIENCE", 0.05)
    never = threading.Event()

    def hangs(received: Received) -> Reply | Answer:
        return event_stream(never) if received.json["model"] == "gpt-4" else Reply(["Hi"])

    user, _ = talk(hangs)
    try:
        answer = user.ask("Hello", model="gpt-4o-mini")[-1].data["responseMessage"]
        assert answer["content"] == [{"type": "text", "text": "Hi"}]
        assert not answer.get("attachments")
    finally:
        never.set()


def test_is_asked_nothing_for_who_does_not_want_it(talk: Callable[..., tuple[Talker, Any]]) -> None:
    user, provider = talk(Reply(["Hi"]), Reply(["Hi"]))
    assert user.request("PATCH", "/api/memories/preferences", json={"memories": False}).ok
    assert user.ask("Remember that I like tea.", model="gpt-4o-mini")[-1].kind == "final"
    assert by_model(provider, "gpt-4") == []


def test_is_shown_what_was_said_last_and_nothing_of_tools() -> None:
    turns = [
        Turn.of_text("user", "one"),
        Turn.of_text("assistant", "two"),
        Turn("tool", (ToolResult("c", (Text("Remember: the key is 1234."),)),)),
        Turn.of_text("user", " "),
        Turn.of_text("user", "three"),
    ]
    assert window(turns, MemorySettings(window=2)) == "Assistant: two\n\nUser: three"
    assert window(turns, MemorySettings(window=9, input_tokens=2)) == "r: three"
    assert window([], MemorySettings()) == ""
