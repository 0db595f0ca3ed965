"""Which tools an agent, or a mere model, is to have."""

from typing import Any

import pytest

from echo.chat.wanting import allowed, lasting_environment, switches, toggled, wanted_of, with_files
from echo.settings.agents import AgentSettings
from echo.tools.tool import Wanted

ALL = AgentSettings(
    capabilities=(
        "tools",
        "actions",
        "file_search",
        "execute_code",
        "web_search",
        "memory",
        "stateful_code_sessions",
    )
)


def only(*capabilities: str) -> AgentSettings:
    return AgentSettings(capabilities=capabilities)


@pytest.mark.parametrize(
    ("name", "capability"),
    [
        ("file_search", "file_search"),
        ("execute_code", "execute_code"),
        ("web_search", "web_search"),
        ("set_memory", "memory"),
        ("delete_memory", "memory"),
        ("memory", "memory"),
        ("calculator", "tools"),
        ("search_mcp_maps", "tools"),
        ("get_action_api---example---com", "actions"),
    ],
)
def test_each_needs_its_own_capability(name: str, capability: str) -> None:
    others = {"tools", "actions", "file_search", "execute_code", "web_search", "memory"} - {capability}
    assert allowed([name], only(capability)) == (name,)
    assert allowed([name], only(*others)) == ()


def test_names_are_texts_each_once_and_a_thousand_at_most() -> None:
    assert allowed(["b", "a", "b", "", None, 5, ["c"]], ALL) == ("b", "a")
    assert len(allowed([f"t{number}" for number in range(1001)], ALL)) == 1000


class TestAgents:
    def test_are_given_what_they_ask_for(self) -> None:
        agent = {
            "id": "agent_1",
            "author": 5,
            "tools": ["file_search", "calculator"],
            "tool_resources": {"file_search": {"file_ids": ["f"]}},
            "stateful_code_sessions": True,
        }
        assert wanted_of(agent, ALL) == Wanted(
            names=("file_search", "calculator"),
            files={"file_search": ["f"]},
            agent_id="agent_1",
            author="5",
            code_environment="user",
        )
        assert wanted_of(agent, only("tools")).code_environment is None

    @pytest.mark.parametrize("tools", [None, "calculator", {"calculator": True}])
    def test_of_another_time_have_none(self, tools: Any) -> None:
        found = wanted_of({"id": "agent_1", "tools": tools}, ALL)
        assert (found.names, found.author, found.code_environment) == ((), None, None)

    @pytest.mark.parametrize(
        ("said", "environment"),
        [("agent-user", "agent-user"), ("conversation", "conversation"), ("user", "user"), ("other", "user")],
    )
    def test_share_the_session_of_their_programs(self, said: str, environment: str) -> None:
        agent = {"stateful_code_sessions": True, "stateful_code_environment": said}
        assert lasting_environment(agent) == environment
        assert lasting_environment({**agent, "stateful_code_sessions": "yes"}) is None


def test_a_mere_model_has_no_agents_files() -> None:
    assert toggled(["web_search", "memory"], only("web_search")) == Wanted(names=("web_search",))


class TestFiles:
    def test_of_the_chat_are_added_by_what_they_were_uploaded_for(self) -> None:
        wanted = Wanted(names=("file_search",), files={"file_search": ["mine"]}, agent_id="agent_1")
        records = [
            {"file_id": "mine", "embedded": True},
            {"file_id": "searched", "embedded": True},
            {"file_id": "run", "metadata": {"fileIdentifier": "x"}},
            {"file_id": "both", "embedded": True, "metadata": {"codeEnvRef": "y"}},
            {"file_id": "shown"},
        ]
        found = with_files(wanted, records)
        assert found.files == {"file_search": ["mine", "searched", "both"], "execute_code": ["run", "both"]}
        assert (found.names, found.agent_id) == (("file_search",), "agent_1")
        # The agent's own lists stay as they are.
        assert wanted.files == {"file_search": ["mine"]}


class TestSwitches:
    def test_are_on_where_they_say_so(self) -> None:
        said = {"memory": True, "execute_code": True, "web_search": "yes", "file_search": 1, "other": True}
        assert switches(said) == ("execute_code", "memory")

    def test_bring_whole_servers(self) -> None:
        chosen = ["maps", "sys__clear__sys", "", 5, "maps", "mail"]
        assert switches({"web_search": True}, chosen) == (
            "web_search",
            "sys__all__sys_mcp_maps",
            "sys__all__sys_mcp_mail",
        )
