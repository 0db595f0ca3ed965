"""`echo-api agent`: agents of all users, and an answer of one for a user."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo.database import Database as MongoDatabase

from tests.cli.conftest import CommandLine
from tests.cli.test_users import EMAIL, new_user
from tests.support.providers import ProviderServer, Received, Reply, openai_server
from tests.support.providers.replies import Called

Stored = MongoDatabase[dict[str, Any]]
CALL = Reply(["See. "], calls=(Called("calculator", ('{"input": "6*7"}',), "call_a"),))


def behave(received: Received) -> Reply:
    """Calculates first, and fails where it is told to."""
    if "fail" in str(received.json["messages"][-1]["content"]):
        return Reply(error="server_error")
    return Reply(["It is 42."]) if received.json["messages"][-1]["role"] == "tool" else CALL


@pytest.fixture(scope="module")
def provider() -> Iterator[ProviderServer]:
    with openai_server(behave) as server:
        yield server


@pytest.fixture
def command(echo_api: CommandLine, provider: ProviderServer) -> CommandLine:
    """With an endpoint, and a user."""
    more = {
        "OPENAI_API_KEY": "sk-test",
        "OPENAI_REVERSE_PROXY": provider.url,
        "OPENAI_MODELS": "gpt-4o",
        "ENDPOINTS": "openAI",
        "TITLE_CONVO": "false",
    }
    new_user(echo_api)
    return CommandLine({**echo_api.environ, **more})


def put(stored: Stored, **fields: Any) -> str:
    """An agent of the user's."""
    author = stored.users.find_one({"email": EMAIL})
    assert author
    agent = {
        "id": "agent_" + "a" * 21,
        "name": "Counter",
        "provider": "openAI",
        "model": "gpt-4o",
        "author": author["_id"],
        "tools": ["calculator"],
        "versions": [{}, {}],
        **fields,
    }
    made = stored.agents.insert_one(agent)
    for kind in ("agent", "remoteAgent"):
        grant = {"resourceType": kind, "resourceId": made.inserted_id, "permBits": 15}
        stored.aclentries.insert_one({**grant, "principalType": "user", "principalId": author["_id"]})
    return str(agent["id"])


class TestListing:
    def test_shows_agents_of_all(self, command: CommandLine, stored: Stored) -> None:
        put(stored)
        put(stored, id="agent_" + "b" * 21, name="Other", author=None, tools=None)
        [other] = command.json("agent", "list", "--search", "oth")
        assert (other["name"], other["author"], other["tools"]) == ("Other", None, [])
        [mine] = command.json("agent", "list", "--author", EMAIL)
        assert (mine["name"], mine["author"], mine["tools"]) == ("Counter", EMAIL, ["calculator"])
        assert len(command.json("agent", "list", "--limit", "1")) == 1
        assert "Counter" in command.run("agent", "list").stdout


class TestShowing:
    def test_shows_how_it_is_made(self, command: CommandLine, stored: Stored) -> None:
        agent = put(stored, instructions="Count.")
        shown = command.json("agent", "show", agent)
        assert (shown["instructions"], shown["version"]) == ("Count.", 2)
        [for_chats, for_programs] = shown["shared"]
        assert (for_chats["for"], for_chats["to"], for_chats["bits"]) == ("agent", "user", 15)
        assert for_programs["for"] == "remoteAgent"
        assert "agent: user" in command.run("agent", "show", agent).stdout
        assert "There is no agent 'x'" in command.refused("agent", "show", "x")


class TestRunning:
    def test_prints_words_and_tells_tools_beside_them(self, command: CommandLine, stored: Stored) -> None:
        result = command.run("agent", "run", put(stored), "What is it?", "--user", EMAIL)
        assert result.stdout == "See. It is 42.\n"
        assert result.stderr.splitlines() == ["[calculator]", "[calculator] 42"]
        [conversation] = stored.conversations.find()
        assert conversation["isTemporary"] is True

    def test_gives_what_came_of_it(self, command: CommandLine, stored: Stored) -> None:
        agent = put(stored)
        told = command.json("agent", "run", agent, "--user", EMAIL, "--keep", typed="What is it?")
        assert (told["text"], told["error"], told["attachments"]) == ("See. It is 42.", None, [])
        [call] = told["toolCalls"]
        assert (call["name"], call["output"]) == ("calculator", "42")
        [conversation] = stored.conversations.find()
        assert (conversation["conversationId"], conversation["agent_id"]) == (told["conversationId"], agent)
        assert not conversation.get("isTemporary")

    def test_tells_events_as_clients_get_them(self, command: CommandLine, stored: Stored) -> None:
        result = command.run("agent", "run", put(stored), "What?", "--user", EMAIL, "--events")
        told = [json.loads(line) for line in result.stdout.splitlines()]
        assert told[0]["data"]["created"] is True
        assert told[-1]["data"]["final"] is True
        assert "on_run_step_completed" in {each["data"].get("event") for each in told}

    def test_says_why_there_is_no_answer(self, command: CommandLine, stored: Stored) -> None:
        agent = put(stored)
        run = ("agent", "run", agent)
        command.refused(*run, "please fail", "--user", EMAIL, code=69)
        assert "There is no message" in command.refused(*run, " ", "--user", EMAIL)
        assert "There is no user" in command.refused(*run, "Hi", "--user", "nobody")
        command.json("user", "create", "bob@example.com", "--generate")
        assert "Not found" in command.refused(*run, "Hi", "--user", "bob@example.com")
        stored.roles.update_one({"name": "USER"}, {"$set": {"permissions.AGENTS.USE": False}})
        refused = command.refused(*run, "Hi", "--user", "bob@example.com")
        assert "permission" in refused.lower()
