"""Chats by their contract; what runs do is in `tests/chat/`. The model of `Fake` thinks until it is stopped."""

import uuid
from typing import Any

from tests.conftest import Client, UserClient
from tests.support.streams import kinds, parse

PATH = "/api/agents/chat"


def start(client: Client, **body: Any) -> str:
    answer = client.post(f"{PATH}/Fake", json={"text": "Hello", **body})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["streamId"])


class TestStartChat:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.post(f"{PATH}/Fake", json={"text": "x"}).status_code == 401

    def test_another_owners_conversation_is_not_found(self, ada: UserClient, bob: UserClient) -> None:
        body = {"text": "x", "conversationId": start(ada)}
        assert bob.post(f"{PATH}/Fake", json=body).status_code == 404

    def test_an_unknown_endpoint_is_refused(self, ada: UserClient) -> None:
        answer = ada.post(f"{PATH}/google", json={"text": "x"})
        assert (answer.status_code, answer.json()["code"]) == (422, "endpoint_unavailable")

    def test_stores_question_and_answer_at_once(self, ada: UserClient) -> None:
        stream_id = start(ada)
        messages = ada.get(f"/api/messages/{stream_id}").json()
        assert [(each["sender"], each["text"]) for each in messages] == [("user", "Hello"), ("assistant", "")]
        assert ada.get("/api/convos").json()["conversations"][0]["conversationId"] == stream_id

    def test_is_limited(self, make_application: Any, ada: UserClient) -> None:
        limited = make_application(ECHO_RATE_LIMITS="on", MESSAGE_USER_MAX="1")
        limited.headers = ada.headers
        answers = [limited.post(f"{PATH}/openAI", json={"text": "x"}).status_code for _ in range(2)]
        assert answers == [422, 429]


class TestFollowChat:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.get(f"{PATH}/stream/x").status_code == 401

    def test_of_another_owner_is_not_found(self, ada: UserClient, bob: UserClient) -> None:
        assert bob.get(f"{PATH}/stream/{start(ada)}").status_code == 404

    def test_streams_events(self, ada: UserClient) -> None:
        stream_id = start(ada)
        ada.post(f"{PATH}/abort", json={"streamId": stream_id})
        answer = ada.get(f"{PATH}/stream/{stream_id}")
        assert kinds(parse(answer.text.splitlines())) == ["created", "on_context_usage", "final"]
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert answer.headers["cache-control"] == "no-cache, no-transform"
        assert answer.headers["x-accel-buffering"] == "no"

    def test_refuses_times_that_are_none(self, ada: UserClient) -> None:
        stream_id = start(ada)
        for value, status in (("x", 400), (-1, 400), (2**53, 400), (2**53 - 1, 404), (5, 404)):
            params = {"generationCreatedAt": value}
            assert ada.get(f"{PATH}/stream/{stream_id}", params=params).status_code == status


class TestAbortChat:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.post(f"{PATH}/abort", json={}).status_code == 401

    def test_of_another_owner_is_not_found(self, ada: UserClient, bob: UserClient) -> None:
        stream_id = start(ada)
        assert bob.post(f"{PATH}/abort", json={"streamId": stream_id}).status_code == 404
        assert ada.get(f"{PATH}/status/{stream_id}").json()["active"] is True

    def test_names_of_different_runs_are_not_found(self, ada: UserClient) -> None:
        body = {"streamId": start(ada), "conversationId": start(ada)}
        assert ada.post(f"{PATH}/abort", json=body).status_code == 404

    def test_ends_the_run(self, ada: UserClient) -> None:
        stream_id = start(ada)
        assert ada.post(f"{PATH}/abort", json={"streamId": stream_id}).json()["aborted"] == stream_id
        assert ada.get(f"{PATH}/status/{stream_id}").json()["active"] is False

    def test_of_a_run_that_began_at_another_time_is_not_found(self, ada: UserClient) -> None:
        body = {"streamId": start(ada), "generationCreatedAt": 5}
        assert ada.post(f"{PATH}/abort", json=body).status_code == 404

    def test_without_any_run_is_not_found(self, ada: UserClient) -> None:
        assert ada.post(f"{PATH}/abort", json={}).status_code == 404


class TestGetChatStatus:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.get(f"{PATH}/status/x").status_code == 401

    def test_of_another_owner_is_not_found(self, ada: UserClient, bob: UserClient) -> None:
        assert bob.get(f"{PATH}/status/{start(ada)}").status_code == 404

    def test_tells_of_a_run(self, ada: UserClient) -> None:
        stream_id = start(ada)
        state = ada.get(f"{PATH}/status/{stream_id}").json()
        assert (state["active"], state["streamId"], state["aggregatedContent"]) == (True, stream_id, [])


class TestListActiveChats:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.get(f"{PATH}/active").status_code == 401

    def test_lists_ones_own(self, ada: UserClient, bob: UserClient) -> None:
        streams = [start(ada), start(ada)]
        assert ada.get(f"{PATH}/active").json() == {"activeJobIds": streams}
        assert bob.get(f"{PATH}/active").json() == {"activeJobIds": []}


class TestAwaitTitle:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.get("/api/convos/gen_title/x").status_code == 401

    def test_of_another_owner_is_not_found(self, ada: UserClient, bob: UserClient) -> None:
        stream_id = start(ada)
        ada.post("/api/convos/update", json={"conversationId": stream_id, "title": "Mine"})
        assert bob.get(f"/api/convos/gen_title/{stream_id}").status_code == 404
        assert ada.get(f"/api/convos/gen_title/{stream_id}").json() == {"title": "Mine"}

    def test_where_none_will_come_is_not_found_at_once(self, ada: UserClient) -> None:
        assert ada.get(f"/api/convos/gen_title/{start(ada)}").status_code == 404
        assert ada.get(f"/api/convos/gen_title/{uuid.uuid4()}").status_code == 404
