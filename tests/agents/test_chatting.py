"""Agents answer: what they are made of wins, and stays with those who may change them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from bson import ObjectId

from echo.chat.agents import AgentsAndModels
from echo.chat.request import Asked
from echo.errors import Unprocessable
from echo.handling.caller import Caller
from echo.settings.agents import AgentSettings
from storage.conversations.chats import ChatRepository
from storage.core.database import Database
from tests.agents.conftest import Echo
from tests.conftest import Client, UserClient
from tests.support.contract import ProjectChecker
from tests.support.providers import ProviderServer
from tests.support.waiting import until

Json = dict[str, Any]
Grant = Callable[[Json, str, int], None]


def caller_of(user: UserClient) -> Caller:
    return Caller(user.id, user.session_id, user.email, "ada", "local", "USER")


@dataclass
class Talk:
    """A user, and what comes of asking."""

    echo: Echo
    provider: ProviderServer
    client: Client
    user: UserClient
    stored: Any

    def make(self, **fields: Any) -> Json:
        """An agent of the user's."""
        about = {"name": "Poet", "provider": "openAI", "model": "gpt-4", "instructions": "Rhyme."}
        return self.echo.services.agents.create(caller_of(self.user), {**about, **fields})

    def start(self, endpoint: str = "agents", **asked: Any) -> Any:
        """What starting answers."""
        body = {"text": "Hello", "endpoint": endpoint, **asked}
        return self.client.post(f"/chat/api/agents/chat/{endpoint}", json=body)

    def ask(self, endpoint: str = "agents", **asked: Any) -> tuple[Json, Json, Json]:
        """The last request to the provider, the answer as it is stored, and the conversation."""
        started = self.start(endpoint, **asked)
        assert started.status_code == 200, started.text
        here = {"conversationId": started.json()["conversationId"]}

        def answer() -> Json:
            found: Json = self.stored.messages.find_one(here, sort=[("_id", -1)]) or {}
            return {} if found["isCreatedByUser"] or found["unfinished"] else found

        until(answer)
        # Titles are asked for after the answer.
        requests = [each.json for each in self.provider.chats if each.json.get("stream")]
        return requests[-1], answer(), self.stored.conversations.find_one(here) or {}

    def refused(self, **asked: Any) -> tuple[int, str]:
        """The status and code with which a start is refused."""
        answer = self.start(**asked)
        return answer.status_code, answer.json()["code"]


@pytest.fixture
def talk_as(
    talking: Echo, provider: ProviderServer, checker: ProjectChecker, stored: Any
) -> Callable[[UserClient], Talk]:
    def make(user: UserClient) -> Talk:
        token = user.headers["Authorization"].removeprefix("Bearer ")
        return Talk(talking, provider, Client(talking.http, checker, token), user, stored)

    return make


@pytest.fixture
def talk(talk_as: Callable[[UserClient], Talk], ada: UserClient) -> Talk:
    return talk_as(ada)


def system_of(request: Json) -> list[str]:
    return [each["content"] for each in request["messages"] if each["role"] == "system"]


class TestWhatIsAsked:
    def test_is_the_agents_own(self, talk: Talk) -> None:
        agent = talk.make(model_parameters={"temperature": 0.3, "promptPrefix": "No.", "max_tokens": 50})
        said = {"model": "gpt-4o-mini", "temperature": 1.0, "promptPrefix": "Be rude.", "top_p": 0.5}
        request, _, _ = talk.ask(agent_id=agent["id"], **said)
        assert (request["model"], request["temperature"]) == ("gpt-4", 0.3)
        assert "top_p" not in request
        assert system_of(request) == ["Rhyme."]

    def test_without_instructions_nobody_elses_hold(self, talk: Talk) -> None:
        agent = talk.make(instructions="")
        request, _, _ = talk.ask(agent_id=agent["id"], promptPrefix="Be rude.")
        assert system_of(request) == []

    def test_variables_are_filled_in(self, talk: Talk) -> None:
        agent = talk.make(instructions="You talk with {{current_user}}.")
        request, _, _ = talk.ask(agent_id=agent["id"])
        assert system_of(request) == ["You talk with ada."]

    def test_has_the_agents_texts(self, talk: Talk) -> None:
        files = [keep(talk, name, content) for name, content in (("a.txt", b"alpha"), ("b.txt", b"beta"))]
        agent = talk.make(tool_resources={"context": {"file_ids": [*files, "gone"]}})
        request, _, _ = talk.ask(agent_id=agent["id"])
        documents = "You have been given these documents.\n\n# a.txt\n\nalpha\n\n# b.txt\n\nbeta"
        assert system_of(request) == [f"Rhyme.\n\n{documents}"]

    def test_a_second_agent_answers_beside_a_model(self, talk: Talk) -> None:
        agent = talk.make()
        _, answer, conversation = talk.ask(
            "openAI", addedConvo={"endpoint": "agents", "agent_id": agent["id"]}
        )
        assert len({part["agentId"] for part in answer["content"]}) == 2
        assert conversation["endpoint"] == "openAI"


def keep(talk: Talk, name: str, content: bytes) -> str:
    """A file of the user's."""
    file_id = f"{talk.user.id}-{name}"
    record = {"file_id": file_id, "filename": name, "type": "text/plain", "source": "text"}
    talk.echo.services.library.files.insert(
        talk.user.id, {**record, "text": content.decode(), "bytes": len(content)}
    )
    return file_id


class TestWhatIsStored:
    def test_names_the_agent(self, talk: Talk) -> None:
        agent = talk.make()
        _, answer, conversation = talk.ask(agent_id=agent["id"])
        assert (answer["sender"], answer["model"], answer["endpoint"]) == ("Poet", agent["id"], "agents")
        assert (conversation["endpoint"], conversation["agent_id"]) == ("agents", agent["id"])

    def test_tells_nothing_of_how_it_is_made(self, talk: Talk) -> None:
        agent = talk.make(model_parameters={"temperature": 0.3})
        said = {"promptPrefix": "Be rude.", "model": "gpt-4o-mini", "iconURL": "https://icons.example/a.png"}
        _, answer, conversation = talk.ask(agent_id=agent["id"], **said)
        assert not {"model", "temperature", "instructions", "promptPrefix"} & conversation.keys()
        assert conversation["iconURL"] == "https://icons.example/a.png"
        assert "Rhyme." not in repr(answer)

    def test_the_title_is_asked_of_the_agents_model(self, talk: Talk) -> None:
        before = len(talk.provider.chats)
        _, _, conversation = talk.ask(agent_id=talk.make()["id"])
        until(lambda: len(talk.provider.chats) == before + 2)
        assert talk.provider.chats[-1].json["model"] == "gpt-4"
        assert conversation["conversationId"]

    def test_a_conversation_goes_on_with_its_agent(self, talk: Talk) -> None:
        agent = talk.make()
        _, _, conversation = talk.ask(agent_id=agent["id"])
        request, answer, _ = talk.ask(conversationId=conversation["conversationId"])
        assert (answer["model"], system_of(request)) == (agent["id"], ["Rhyme."])
        assert [each["role"] for each in request["messages"]] == ["system", "user", "assistant", "user"]

    def test_a_conversation_changes_from_model_to_agent_and_back(self, talk: Talk) -> None:
        agent = talk.make()
        said = {"model": "gpt-4o-mini", "promptPrefix": "Be rude."}
        _, _, first = talk.ask("openAI", **said)
        there = first["conversationId"]
        request, _, second = talk.ask(agent_id=agent["id"], conversationId=there)
        assert system_of(request) == ["Rhyme."]
        assert (second["endpoint"], second["agent_id"], second["model"]) == ("agents", agent["id"], None)
        request, _, third = talk.ask("openAI", conversationId=there)
        assert system_of(request) == ["Be rude."]
        assert (third["endpoint"], third["agent_id"], third["model"]) == ("openAI", None, "gpt-4o-mini")


class TestWhoMay:
    def test_who_may_use_it_may_talk_with_it(
        self, talk: Talk, talk_as: Callable[[UserClient], Talk], bob: UserClient, grant: Grant
    ) -> None:
        agent, theirs = talk.make(), talk_as(bob)
        assert theirs.refused(agent_id=agent["id"]) == (404, "not_found")
        grant(agent, bob.id, 1)
        _, answer, _ = theirs.ask(agent_id=agent["id"])
        assert answer["sender"] == "Poet"

    def test_a_right_that_is_gone_counts_in_a_conversation_too(self, talk: Talk) -> None:
        agent = talk.make()
        _, _, conversation = talk.ask(agent_id=agent["id"])
        talk.echo.services.agents.delete(caller_of(talk.user), agent["id"])
        assert talk.refused(conversationId=conversation["conversationId"]) == (404, "not_found")

    def test_a_role_without_agents_has_none(self, talk: Talk, stored: Any) -> None:
        agent = talk.make()
        name = f"role-{talk.user.id}"
        stored.roles.insert_one({"name": name, "permissions": {"AGENTS": {"USE": False}}})
        stored.users.update_one({"_id": ObjectId(talk.user.id)}, {"$set": {"role": name}})
        # Whatever agent it is: that says nothing of this one.
        assert talk.refused(agent_id=agent["id"]) == (403, "insufficient_permissions")

    @pytest.mark.parametrize("agent_id", [None, "openAI__gpt-4___GPT-4"])
    def test_no_agent_is_refused(self, talk: Talk, agent_id: str | None) -> None:
        assert talk.refused(agent_id=agent_id) == (422, "no_agent")

    def test_an_unknown_one_is_not_there(self, talk: Talk) -> None:
        assert talk.refused(agent_id="agent_" + "x" * 21) == (404, "not_found")

    @pytest.mark.parametrize(
        ("fields", "code"),
        [({"provider": "nowhere"}, "endpoint_unavailable"), ({"model": "gpt-9"}, "unknown_model")],
    )
    def test_one_of_a_model_that_is_not_there_says_so(self, talk: Talk, fields: Json, code: str) -> None:
        assert talk.refused(agent_id=talk.make(**fields)["id"]) == (422, code)


MakeFinding = Callable[[AgentSettings], AgentsAndModels]


class TestTheOperatorsRules:
    @pytest.fixture
    def finding(self, talk: Talk, app_database: Database) -> MakeFinding:
        library, chats = talk.echo.services.library, ChatRepository(app_database)
        find = talk.echo.services.agents.for_chat
        return lambda rules: AgentsAndModels(find, chats, library.files, library.file_store, rules)

    def test_agents_may_be_of_these_endpoints_only(self, talk: Talk, finding: MakeFinding) -> None:
        asked = Asked(agent_id=talk.make()["id"])
        assert finding(AgentSettings(providers=("openAI",))).find(talk.user.id, "agents", asked)
        with pytest.raises(Unprocessable) as refused:
            finding(AgentSettings(providers=("anthropic",))).find(talk.user.id, "agents", asked)
        assert refused.value.code == "endpoint_unavailable"

    def test_without_context_there_are_no_texts(self, talk: Talk, finding: MakeFinding) -> None:
        file_id = keep(talk, "a.txt", b"alpha")
        asked = Asked(agent_id=talk.make(tool_resources={"context": {"file_ids": [file_id]}})["id"])
        expected: tuple[tuple[tuple[str, ...] | None, bool], ...] = (
            (None, True),
            (("context",), True),
            ((), False),
        )
        for capabilities, told in expected:
            found = finding(AgentSettings(capabilities=capabilities)).find(talk.user.id, "agents", asked)
            assert ("alpha" in str(found.fixed)) is told
