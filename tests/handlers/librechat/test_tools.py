"""What tools gave, by LibreChat's contract."""

import uuid

from bson import ObjectId

from tests.conftest import Client, UserClient
from tests.handlers.conftest import Stored

PATH = "/chat/api/agents/tools"


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


def test_no_tool_is_set_up(ada: UserClient) -> None:
    assert ada.get(f"{PATH}/web_search/auth").json() == {"authenticated": False, "authTypes": []}
