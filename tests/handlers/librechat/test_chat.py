"""Chats as LibreChat's clients hold them; what runs do is in `tests/chat/`. `Fake` thinks until it is stopped."""

import time
import uuid
from typing import Any

import pytest

from tests.conftest import Client, UserClient
from tests.handlers.conftest import Stored
from tests.support.streams import kinds, parse

PATH = "/chat/api/agents/chat"


def start(client: Client, **body: Any) -> dict[str, Any]:
    answer = client.post(f"{PATH}/Fake", json={"text": "Hello", "generationProtocolVersion": 2, **body})
    assert answer.status_code == 200, answer.text
    started: dict[str, Any] = answer.json()
    return started


def steer(client: Client, conversation_id: str, text: str = "Shorter", **body: Any) -> Any:
    return client.post(f"{PATH}/steer", json={"conversationId": conversation_id, "text": text, **body})


class TestStartChat:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.post(f"{PATH}/Fake", json={"text": "x"}).status_code == 401
        assert api.post(PATH, json={"text": "x"}).status_code == 401

    def test_another_owners_conversation_is_not_found(self, ada: UserClient, bob: UserClient) -> None:
        body = {"text": "x", "conversationId": start(ada)["conversationId"]}
        assert bob.post(f"{PATH}/Fake", json=body).status_code == 404

    @pytest.mark.parametrize(("asked", "holds"), [(2, 2), (1, 1), (3, 1), (None, 1)])
    def test_tells_which_protocol_holds(self, ada: UserClient, asked: int | None, holds: int) -> None:
        assert start(ada, generationProtocolVersion=asked)["generationProtocolVersion"] == holds

    def test_takes_the_endpoint_from_the_body_where_the_path_has_none(self, ada: UserClient) -> None:
        assert ada.post(PATH, json={"text": "x", "endpoint": "Fake"}).json()["status"] == "started"
        refused = ada.post(PATH, json={"text": "x"})
        assert (refused.status_code, refused.json()["code"]) == (422, "no_agent")

    def test_a_request_sent_twice_starts_one_run(self, ada: UserClient) -> None:
        request_id = str(uuid.uuid4())
        first, second = (start(ada, clientRequestId=request_id) for _ in range(2))
        assert second == {**first, "status": "resumed"}

    def test_is_refused_when_another_run_has_begun_since(self, ada: UserClient) -> None:
        first = start(ada)
        conversation_id = first["conversationId"]
        second = start(
            ada, conversationId=conversation_id, expectedPredecessorCreatedAt=first["generationCreatedAt"]
        )
        refused = ada.post(
            f"{PATH}/Fake",
            json={
                "text": "Third",
                "conversationId": conversation_id,
                "expectedPredecessorCreatedAt": first["generationCreatedAt"],
            },
        )
        assert refused.status_code == 409
        said = refused.json()
        assert {name: said[name] for name in ("status", "code", "streamId", "active")} == {
            "status": "predecessor_mismatch",
            "code": "GENERATION_PREDECESSOR_MISMATCH",
            "streamId": conversation_id,
            "active": True,
        }
        assert said["generationCreatedAt"] == second["generationCreatedAt"]
        texts = [each["text"] for each in ada.get(f"/api/messages/{conversation_id}").json()]
        assert texts == ["Hello", "", "Hello", ""]

    def test_puts_a_new_conversation_into_a_project_of_the_owners(
        self, ada: UserClient, bob: UserClient, stored: Stored
    ) -> None:
        project = stored.chatprojects.insert_one({"user": ada.id, "name": "Law", "conversationCount": 0})
        project_id = str(project.inserted_id)
        mine = start(ada, chatProjectId=project_id)["conversationId"]
        not_mine = start(bob, chatProjectId=project_id)["conversationId"]
        for conversation_id, expected in ((mine, project_id), (not_mine, None)):
            found = stored.conversations.find_one({"conversationId": conversation_id})
            assert found is not None
            assert found.get("chatProjectId") == expected
        counted = stored.chatprojects.find_one({"_id": project.inserted_id})
        assert counted is not None
        assert (counted["conversationCount"], counted["lastConversationId"]) == (1, mine)

    def test_keeps_what_a_question_refers_to(self, ada: UserClient, stored: Stored) -> None:
        conversation_id = start(ada, quotes=["A promise", "that is kept"])["conversationId"]
        question = stored.messages.find_one({"conversationId": conversation_id, "isCreatedByUser": True})
        assert question is not None
        assert (question["text"], question["quotes"]) == ("Hello", ["A promise", "that is kept"])

    def test_refuses_a_request_id_that_is_none(self, ada: UserClient) -> None:
        answer = ada.post(f"{PATH}/Fake", json={"text": "x", "clientRequestId": "a b"})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "clientRequestId")


class TestFollowChat:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.get(f"{PATH}/stream/x").status_code == 401

    def test_of_another_owner_is_not_found(self, ada: UserClient, bob: UserClient) -> None:
        assert bob.get(f"{PATH}/stream/{start(ada)['streamId']}").status_code == 404

    @pytest.mark.parametrize("version", [1, 2])
    def test_the_last_event_tells_which_protocol_holds(self, ada: UserClient, version: int) -> None:
        stream_id = start(ada)["streamId"]
        ada.post(f"{PATH}/abort", json={"streamId": stream_id})
        answer = ada.get(f"{PATH}/stream/{stream_id}", params={"generationProtocolVersion": version})
        events = list(parse(answer.text.splitlines()))
        assert kinds(events) == ["created", "on_context_usage", "final"]
        assert events[-1].data["generationProtocolVersion"] == version


class TestGetChatStatus:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.get(f"{PATH}/status/x").status_code == 401

    def test_where_there_is_none_or_anothers_there_is_no_run(self, ada: UserClient, bob: UserClient) -> None:
        for conversation_id in (str(uuid.uuid4()), start(ada)["conversationId"]):
            answer = bob.get(f"{PATH}/status/{conversation_id}", params={"generationProtocolVersion": 2})
            assert answer.json() == {"active": False, "generationProtocolVersion": 2}

    def test_tells_of_a_run_and_what_waits_for_its_end(self, ada: UserClient) -> None:
        begun = start(ada)
        steer_id = steer(ada, begun["streamId"]).json()["steerId"]
        state = ada.get(f"{PATH}/status/{begun['streamId']}", params={"generationProtocolVersion": 2}).json()
        assert (state["active"], state["status"], state["createdAt"]) == (
            True,
            "running",
            begun["generationCreatedAt"],
        )
        assert [each["steerId"] for each in state["resumeState"]["pendingSteers"]] == [steer_id]


class TestAbortChat:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.post(f"{PATH}/abort", json={}).status_code == 401

    def test_of_another_owner_is_not_found(self, ada: UserClient, bob: UserClient) -> None:
        stream_id = start(ada)["streamId"]
        assert bob.post(f"{PATH}/abort", json={"conversationId": stream_id}).status_code == 404
        assert ada.get(f"{PATH}/active").json() == {"activeJobIds": [stream_id]}

    def test_hands_back_what_waited(self, ada: UserClient, monkeypatch: pytest.MonkeyPatch) -> None:
        # Between the last event and this answer LibreChat's client asks for the state of the run.
        monkeypatch.setattr("echo.chat.service.LAST_EVENT_SECONDS", 0.02)
        begun = start(ada)
        before = time.monotonic()
        steer(ada, begun["streamId"], clientSteerId="local-1")
        answer = ada.post(
            f"{PATH}/abort",
            json={
                "conversationId": begun["streamId"],
                "generationCreatedAt": begun["generationCreatedAt"],
                "generationProtocolVersion": 2,
            },
        ).json()
        assert time.monotonic() - before > 0.02
        [left] = answer.pop("pendingSteers")
        assert answer == {"success": True, "aborted": begun["streamId"], "generationProtocolVersion": 2}
        assert (left["text"], left["clientSteerId"]) == ("Shorter", "local-1")

    def test_of_a_new_conversation_ends_the_run_that_began_then(self, ada: UserClient) -> None:
        first, _ = start(ada), start(ada)
        body = {"conversationId": "new", "generationCreatedAt": first["generationCreatedAt"]}
        assert ada.post(f"{PATH}/abort", json=body).json()["aborted"] == first["streamId"]


class TestSteerChat:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert steer(api, "x").status_code == 401

    def test_without_a_run_says_so_as_the_client_reads_it(self, ada: UserClient, bob: UserClient) -> None:
        for conversation_id in (str(uuid.uuid4()), start(ada)["conversationId"]):
            answer = steer(bob, conversation_id)
            assert (answer.status_code, answer.json()["code"]) == (404, "NO_ACTIVE_RUN")

    def test_messages_wait_in_their_order(self, ada: UserClient) -> None:
        stream_id = start(ada)["streamId"]
        answers = [steer(ada, stream_id, f" {number} ", preempt=True) for number in range(2)]
        assert [answer.status_code for answer in answers] == [202, 202]
        said = answers[1].json()
        assert {**said, "steerId": "x"} == {
            "status": "queued",
            "steerId": "x",
            "position": 2,
            "conversationId": stream_id,
            "preempt": False,
            "generationProtocolVersion": 1,
        }
        left = ada.post(f"{PATH}/abort", json={"streamId": stream_id}).json()["pendingSteers"]
        assert [each["text"] for each in left] == ["0", "1"]

    def test_one_that_comes_twice_waits_once(self, ada: UserClient) -> None:
        stream_id = start(ada)["streamId"]
        first, again = (steer(ada, stream_id, clientSteerId="local-1").json() for _ in range(2))
        assert again == {**first, "replayed": True, "settled": False, "leftover": False}
        other = steer(ada, stream_id, "Longer", clientSteerId="local-1")
        assert (other.status_code, other.json()["code"]) == (409, "STEER_IDEMPOTENCY_CONFLICT")
        ada.post(f"{PATH}/abort", json={"streamId": stream_id})
        late = steer(ada, stream_id, clientSteerId="local-1").json()
        assert (late["steerId"], late["settled"], late["leftover"]) == (first["steerId"], True, True)

    def test_ten_may_wait(self, ada: UserClient) -> None:
        stream_id = start(ada)["streamId"]
        assert [steer(ada, stream_id).status_code for _ in range(10)] == [202] * 10
        full = steer(ada, stream_id)
        assert (full.status_code, full.json()["code"]) == (429, "STEER_QUEUE_FULL")

    def test_of_another_run_than_the_one_under_way_is_refused(self, ada: UserClient) -> None:
        begun = start(ada)
        stream_id, created_at = begun["streamId"], begun["generationCreatedAt"]
        assert steer(ada, stream_id, generationCreatedAt=created_at).status_code == 202
        other = steer(ada, stream_id, generationCreatedAt=created_at - 1)
        assert (other.status_code, other.json()["code"]) == (409, "RUN_REPLACED")
        assert other.json()["generationProtocolVersion"] == 2

    @pytest.mark.parametrize("text", ["", "  ", "x" * 16_001])
    def test_refuses_what_says_nothing_or_too_much(self, ada: UserClient, text: str) -> None:
        assert steer(ada, start(ada)["streamId"], text).status_code == 400

    def test_refuses_files_that_are_not_the_owners(self, ada: UserClient, bob: UserClient) -> None:
        upload = bob.post("/api/files", files={"file": ("notes.txt", b"notes", "text/plain")}).json()
        answer = steer(ada, start(ada)["streamId"], files=[{"file_id": upload["file_id"]}])
        assert (answer.status_code, answer.json()["code"]) == (422, "unknown_file")

    def test_hands_back_files(self, ada: UserClient) -> None:
        upload = ada.post("/api/files", files={"file": ("notes.txt", b"notes", "text/plain")}).json()
        stream_id = start(ada)["streamId"]
        assert steer(ada, stream_id, files=[{"file_id": upload["file_id"]}]).status_code == 202
        [left] = ada.post(f"{PATH}/abort", json={"streamId": stream_id}).json()["pendingSteers"]
        assert [each["file_id"] for each in left["files"]] == [upload["file_id"]]


class TestWhatIsLeft:
    """After the end of a run: what waited for it is there until it is sent, or taken back."""

    @pytest.fixture
    def left(self, ada: UserClient) -> tuple[str, str]:
        """The conversation and the message."""
        stream_id = start(ada)["streamId"]
        steer_id = steer(ada, stream_id).json()["steerId"]
        ada.post(f"{PATH}/abort", json={"streamId": stream_id})
        return stream_id, steer_id

    def shown(self, client: Client, conversation_id: str, version: int = 2) -> list[str]:
        answer = client.get(
            f"{PATH}/status/{conversation_id}", params={"generationProtocolVersion": version}
        ).json()
        assert answer["active"] is False
        return [each["steerId"] for each in answer.get("unrecoveredSteers", [])]

    def test_is_shown_again_and_again(self, ada: UserClient, bob: UserClient, left: tuple[str, str]) -> None:
        conversation_id, steer_id = left
        assert [self.shown(ada, conversation_id) for _ in range(2)] == [[steer_id]] * 2
        assert self.shown(bob, conversation_id) == []

    def test_is_shown_once_to_clients_of_protocol_1(self, ada: UserClient, left: tuple[str, str]) -> None:
        conversation_id, steer_id = left
        assert [self.shown(ada, conversation_id, 1) for _ in range(2)] == [[steer_id], []]

    def test_starts_one_run_however_often_it_is_sent(self, ada: UserClient, left: tuple[str, str]) -> None:
        conversation_id, steer_id = left
        request_id = str(uuid.uuid4())
        body = {"conversationId": conversation_id, "recoverySteerId": steer_id}
        assert start(ada, **body, clientRequestId=request_id)["status"] == "started"
        assert start(ada, **body, clientRequestId=request_id)["status"] == "resumed"
        assert start(ada, **body, clientRequestId=str(uuid.uuid4())) == {
            "conversationId": conversation_id,
            "status": "settled",
            "generationProtocolVersion": 2,
        }
        questions = ada.get(f"/api/messages/{conversation_id}").json()
        assert [each["text"] for each in questions] == ["Hello", "", "Hello", ""]

    def test_is_there_still_when_its_run_does_not_start(self, ada: UserClient, left: tuple[str, str]) -> None:
        conversation_id, steer_id = left
        began = start(ada, conversationId=conversation_id)
        refused = ada.post(
            f"{PATH}/Fake",
            json={
                "text": "Shorter",
                "conversationId": conversation_id,
                "recoverySteerId": steer_id,
                "expectedPredecessorCreatedAt": began["generationCreatedAt"] - 1,
            },
        )
        assert refused.status_code == 409
        ada.post(f"{PATH}/abort", json={"streamId": conversation_id})
        assert self.shown(ada, conversation_id) == [steer_id]

    def test_of_another_owner_is_no_obstacle(
        self, ada: UserClient, bob: UserClient, left: tuple[str, str]
    ) -> None:
        conversation_id, steer_id = left
        assert start(bob, recoverySteerId=steer_id)["status"] == "started"
        assert self.shown(ada, conversation_id) == [steer_id]


class TestCancelSteer:
    def test_anonymous_is_refused(self, api: Client) -> None:
        body = {"conversationId": "x", "steerId": "y"}
        assert api.post(f"{PATH}/steer/cancel", json=body).status_code == 401

    def test_takes_a_message_back(self, ada: UserClient, bob: UserClient) -> None:
        stream_id = start(ada)["streamId"]
        steer_id = steer(ada, stream_id).json()["steerId"]
        body = {"conversationId": stream_id, "steerId": steer_id, "generationProtocolVersion": 2}
        assert bob.post(f"{PATH}/steer/cancel", json=body).json()["removed"] is False
        for _ in range(2):
            answer = ada.post(f"{PATH}/steer/cancel", json=body)
            assert answer.json() == {"removed": True, "generationProtocolVersion": 2}
        assert "pendingSteers" not in ada.post(f"{PATH}/abort", json={"streamId": stream_id}).json()

    def test_takes_back_what_a_run_has_left(self, ada: UserClient) -> None:
        stream_id = start(ada)["streamId"]
        steer_id = steer(ada, stream_id).json()["steerId"]
        ada.post(f"{PATH}/abort", json={"streamId": stream_id})
        body = {"conversationId": stream_id, "steerId": steer_id}
        assert ada.post(f"{PATH}/steer/cancel", json=body).json()["removed"] is True
        status = ada.get(f"{PATH}/status/{stream_id}", params={"generationProtocolVersion": 2})
        assert status.json() == {"active": False, "generationProtocolVersion": 2}


class TestArmSteer:
    def test_anonymous_is_refused(self, api: Client) -> None:
        body = {"conversationId": "x", "steerId": "y"}
        assert api.post(f"{PATH}/steer/arm", json=body).status_code == 401

    def test_interrupts_nothing(self, ada: UserClient) -> None:
        answer = ada.post(f"{PATH}/steer/arm", json={"conversationId": "x", "steerId": "y"})
        assert answer.json() == {
            "armed": False,
            "code": "PREEMPT_UNSUPPORTED",
            "generationProtocolVersion": 1,
        }


class TestResumeChat:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.post(f"{PATH}/resume", json={"conversationId": "x"}).status_code == 401

    def test_nothing_waits_for_a_decision(self, ada: UserClient) -> None:
        answer = ada.post(f"{PATH}/resume", json={"conversationId": start(ada)["conversationId"]})
        assert (answer.status_code, answer.json()["code"]) == (404, "NO_PENDING_ACTION")
