"""Several agents who make one answer."""

from collections.abc import Callable
from typing import Any

import pytest

from echo.chat.prepared import Asking
from echo.chat.relay import Relay, both
from echo.chat.teams import Edge, Team, after_direct, after_handoff, edges_of
from echo.handling.caller import Caller
from echo.providers.chat import ChatRequest, Text, ToolCall, ToolResult, Turn
from echo.services import Services
from tests.chat.conftest import Chat
from tests.conftest import MakeUser, UserClient
from tests.support.providers import Received, Reply
from tests.support.providers.replies import Called as Call
from tests.support.streams import Event, Talker

Json = dict[str, Any]
NOBODY: Any = None
ASKING = Asking(NOBODY, ChatRequest("m", ()), None, {}, "a", "openAI")
MakeChat = Callable[..., Chat]
Make = Callable[..., str]


@pytest.fixture
def agents(
    chat: MakeChat, services: Services, make_user: MakeUser
) -> Callable[..., tuple[Talker, Any, Make]]:
    """A user of LibreChat's contract before an Echo whose provider answers so, and what makes agents."""

    def start(*replies: Reply) -> tuple[Talker, Any, Make]:
        script = list(replies)
        made = chat(lambda _received: script.pop(0), TITLE_CONVO="false")
        made.provider.script = script
        user = make_user("ada")
        talker = Talker(f"{made.url}/chat", user.headers, "librechat.follow_chat")

        def make(name: str, owner: UserClient = user, **fields: Any) -> str:
            caller = Caller(owner.id, owner.session_id, owner.email, "ada", "local", "USER")
            about = {"name": name, "provider": "openAI", "model": "gpt-4", "instructions": f"You are {name}."}
            return str(services.agents.create(caller, {**about, **fields})["id"])

        return talker, made.provider, make

    return start


def ask(user: Talker, agent_id: str) -> list[Event]:
    return user.ask("Who?", endpoint="agents", agent_id=agent_id)


def said_to(received: Received) -> list[tuple[str, str]]:
    return [(each["role"], each["content"]) for each in received.json["messages"]]


def test_one_hands_over_to_another(agents: Any) -> None:
    user, provider, make = agents()
    poet = make("Poet")
    edge = {"from": "", "to": poet, "edgeType": "handoff", "prompt": "What to do", "promptKey": "task"}
    router = make("Router", edges=[edge])
    tool = f"lc_transfer_to_{poet}"
    provider.script += [
        Reply(["Wait. "], calls=(Call(tool, ('{"task": "Rhyme."}',), "call_t"),)),
        Reply(["A rhyme."]),
    ]
    events = ask(user, router)
    first, second = provider.requests
    [offered] = first.json["tools"]
    assert offered["function"]["name"] == tool
    assert offered["function"]["parameters"]["properties"] == {
        "task": {"type": "string", "description": "What to do"}
    }
    assert said_to(second) == [
        ("system", "You are Poet."),
        ("user", "Who?"),
        ("assistant", "Wait. "),
        ("user", "Rhyme."),
    ]
    [update] = [event.data["data"] for event in events if event.kind == "on_agent_update"]
    assert (update["agent_update"]["agentId"], update["agent_update"]["index"]) == (poet, 2)
    content = events[-1].data["responseMessage"]["content"]
    assert [(each["type"], each.get("agentId")) for each in content] == [
        ("text", router),
        ("tool_call", router),
        ("agent_update", None),
        ("text", poet),
    ]
    assert content[1]["tool_call"]["output"] == f"Successfully transferred to {poet}\n\nTask: Rhyme."


def test_a_chain_goes_on_with_what_was_found(agents: Any) -> None:
    user, provider, make = agents(Reply(["Facts."]), Reply(["A poem of them."]))
    poet = make("Poet")
    scholar = make("Scholar", agent_ids=[poet], hide_sequential_outputs=True)
    events = ask(user, scholar)
    assert [each["content"] for each in provider.requests[0].json["messages"]] == ["You are Scholar.", "Who?"]
    system, prompt = said_to(provider.requests[1])
    assert system[1] == "You are Poet."
    assert prompt[1].startswith("Who?\n")
    assert "AI: Facts." in prompt[1]
    content = events[-1].data["responseMessage"]["content"]
    assert [(each["type"], each.get("text")) for each in content] == [
        ("agent_update", None),
        ("text", "A poem of them."),
    ]
    assert [event.data["data"]["input_tokens"] for event in events if event.kind == "on_token_usage"] == [
        11,
        11,
    ]


def test_an_agent_that_the_runner_may_not_use_takes_no_part(agents: Any, make_user: MakeUser) -> None:
    user, provider, make = agents(Reply(["Alone."]))
    secret = make("Secret", make_user("bob"))
    router = make("Router", edges=[{"from": "", "to": secret, "edgeType": "direct"}])
    assert ask(user, router)[-1].data["responseMessage"]["content"] == [{"type": "text", "text": "Alone."}]
    assert len(provider.requests) == 1
    assert "tools" not in provider.requests[0].json


class TestEdges:
    def test_of_old_documents_may_be_anything(self) -> None:
        edges = [None, 1, {}, {"from": 1, "to": "b"}, {"from": ["a", None], "to": ["b", "c"], "prompt": 1}]
        assert edges_of({"edges": edges}) == (Edge("a", "b"), Edge("a", "c"))
        assert edges_of({"edges": "x"}) == ()

    def test_with_results_in_their_prompt_leave_the_rest_out(self) -> None:
        base, said = [Turn.of_text("user", "Q")], [Turn.of_text("assistant", "A")]
        edge = Edge("a", "b", "direct", prompt="Found: {results}")
        assert [each.text for each in after_direct(base, said, edge)] == ["Q", "Found: AI: A"]
        plain = Edge("a", "b", "direct", prompt="Go.")
        assert [each.text for each in after_direct(base, said, plain)] == ["Q", "A", "Go."]
        # A model's own word at the end would be gone on from.
        bare = after_direct(base, said, Edge("a", "b", "direct"))
        assert [each.role for each in bare] == ["user", "assistant", "user"]

    def test_of_handing_over_leave_the_call_out(self) -> None:
        transfer = ToolCall("1", "lc_transfer_to_b", "{}")
        turns = [
            Turn.of_text("user", "Q"),
            Turn("assistant", (ToolCall("0", "look", "{}"), transfer)),
            Turn(
                "tool", (ToolResult("0", (Text("seen"),), name="look"), ToolResult("1", name=transfer.name))
            ),
        ]
        left = after_handoff(turns, "Do it.")
        assert [each.role for each in left] == ["user", "assistant", "tool", "assistant", "user"]
        assert [call.id for call in left[1].calls] == ["0"]


class TestARelay:
    def walk(self, *edges: Edge, most: int = 99) -> str:
        names = sorted({each for edge in edges for each in (edge.source, edge.target)})
        relay = Relay(Team(dict.fromkeys(names, ASKING), edges), "a")
        way = ""
        while relay.next() is not None and len(way) < most:
            way += relay._present.agent_id
            relay.ended([Turn.of_text("assistant", relay._present.agent_id)])
        return way

    def test_goes_every_way_once(self) -> None:
        ways = [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d"), ("d", "a")]
        assert self.walk(*(Edge(*way, "direct") for way in ways)) == "abcd"

    def test_brings_together_what_was_said_on_two_ways(self) -> None:
        one, two, three = (Turn.of_text("assistant", each) for each in "abc")
        assert both((one, two), (one, three)) == (one, two, three)
