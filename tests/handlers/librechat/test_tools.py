"""What tools gave, by LibreChat's contract."""

import uuid

from bson import ObjectId

from handlers.librechat.schemas import tools as schemas
from tests.conftest import Client, UserClient
from tests.handlers.conftest import Stored

PATH = "/chat/api/agents/tools"


class TestListAgentTools:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.get(PATH).status_code == 401

    def test_are_the_built_in_ones(self, ada: UserClient) -> None:
        listed = {each["pluginKey"]: each for each in ada.get(PATH).json()}
        assert set(listed) >= {"calculator", "google", "dalle", "image_gen_oai", "flux"}
        assert listed["google"]["authConfig"][0]["authField"] == "GOOGLE_CSE_ID"
        # No key of the server's is set, and so no tool is ready without one of the user's.
        assert not any("authenticated" in each for each in listed.values())


class TestListToolCalls:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.get(f"{PATH}/calls", params={"conversationId": "x"}).status_code == 401

    def test_shows_what_librechat_has_stored_of_the_caller(
        self, ada: UserClient, bob: UserClient, stored: Stored
    ) -> None:
        conversation_id = str(uuid.uuid4())
        call = {
            "conversationId": conversation_id,
            "messageId": "m",
            "toolId": "execute_code",
            "user": ObjectId(ada.id),
            "result": {"stdout": "1"},
            "attachments": [{"filename": "a.png"}, None],
            "blockIndex": 0,
        }
        stored.toolcalls.insert_one(call)
        answers = [
            client.get(f"{PATH}/calls", params={"conversationId": conversation_id}).json()
            for client in (ada, bob)
        ]
        assert answers[1] == []
        [found] = answers[0]
        assert found.pop("_id") == str(call["_id"])
        assert found == {
            "conversationId": conversation_id,
            "messageId": "m",
            "toolId": "execute_code",
            "user": ada.id,
            "result": {"stdout": "1"},
            "attachments": [{"filename": "a.png"}],
            "blockIndex": 0,
        }

    def test_needs_a_conversation(self, ada: UserClient) -> None:
        assert ada.get(f"{PATH}/calls").status_code == 400


class TestGetToolAuth:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.get(f"{PATH}/web_search/auth").status_code == 401

    def test_searching_needs_a_key_of_the_servers_or_of_ones_own(
        self, ada: UserClient, bob: UserClient
    ) -> None:
        before = ada.get(f"{PATH}/web_search/auth").json()
        types = [
            ["providers", "user_provided"],
            ["scrapers", "system_defined"],
            ["rerankers", "system_defined"],
        ]
        assert before == {"authenticated": False, "authTypes": types}
        said = {
            "pluginKey": "web_search",
            "action": "install",
            "auth": {"serperApiKey": "k"},
            "isEntityTool": True,
        }
        ada.post("/chat/api/user/plugins", json=said)
        after = ada.get(f"{PATH}/web_search/auth").json()
        mine = [
            ["providers", "user_provided"],
            ["scrapers", "user_provided"],
            ["rerankers", "system_defined"],
        ]
        assert after == {"authenticated": True, "authTypes": mine}
        assert bob.get(f"{PATH}/web_search/auth").json() == before

    def test_code_is_run_where_there_is_a_service(self, ada: UserClient) -> None:
        answer = ada.get(f"{PATH}/execute_code/auth").json()
        assert answer == {"authenticated": True, "message": "system_defined"}

    def test_no_code_is_run_without_a_service(self) -> None:
        found = schemas.auth_of("execute_code", runs_code=False)
        assert found == {"authenticated": False, "message": "system_defined"}

    def test_others_are_not_found(self, ada: UserClient) -> None:
        answer = ada.get(f"{PATH}/magic/auth")
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_tool")
