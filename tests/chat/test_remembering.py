"""The memory agent beside an answer: what it is shown, what it writes, and how long is waited for it."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from echo.chat import remembering
from echo.chat.remembering import INSTRUCTIONS, Remembering, window
from echo.credits import Purchase
from echo.errors import BadGateway
from echo.providers.chat import (
    ChatRequest,
    Finished,
    Text,
    TextDelta,
    Tool,
    ToolCallDelta,
    ToolResult,
    Turn,
    Usage,
)
from echo.settings import ProviderSettings
from echo.settings.agents import MemoryAgent, MemorySettings
from echo.tools.tool import RunTool, ToolOutput
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


class World:
    """Everything that the memory agent works with, in one: Ada, and a provider that says `events`."""

    def __init__(self, *events: Any, agent: MemoryAgent | None = None, **rules: Any) -> None:
        self.events = events
        self.asked: list[Any] = []
        self.spent: list[Any] = []
        self.attached: list[Any] = []
        self.is_wanted = self.counts = True
        self.room_left: int | None = None
        everything: Any = self
        settings = ProviderSettings(name="openAI", type="openai", models=(), api_key="k")
        self.agents = {"agent_1": {"provider": "openAI", "model": "made", "instructions": "As made."}}
        self.remembering = Remembering(
            everything,
            everything,
            SimpleNamespace(get=self.agents.__getitem__),  # type: ignore[arg-type]
            {"openAI": everything},
            settings=[settings, replace(settings, name="keyless", api_key=None)],
            rules=MemorySettings(
                agent=agent or MemoryAgent(endpoint="openAI", model="m", instructions="Keep it."), **rules
            ),
            ledger=everything,
        )

    # Of memories, tools, providers and credits.
    def is_open(self, owner: str) -> bool:
        return self.is_wanted and owner == "ada"

    @staticmethod
    def known(owner: str) -> list[Any]:
        return [{"key": "likes", "value": "Tea."}] if owner == "ada" else []

    def room(self, owner: str) -> int | None:
        return self.room_left if owner == "ada" else None

    def tools(self, owner: str) -> tuple[Any, ...]:
        async def remember(_called: Any) -> ToolOutput:
            return ToolOutput((Text("Noted."),), attachments=({"type": "memory", "owner": owner},))

        return (RunTool(Tool("set_memory", "Notes.", {"type": "object"}), remember),)

    async def stream(self, request: Any, credentials: Any) -> Any:
        self.asked.append((request, credentials))
        events, self.events = self.events, (Finished("stop"),)
        for event in events:
            if isinstance(event, Exception):
                raise event
            yield event

    def settle(self, owner: str, ticket: str, spent: Any) -> None:
        assert (owner, ticket) == ("ada", "")
        self.spent += [(each.purchase, each.usage) for each in spent]

    def work(self) -> None:
        request = ChatRequest("chat", (Turn.of_text("user", "I like tea."),))
        first = SimpleNamespace(request=request, placeholders={"USER": "ada"})
        prepared: Any = SimpleNamespace(
            owner="ada", run_id="r", conversation_id="c", about={"responseMessageId": "answer"}, first=first
        )

        async def go() -> None:
            working = self.remembering.begin(prepared, lambda *attached: self.attached.append(attached))
            assert working is not None
            await working

        asyncio.run(go())


SYSTEM = "Keep it.\n\nMemories that there are, by their keys:\n- likes: Tea."
# Of the system's words, the end of a line, and what the user says; a token has four characters.
READ = (len(SYSTEM) + 1 + len("User: I like tea.")) // 4
BOUGHT = Purchase("openAI", "m", "memory", "c", "answer")
NOTE = ToolCallDelta(0, "call", "set_memory", "{}")


class TestTheAgent:
    def test_is_asked_with_the_servers_key_and_what_it_must_know(self) -> None:
        world = World(Finished("stop"))
        world.work()
        [(request, credentials)] = world.asked
        assert (request.model, request.system, credentials) == ("m", SYSTEM, None)
        assert [turn.text for turn in request.turns] == ["User: I like tea."]
        assert (request.temperature, request.placeholders) == (0.4, {"USER": "ada"})
        assert [tool.name for tool in request.tools] == ["set_memory"]

    def test_knows_which_keys_there_may_be_and_how_much_room(self) -> None:
        world = World(Finished("stop"), keys=("likes", "work"))
        world.room_left = -5
        world.work()
        assert world.asked[0][0].system == (
            f"{SYSTEM}\nKeys that there may be: likes, work.\nThere is room for 0 tokens more."
        )

    @pytest.mark.parametrize(
        ("agent", "asked"),
        [
            (MemoryAgent(agent_id="agent_1"), ("made", "As made.", 0.4)),
            (MemoryAgent(endpoint="openAI", model="m", temperature=0.0), ("m", INSTRUCTIONS, 0.0)),
        ],
    )
    def test_is_as_the_operator_has_named_it(self, agent: MemoryAgent, asked: tuple[Any, ...]) -> None:
        world = World(Finished("stop"), agent=agent)
        world.work()
        request = world.asked[0][0]
        assert (request.model, request.system.split("\n\n")[0], request.temperature) == asked

    def test_is_not_asked_where_nobody_wants_it_or_there_is_no_key(self) -> None:
        world = World()
        world.is_wanted = False
        worlds = [
            world,
            World(agent=MemoryAgent(endpoint="keyless", model="m")),
            World(agent=MemoryAgent(endpoint="gone", model="m")),
            World(agent=MemoryAgent(agent_id="agent_2")),
            World(window=1, input_tokens=1, agent=MemoryAgent(agent_id="agent_1")),
        ]
        worlds[3].agents["agent_2"] = {"provider": "openAI"}
        for each in worlds[:4]:
            each.work()
            assert (each.asked, each.spent) == ([], [])
        worlds[4].work()
        assert [turn.text for turn in worlds[4].asked[0][0].turns] == ["tea."]

    def test_begins_nothing_where_there_is_none(self) -> None:
        prepared: Any = None
        assert World(enabled=False).remembering.begin(prepared, lambda *_: None) is None


class TestWhatItCosts:
    def test_is_what_each_request_used(self) -> None:
        world = World(NOTE, Usage(20, 5), Finished("tool_calls"))
        world.work()
        [(first, used), (second, counted)] = world.spent
        assert (first, second, used) == (BOUGHT, BOUGHT, Usage(20, 5))
        # Nothing was told of the second one: it reads the first, and "Noted.".
        assert counted == Usage(20 + 5 + 1, 0)
        assert world.attached == [("call", {"type": "memory", "owner": "ada"})]

    def test_is_counted_where_the_provider_tells_nothing(self) -> None:
        world = World(TextDelta("eight_ch"), Finished("stop"))
        world.work()
        assert world.spent == [(BOUGHT, Usage(READ, 2))]

    def test_of_a_request_that_breaks_off_is_what_came(self) -> None:
        world = World(TextDelta("eight_ch"), BadGateway())
        world.work()
        assert world.spent == [(BOUGHT, Usage(READ, 2))]

    def test_is_nothing_where_it_failed_before_a_word_or_nobody_counts(self) -> None:
        world = World(BadGateway())
        world.work()
        assert world.spent == []
        world = World(Usage(20, 5), Finished("stop"))
        world.counts = False
        world.work()
        assert world.spent == []
