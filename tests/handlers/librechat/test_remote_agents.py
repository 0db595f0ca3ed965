"""LibreChat's paths for programs that ask agents: who may, and what. `tests/completions` drives them by a client."""

from typing import Any

import pytest

from tests.conftest import Client, UserClient
from tests.handlers.conftest import Stored
from tests.handlers.librechat.sharing import VIEW, grant

BASE = "/chat/api/agents/v1"


@pytest.fixture
def agent(ada: UserClient) -> dict[str, Any]:
    body = {"name": "Poet", "description": "Rhymes", "provider": "openAI", "model": "gpt-4o"}
    made: dict[str, Any] = ada.post("/chat/api/agents", json=body).json()
    return made


def ask(user: UserClient, model: str) -> Any:
    body = {"model": model, "messages": [{"role": "user", "content": "Hi"}]}
    return user.post(f"{BASE}/chat/completions", json=body)


class TestListRemoteAgents:
    @pytest.mark.parametrize("path", ["models", "responses/models"])
    def test_anonymous_is_refused(self, api: Client, path: str) -> None:
        assert api.get(f"{BASE}/{path}").status_code == 401

    @pytest.mark.parametrize("path", ["models", "responses/models"])
    def test_has_what_librechat_has(self, ada: UserClient, agent: dict[str, Any], path: str) -> None:
        [listed] = ada.get(f"{BASE}/{path}").json()["data"]
        assert listed.pop("created") > 1_700_000_000
        assert listed == {
            "id": agent["id"],
            "object": "model",
            "owned_by": "librechat",
            "root": agent["id"],
            "name": "Poet",
            "description": "Rhymes",
            "provider": "openAI",
        }


class TestAskAnAgent:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.post(f"{BASE}/chat/completions", json={}).status_code == 401

    def test_errors_have_openais_form_as_well(self, ada: UserClient) -> None:
        refused = ask(ada, "agent_" + "x" * 21)
        assert (refused.status_code, refused.json()["code"]) == (404, "model_not_found")
        assert refused.json()["error"]["type"] == "invalid_request_error"

    def test_is_for_those_whom_it_was_shared_with_for_programs(
        self, bob: UserClient, agent: dict[str, Any], stored: Stored
    ) -> None:
        """Shared for chats it is none of the list; shared for programs alone it answers."""
        grant(stored, "agent", agent["_id"], VIEW, bob)
        assert bob.get(f"{BASE}/models").json()["data"] == []
        assert ask(bob, agent["id"]).status_code == 404
        stored.aclentries.delete_many({"resourceType": "agent", "permBits": VIEW})
        grant(stored, "remoteAgent", agent["_id"], VIEW, bob)
        assert [each["id"] for each in bob.get(f"{BASE}/models").json()["data"]] == [agent["id"]]
        assert ask(bob, agent["id"]).status_code == 200
        assert bob.get(f"/chat/api/agents/{agent['id']}").status_code == 404

    def test_is_as_far_as_the_key_opens_it(self, ada: UserClient, agent: dict[str, Any]) -> None:
        made = ada.post("/api/api-keys", json={"name": "k", "limits": {"models": ["openAI/gpt-4o"]}}).json()
        narrow = ada.with_token(made["key"])
        assert narrow.get(f"{BASE}/models").json()["data"] == []
        refused = narrow.post(f"{BASE}/responses", json={"model": agent["id"], "input": "Hi"})
        assert (refused.status_code, refused.json()["code"]) == (404, "model_not_found")
