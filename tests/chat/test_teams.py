"""Several agents who make one answer."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from echo.chat.edges import Edge, edges_of, starts_of
from echo.chat.prepared import Asking
from echo.chat.relay import Coming, Relay
from echo.chat.teams import Team, after_direct, after_handoff, wanted_graphs
from echo.handling.caller import Caller
from echo.providers.chat import ChatRequest, Text, ToolCall, ToolResult, Turn
from echo.services import Services
from storage.core.database import Database
from tests.chat.conftest import Chat
from tests.conftest import MakeUser, UserClient
from tests.support.providers import RENDER, Received, Reply, event_stream, json_answer
from tests.support.providers.replies import Called as Call
from tests.support.streams import Event, Talker
from tests.support.waiting import until

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

    def start(*replies: Any, **environ: str) -> tuple[Talker, Any, Make]:
        script = list(replies)

        def answer(received: Received) -> Any:
            following = script.pop(0)
            return following(received) if callable(following) else following

        made = chat(answer, TITLE_CONVO="false", **environ)
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


def test_the_next_agent_is_not_asked_where_credits_are_used_up(agents: Any) -> None:
    expensive = Reply(["Facts."], usage=(1, 1))
    user, provider, make = agents(expensive, CHECK_BALANCE="true", START_BALANCE="900")
    # OpenAI's `gpt-4` costs 30 for each token that it reads.
    poet = make("Poet", instructions="word " * 100)
    scholar = make("Scholar", edges=[{"from": "", "to": poet, "edgeType": "direct"}])
    last = ask(user, scholar)[-1].data
    assert (last["code"], len(provider.requests)) == ("token_balance", 1)


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
        both = {"kind": "direct", "beside": ("b", "c")}
        assert edges_of({"edges": edges}) == (Edge("a", "b", **both), Edge("a", "c", **both))
        [of_one] = edges_of({"edges": [{"from": "a", "to": ["b"]}]})
        assert of_one == Edge("a", "b")
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


def ways(*pairs: str, **more: Any) -> list[Edge]:
    """Direct ways, "ab" from a to b."""
    return [Edge(*pair, "direct", **more) for pair in pairs]


def walk(*edges: Edge, first: str = "a") -> str:
    """Who comes when: those of one step without a space in between."""
    names = sorted({each for edge in edges for each in (edge.source, edge.target)})
    relay = Relay(Team.of(first, dict.fromkeys(names, ASKING), edges, hides=False))
    steps = []
    while legs := relay.next():
        steps.append("".join(f"{leg.agent_id}{leg.group or ''}" for leg in legs))
        relay.ended([(leg, [Turn.of_text("assistant", leg.agent_id)]) for leg in legs])
    return " ".join(steps)


def entry(**edge: Any) -> tuple[Edge, ...]:
    return edges_of({"edges": [edge]})


class TestARelay:
    @pytest.mark.parametrize(
        ("edges", "steps"),
        [
            # A diamond of single edges; nobody comes twice.
            (ways("ab", "ac", "bd", "cd", "da"), "a b3c3 d"),
            # One who leads to several, who lead together to one: LibreChat's number of the group.
            ((*entry(**{"from": "a", "to": ["b", "c"]}), *ways("bd", "cd")), "a b1c1 d"),
            # Who is awaited by somebody comes first, on however many steps.
            (ways("ad", "ab", "bc", "cd"), "a b c d"),
            # Two who lead to one, of whom one is not there or nobody's target: both begin.
            (entry(**{"from": ["a", "x"], "to": "b", "edgeType": "direct"}), "a1x1 b"),
            # Somebody else comes before the one who was asked.
            (ways("ba"), "b a"),
        ],
    )
    def test_goes_the_ways(self, edges: Any, steps: str) -> None:
        assert walk(*edges) == steps

    def test_waits_for_all_where_an_edge_has_several_sources(self) -> None:
        together = entry(**{"from": ["b", "c"], "to": "d", "edgeType": "direct"})
        # Nobody hands over to c, so d never comes.
        assert walk(*ways("ab"), Edge("a", "c"), *together) == "a b"
        assert walk(*ways("ab", "bc"), *together) == "a b c d"

    def test_hands_over_to_several_at_once(self) -> None:
        edges = (Edge("a", "b"), Edge("a", "c"), *ways("ad"))
        relay = Relay(Team.of("a", dict.fromkeys("abcd", ASKING), edges, hides=False))
        [leg] = relay.next()
        for edge in leg.handing:
            leg.handed[edge.target] = Coming(edge.target, edge, f"do {edge.target}")
        relay.ended([(leg, [Turn.of_text("assistant", "A")])])
        coming = relay.next()
        assert [each.agent_id for each in coming] == ["b", "c"]
        assert len({each.group for each in coming}) == 1
        assert [each.text for each in coming[1].asking.request.turns] == ["A", "do c"]

    def test_begins_with_those_to_whom_nobody_leads(self) -> None:
        members = dict.fromkeys("abcx", ASKING)
        # Only one who is not there leads to c.
        assert starts_of(ways("ab", "zc"), "a", members) == ("a", "x")
        # A way back by handing over takes nothing from who was asked.
        assert starts_of((*ways("ab"), Edge("b", "a")), "a", {"a": 1, "b": 1}) == ("a",)


def test_several_answer_at_the_same_time(agents: Any) -> None:
    user, provider, make = agents()
    poet, cook = make("Poet"), make("Cook")
    last = make("Last")
    router = make(
        "Router",
        edges=[
            {"from": "", "to": [poet, cook]},
            {"from": [poet, cook], "to": last, "edgeType": "direct", "prompt": "Sum up: {results}"},
        ],
    )
    asked, both = [], threading.Event()

    def answer(received: Received) -> Any:
        system = received.json["messages"][0]["content"]
        rendered = RENDER["openai"](Reply([f"{system} "]), received).pieces
        if system not in ("You are Poet.", "You are Cook."):
            return event_stream(*rendered)
        asked.append(system)
        if len(asked) == 2:
            both.set()
        # Neither is answered before the other one is asked.
        return event_stream(both, *rendered)

    provider.script += [answer] * 4
    events = ask(user, router)
    content = events[-1].data["responseMessage"]["content"]
    assert [(each["type"], each.get("agentId"), each.get("groupId")) for each in content[:1]] == [
        ("text", router, None)
    ]
    assert sorted((each["agentId"], each["groupId"], each["text"]) for each in content[1:3]) == sorted(
        [(poet, 1, "You are Poet. "), (cook, 1, "You are Cook. ")]
    )
    assert [(each["type"], each.get("agentId")) for each in content[3:]] == [
        ("agent_update", None),
        ("text", last),
    ]
    steps = [event.data["data"] for event in events if event.kind == "on_run_step"]
    assert sorted(step.get("groupId", 0) for step in steps) == [0, 0, 1, 1]
    assert len({step["index"] for step in steps}) == 4
    summed = said_to(provider.requests[-1])[-1][1]
    assert summed.startswith("Who?\n")
    assert "Sum up: AI: You are Router." in summed
    assert "AI: You are Poet. \nAI: You are Cook. " in summed
    usage = events[-1].data["responseMessage"]["metadata"]["usage"]
    assert usage["input"] == 4 * 11


def test_gives_tasks_on_and_to_a_team(agents: Any) -> None:
    user, provider, make = agents()
    poet = make("Poet")
    rhymer = make("Rhymer")
    graph = {
        "type": "verses",
        "name": "Verses",
        "description": "Writes and checks.",
        "agent_ids": [poet, rhymer],
        "edges": [{"from": poet, "to": rhymer, "edgeType": "direct", "prompt": "Check: {results}"}],
        "entry_agent_id": poet,
        "result_agent_id": rhymer,
    }
    gone = {**graph, "type": "gone", "agent_ids": [poet, rhymer, "agent_gone"]}
    middle = make("Middle", subagents={"enabled": True, "allowSelf": False, "graphs": [gone, graph]})
    boss = make("Boss", subagents={"enabled": True, "allowSelf": False, "agent_ids": [middle]})

    def task(kind: str, text: str) -> Reply:
        said = f'{{"description": "{text}", "subagent_type": "{kind}"}}'
        return Reply([], calls=(Call("subagent", (said,), f"call_{text}"),))

    provider.script += [
        task(middle, "Rain"),
        task("verses", "Verses"),
        *(Reply([each]) for each in ("A verse.", "A better verse.", "Done.", "End.")),
    ]
    events = ask(user, boss)
    requests = [said_to(each) for each in provider.requests]
    assert requests[2] == [("system", "You are Poet."), ("user", "Verses")]
    # The one who checks is told what was said, and the task.
    assert requests[3] == [("system", "You are Rhymer."), ("user", "Verses\nCheck: AI: A verse.")]
    assert requests[4][-1] == ("tool", "A better verse.")
    assert requests[5][-1] == ("tool", "Done.")
    kinds = provider.requests[1].json["tools"][0]["function"]["parameters"]["properties"]["subagent_type"]
    assert kinds["enum"] == ["verses"]
    updates = [event.data["data"] for event in events if event.kind == "on_subagent_update"]
    assert [(each["subagentType"], each["phase"]) for each in updates] == [
        (middle, "start"),
        ("verses", "start"),
        ("verses", "stop"),
        (middle, "stop"),
    ]
    assert events[-1].data["responseMessage"]["metadata"]["usage"]["input"] == 6 * 11


@pytest.mark.parametrize(
    "graph",
    [
        {},
        {"type": ""},
        {"entry_agent_id": "agent_c"},
        {"result_agent_id": None},
        {"agent_ids": "agent_a"},
        None,
    ],
)
def test_of_teams_old_documents_may_hold_anything(graph: Any) -> None:
    whole = {"type": "t", "agent_ids": ["", "agent_b"], "entry_agent_id": "", "result_agent_id": "agent_b"}
    edges = [{"from": "", "to": ["agent_b"]}, None, {"from": 1}]
    said = {"enabled": True, "graphs": [None if graph is None else {**whole, "edges": edges, **graph}]}
    found = wanted_graphs("agent_a", {"subagents": said})
    if graph == {}:
        [one] = found
        assert (one.members, one.entry, one.result) == (("agent_a", "agent_b"), "agent_a", "agent_b")
        assert one.edges == (Edge("agent_a", "agent_b", "direct"),)
    else:
        assert found == ()
    assert wanted_graphs("agent_a", {"subagents": {**said, "enabled": False}}) == ()


def halved(gate: threading.Event, text: str, received: Received) -> Any:
    """Half of an answer; the rest when the gate opens."""
    pieces = RENDER["openai"](Reply([text, *["more "] * 9]), received).pieces
    return event_stream(*pieces[: len(pieces) // 2], gate, *pieces[len(pieces) // 2 :])


def test_who_stops_an_answer_keeps_and_pays_what_all_have_said(agents: Any, app_database: Database) -> None:
    user, provider, make = agents()
    poet, cook = make("Poet"), make("Cook")
    router = make("Router", edges=[{"from": "", "to": [poet, cook]}])
    gate = threading.Event()
    provider.script += [Reply(["Go. "]), *[lambda each: halved(gate, "Half. ", each)] * 2]
    started = user.start("Who?", endpoint="agents", agent_id=router)["streamId"]
    stream, steps = user.follow(started), 0
    while steps < 3:
        steps += next(stream).kind == "on_run_step"
    user.abort(started)
    gate.set()
    content = list(stream)[-1].data["responseMessage"]["content"]
    assert [each["text"][:4] for each in content] == ["Go. ", "Half", "Half"]
    assert [each.get("groupId") for each in content] == [None, 1, 1]
    rows = until(lambda: list(app_database.collection("transactions").find({"conversationId": started})))
    assert [(row["context"], row["tokenType"]) for row in rows] == [
        ("abort", "prompt"),
        ("abort", "completion"),
        *[("incomplete", "prompt"), ("incomplete", "completion")] * 2,
    ]


def test_the_failure_of_one_ends_the_others(agents: Any) -> None:
    user, provider, make = agents()
    poet, cook = make("Poet"), make("Cook")
    router = make("Router", edges=[{"from": "", "to": [poet, cook]}])
    gate = threading.Event()
    refused = json_answer({"error": {"message": "no"}}, 400)
    provider.script += [Reply(["Go. "]), lambda each: halved(gate, "Half. ", each), refused]
    events = ask(user, router)
    assert events[-1].kind == "error"
    until(lambda: provider.requests[1].left or provider.requests[2].left)
    gate.set()


def test_gives_a_task_to_another(agents: Any) -> None:
    user, provider, make = agents()
    poet = make("Poet", description="Rhymes.")
    boss = make("Boss", subagents={"enabled": True, "allowSelf": False, "agent_ids": [poet, "agent_gone"]})
    task = f'{{"description": "Rhyme on rain.", "subagent_type": "{poet}"}}'
    provider.script += [
        Reply([], calls=(Call("subagent", (task,), "call_s"),)),
        Reply(["A rhyme."], usage=(5, 2)),
        Reply(["Here it is."]),
    ]
    events = ask(user, boss)
    first, second, third = provider.requests
    kinds = first.json["tools"][0]["function"]["parameters"]["properties"]["subagent_type"]
    assert kinds["enum"] == [poet]
    assert said_to(second) == [("system", "You are Poet."), ("user", "Rhyme on rain.")]
    assert "tools" not in second.json
    assert said_to(third)[-1] == ("tool", "A rhyme.")
    phases = [event.data["data"]["phase"] for event in events if event.kind == "on_subagent_update"]
    assert phases == ["start", "stop"]
    answer = events[-1].data["responseMessage"]
    assert [each["type"] for each in answer["content"]] == ["tool_call", "text"]
    assert answer["metadata"]["usage"]["input"] == 11 + 5 + 11
