"""Exchanges that are kept: as conversations that LibreChat's clients read."""

from typing import Any

import pytest
import requests

from tests.completions.conftest import MEANWHILE, User, events, leave
from tests.support.chats import shape
from tests.support.providers import ProviderServer
from tests.support.waiting import until


def said(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


def keep(user: User, text: str = "Hello", **fields: Any) -> str:
    answer = user.ask(messages=said(text), store=True, **fields)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["conversation_id"])


def titles(user: User) -> dict[str, str]:
    return {each["conversationId"]: each["title"] for each in user.conversations()}


def beginnings(provider: ProviderServer, last: str) -> list[str]:
    """The first word of each message of the request that ended with this one."""
    sent = next(
        chat.json["messages"]
        for chat in reversed(provider.chats)
        if chat.json["messages"][-1]["content"].startswith(last)
    )
    return [message["content"].split()[0] for message in sent]


class TestWithoutBeingAsked:
    def test_nothing_is_kept(self, ada: User) -> None:
        assert "conversation_id" not in ada.ask().json()
        assert ada.conversations() == []


class TestNewConversation:
    def test_holds_the_question_and_the_answer(self, ada: User) -> None:
        conversation_id = keep(ada)
        assert shape(ada.messages(conversation_id)) == {"Hello": None, "Hello wörld.": "Hello"}
        conversation = ada.conversations()[0]
        assert (conversation["endpoint"], conversation["model"]) == ("openAI", "gpt-4o")

    def test_holds_what_was_said_before_in_the_request(self, ada: User) -> None:
        messages = [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "One"},
            {"role": "assistant", "content": "Two"},
            {"role": "user", "content": "Three"},
        ]
        answer = ada.ask(messages=messages, store=True).json()
        assert shape(ada.messages(answer["conversation_id"])) == {
            "One": None,
            "Two": "One",
            "Three": "Two",
            "Hello wörld.": "Three",
        }

    def test_gets_a_title(self, ada: User) -> None:
        keep(ada, "A question about bees")
        until(lambda: ada.conversations()[0]["title"] != "New Chat")
        assert ada.conversations()[0]["title"] == "Hello wörld."

    def test_keeps_the_name_that_its_owner_gives_it_meanwhile(self, ada: User) -> None:
        def rename() -> None:
            change = {"conversationId": ada.conversations()[0]["conversationId"], "title": "Mine"}
            assert ada.server.post("/api/convos/update", ada.token, change).status_code == 200

        MEANWHILE["To be renamed"] = rename
        conversation_id = keep(ada, "To be renamed")
        until(lambda: ada.conversations()[0]["title"] == "Mine")
        # When a later one has its title, the first one's has long been dealt with.
        later = keep(ada, "Later")
        until(lambda: titles(ada)[later] == "Hello wörld.")
        assert titles(ada)[conversation_id] == "Mine"

    def test_is_named_by_the_last_chunk_of_a_stream(self, ada: User) -> None:
        stream = ada.ask(store=True, stream=True, stream_options={"include_usage": True})
        assert stream.headers["content-type"] == "text/event-stream; charset=utf-8"
        *chunks, last, usage, done = events(stream)
        assert done == "[DONE]"
        assert usage["usage"]["total_tokens"] == 18
        assert last["choices"][0]["finish_reason"] == "stop"
        assert not any("conversation_id" in chunk for chunk in chunks)
        assert shape(ada.messages(last["conversation_id"])) == {"Hello": None, "Hello wörld.": "Hello"}

    def test_opens_with_openais_own_client(self, ada: User) -> None:
        client = ada.openai.chat.completions
        first = client.create(model="openAI/gpt-4o", messages=said("One"), store=True)  # type: ignore[arg-type]
        body = {"conversation_id": first.conversation_id}  # type: ignore[attr-defined]
        client.create(model="openAI/gpt-4o", messages=said("Two"), store=True, extra_body=body)  # type: ignore[arg-type]
        texts = [message["text"] for message in ada.messages(body["conversation_id"])]
        assert texts == ["One", "Hello wörld.", "Two", "Hello wörld."]


class TestGoingOn:
    def test_what_is_held_comes_before_what_is_new(self, ada: User, provider: ProviderServer) -> None:
        first = [{"role": "system", "content": "Be brief."}, *said("One")]
        conversation_id = ada.ask(messages=first, store=True).json()["conversation_id"]
        assert keep(ada, "Two", conversation_id=conversation_id) == conversation_id
        sent = next(
            chat.json["messages"]
            for chat in reversed(provider.chats)
            if chat.json["messages"][-1]["content"] == "Two"
        )
        assert [(message["role"], message["content"]) for message in sent] == [
            ("system", "Be brief."),
            ("user", "One"),
            ("assistant", "Hello wörld."),
            ("user", "Two"),
        ]

    def test_what_is_too_long_is_cut_from_the_oldest_by_whole_turns(
        self, ada: User, provider: ProviderServer
    ) -> None:
        named: Any = {"model": "openAI/shared/model"}
        long = "word " * 9_000
        first = [{"role": "system", "content": "Be brief."}, *said(f"1 {long}")]
        conversation_id = ada.ask(messages=first, store=True, **named).json()["conversation_id"]
        for number in (2, 3):
            keep(ada, f"{number} {long}", conversation_id=conversation_id, **named)
        keep(ada, f"4 {long}", conversation_id=conversation_id, **named)
        assert beginnings(provider, "4 word") == ["Be", "2", "Hello", "3", "Hello", "4"]
        # Room for the answer is left, too.
        keep(ada, f"5 {long}", conversation_id=conversation_id, max_tokens=9_000, **named)
        assert beginnings(provider, "5 word") == ["Be", "4", "Hello", "5"]
        assert len(ada.messages(conversation_id)) == 10

    def test_the_messages_of_the_request_are_never_cut(self, ada: User, provider: ProviderServer) -> None:
        named: Any = {"model": "openAI/shared/model"}
        conversation_id = keep(ada, "1 short", **named)
        long = [*said("2 " + "word " * 20_000), {"role": "assistant", "content": "So."}]
        long += said("3 " + "word " * 20_000)
        assert ada.ask(messages=long, conversation_id=conversation_id, **named).status_code == 200
        assert beginnings(provider, "3 word") == ["2", "So.", "3"]

    def test_a_conversation_without_messages_is_gone_on_with(
        self, ada: User, provider: ProviderServer
    ) -> None:
        conversation_id = keep(ada, "Gone soon")
        for message in ada.messages(conversation_id):
            url = f"{ada.server.url}/api/messages/{conversation_id}/{message['messageId']}"
            assert requests.delete(url, headers={"Authorization": f"Bearer {ada.token}"}, timeout=30).ok
        keep(ada, "Alone now", conversation_id=conversation_id)
        assert beginnings(provider, "Alone now") == ["Alone"]

    def test_without_store_asks_and_keeps_nothing(self, ada: User) -> None:
        conversation_id = keep(ada)
        answer = ada.ask(messages=said("Two"), conversation_id=conversation_id)
        assert "conversation_id" not in answer.json()
        assert len(ada.messages(conversation_id)) == 2

    def test_follows_the_newest_branch(self, ada: User, provider: ProviderServer) -> None:
        conversation_id = keep(ada, "Old")
        first = ada.messages(conversation_id)[0]["messageId"]
        body = {"text": "A side branch", "sender": "assistant", "parentMessageId": first}
        assert ada.server.post(f"/api/messages/{conversation_id}", ada.token, body).status_code == 201
        keep(ada, "New", conversation_id=conversation_id)
        assert shape(ada.messages(conversation_id))["New"] == "A side branch"

    def test_anothers_conversation_is_not_found(self, ada: User, bob: User) -> None:
        conversation_id = keep(ada)
        for stream in (False, True):
            answer = bob.ask(conversation_id=conversation_id, store=True, stream=stream)
            assert answer.status_code == 404
            assert answer.json()["error"]["code"] == "not_found"
        assert len(ada.messages(conversation_id)) == 2


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
class TestFailure:
    @pytest.mark.parametrize("text", ["broken", "limited", "dies", "ends early"])
    def test_keeps_nothing(self, ada: User, stream: bool, text: str) -> None:
        answer = ada.ask(messages=said(text), store=True, stream=stream)
        assert answer.status_code >= 400 or list(events(answer)[-1]) == ["error"]
        assert ada.conversations() == []


class TestLeaving:
    def test_keeps_nothing(self, ada: User, provider: ProviderServer) -> None:
        received = leave(ada, provider, store=True)
        until(lambda: received.left)
        assert ada.conversations() == []
