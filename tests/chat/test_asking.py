"""What a model is asked: the branch, the parameters, the files; and what becomes of the conversation."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from storage.core.database import Database
from tests.chat.conftest import Chat
from tests.conftest import MakeUser
from tests.support.chats import profiled, put_conversation, put_message
from tests.support.providers import ProviderServer, Reply
from tests.support.streams import NO_PARENT, Event, Talker, spoken
from tests.support.waiting import until

MakeChat = Callable[..., Chat]


@pytest.fixture(scope="session")
def app_database(application_uri: str) -> Any:
    database = Database(application_uri)
    yield database
    database.close()


def sent(provider: ProviderServer, number: int = -1) -> dict[str, Any]:
    """The request for an answer, without those for titles."""
    asked: list[dict[str, Any]] = [each.json for each in provider.chats if each.json["stream"]]
    return asked[number]


def said(provider: ProviderServer) -> list[Any]:
    return [message["content"] for message in sent(provider)["messages"]]


def ids(events: list[Event]) -> tuple[str, str, str]:
    """Conversation, question and answer."""
    final = events[-1].data
    return (
        final["conversation"]["conversationId"],
        final["requestMessage"]["messageId"],
        final["responseMessage"]["messageId"],
    )


def echoing(received: Any) -> Reply:
    """An answer that says what was asked last."""
    return Reply((f"re: {received.json['messages'][-1]['content']}",))


class TestBranches:
    def test_a_conversation_goes_on_from_its_newest_message(self, chat: MakeChat) -> None:
        talk = chat(echoing)
        conversation_id, *_ = ids(talk.user.ask("One"))
        talk.user.ask("Two", conversationId=conversation_id)
        assert said(talk.provider) == ["One", "re: One", "Two"]

    def test_an_edited_question_stands_beside_the_first(self, chat: MakeChat) -> None:
        talk = chat(echoing)
        conversation_id, _, first = ids(talk.user.ask("One"))
        talk.user.ask("Two", conversationId=conversation_id)
        talk.user.ask("Two, better", conversationId=conversation_id, parentMessageId=first)
        assert said(talk.provider) == ["One", "re: One", "Two, better"]
        children = [
            each["text"] for each in talk.user.messages(conversation_id) if each["parentMessageId"] == first
        ]
        assert children == ["Two", "Two, better"]

    def test_an_edited_first_question_begins_a_tree(self, chat: MakeChat) -> None:
        talk = chat(echoing)
        conversation_id, *_ = ids(talk.user.ask("One"))
        talk.user.ask("Eins", conversationId=conversation_id, parentMessageId=NO_PARENT)
        assert said(talk.provider) == ["Eins"]

    def test_another_answer_stands_beside_the_first(self, chat: MakeChat) -> None:
        talk = chat(Reply(("first",)), Reply(("title",)), Reply(("second",)))
        conversation_id, question, first = ids(talk.user.ask("One"))
        events = talk.user.ask(
            "One",
            conversationId=conversation_id,
            parentMessageId=NO_PARENT,
            messageId=question,
            overrideParentMessageId=question,
            responseMessageId=f"{first}_",
            isRegenerate=True,
        )
        assert ids(events)[:2] == (conversation_id, question)
        assert ids(events)[2] not in (first, f"{first}_")
        assert events[0].data["message"]["text"] == "One"
        assert said(talk.provider) == ["One"]
        answers = [
            each["text"]
            for each in talk.user.messages(conversation_id)
            if each["parentMessageId"] == question
        ]
        assert answers == ["first", "second"]

    def test_two_runs_of_one_conversation_do_not_disturb_each_other(self, chat: MakeChat) -> None:
        talk = chat(echoing)
        conversation_id, _, first = ids(talk.user.ask("One"))
        runs = [
            talk.user.start(text, conversationId=conversation_id, parentMessageId=first)
            for text in ("A", "B")
        ]
        answers = [
            spoken(talk.user.follow(conversation_id, generationCreatedAt=run["generationCreatedAt"]))
            for run in runs
        ]
        assert answers == ["re: A", "re: B"]
        assert len(talk.user.messages(conversation_id)) == 6

    def test_an_answer_goes_on_where_it_ended(self, chat: MakeChat, app_database: Database) -> None:
        talk = chat(Reply(("Once ",), cut=True), Reply(("upon a time",)))
        conversation_id = talk.user.start("Tell")["conversationId"]
        list(talk.user.follow(conversation_id))
        question, answer = talk.user.messages(conversation_id)
        # As LibreChat's client sends it.
        named = {
            "responseMessageId": f"{answer['messageId']}_",
            "overrideParentMessageId": question["messageId"],
        }
        events = talk.user.ask(conversationId=conversation_id, isContinued=True, isRegenerate=True, **named)
        assert ids(events) == (conversation_id, question["messageId"], answer["messageId"])
        assert spoken(events) == "upon a time"
        assert said(talk.provider)[:2] == ["Tell", "Once "]
        stored = talk.user.messages(conversation_id)
        assert [each["text"] for each in stored] == ["Tell", "Once upon a time"]
        raw = app_database.collection("messages").find_one({"messageId": answer["messageId"]})
        assert raw is not None
        assert raw["unfinished"] is False

    def test_an_answer_that_goes_on_keeps_what_is_not_of_our_making(
        self, chat: MakeChat, app_database: Database
    ) -> None:
        talk = chat(Reply(("Once ",)), Reply(("upon",)))
        conversation_id, _, answer_id = ids(talk.user.ask(isTemporary=True))
        called = {"id": "call_1", "name": "search", "args": "{}", "output": "found", "at": datetime.now(UTC)}
        parts = [
            {"type": "tool_call", "tool_call": called},
            {"type": "text", "text": "Once ", "tool_call_ids": ["call_1"]},
        ]
        messages = app_database.collection("messages")
        messages.update_one({"messageId": answer_id}, {"$set": {"content": parts}})
        body = {"conversationId": conversation_id, "responseMessageId": answer_id, "isContinued": True}
        stream_id = talk.user.start(**body)["streamId"]
        state = next(talk.user.follow(stream_id, resume="true")).data["resumeState"]
        assert state["aggregatedContent"][0]["tool_call"]["output"] == "found"
        until(lambda: talk.user.get("/api/agents/chat/active").json()["activeJobIds"] == [])
        raw = messages.find_one({"messageId": answer_id})
        assert raw is not None
        assert raw["content"][0]["tool_call"].keys() == called.keys()
        assert raw["content"][1] == {"type": "text", "text": "Once upon", "tool_call_ids": ["call_1"]}

    def test_an_answer_that_goes_on_is_told_in_the_contracts_shape_whatever_is_stored(
        self, chat: MakeChat, app_database: Database
    ) -> None:
        talk = chat(Reply(("Once ",)), Reply(("upon", " a", " time", "."), between=(0.3,)))
        user = talk.user
        conversation_id, _, answer_id = ids(user.ask())
        parts = [
            {"type": "text", "text": {"value": "Wrapped. ", "annotations": []}},
            {"type": "think", "think": 5},
            {"type": "text", "text": None},
            {"text": "of no type"},
        ]
        messages = app_database.collection("messages")
        messages.update_one({"messageId": answer_id}, {"$set": {"content": parts}})
        body = {"conversationId": conversation_id, "responseMessageId": answer_id, "isContinued": True}
        stream_id = user.start(**body)["streamId"]
        stream = user.follow(stream_id)
        next(event for event in stream if event.kind == "on_message_delta")
        state = user.get(f"/api/agents/chat/status/{stream_id}")
        assert state.status_code == 200
        sync = next(user.follow(stream_id, resume="true")).data["resumeState"]
        assert state.json()["resumeState"].keys() == sync.keys()
        user.abort(stream_id)
        final = list(stream)[-1].data["responseMessage"]
        for told in (state.json()["aggregatedContent"], sync["aggregatedContent"], final["content"]):
            assert told[:3] == [{"type": "text", "text": "Wrapped. "}, {"type": "think"}, {"type": "text"}]
            assert told[3]["text"].startswith("upon")
        assert final["text"].startswith("Wrapped. upon")
        # Runs are written down all the same: a fault there would be one of all runs. What is not ours stays as it is.
        runs = app_database.collection("echo_runs")
        until(lambda: runs.count_documents({"conversationId": conversation_id, "status": "running"}) == 0)
        raw = messages.find_one({"messageId": answer_id})
        assert raw is not None
        assert raw["content"][:4] == parts

    @pytest.mark.parametrize("response", ["nothing", None])
    def test_what_is_not_there_does_not_go_on(self, chat: MakeChat, response: str | None) -> None:
        user = chat(echoing).user
        conversation_id, *_ = ids(user.ask())
        body = {"conversationId": conversation_id, "isContinued": True, "responseMessageId": response}
        assert user.request("POST", "/api/agents/chat/openAI", json=body).status_code == 404

    def test_an_error_is_nothing_that_was_said(self, chat: MakeChat) -> None:
        talk = chat(Reply((), error="invalid_request_error"), Reply(("fine",)))
        conversation_id = talk.user.start("One")["conversationId"]
        list(talk.user.follow(conversation_id))
        talk.user.ask("Two", conversationId=conversation_id)
        assert said(talk.provider) == ["One\n\nTwo"]


class TestParameters:
    def test_are_sent_and_stay_with_the_conversation(self, chat: MakeChat, app_database: Database) -> None:
        talk = chat(Reply())
        body = {
            "model": "gpt-4",
            "promptPrefix": "Be brief.",
            "temperature": 0.2,
            "top_p": 0.9,
            "max_tokens": 50,
            "stop": ["END"],
            "frequency_penalty": 0.5,
            "presence_penalty": -1,
            "topK": 40,
        }
        conversation_id, *_ = ids(talk.user.ask("One", **body))
        for number in range(2):
            if number:
                talk.user.ask("Two", conversationId=conversation_id)
            request = sent(talk.provider)
            assert (request["model"], request["temperature"], request["top_p"]) == ("gpt-4", 0.2, 0.9)
            assert request["messages"][0] == {"role": "system", "content": "Be brief."}
            assert request["stop"] == ["END"]
            assert (request["frequency_penalty"], request["presence_penalty"]) == (0.5, -1)
            assert 50 in (request.get("max_tokens"), request.get("max_completion_tokens"))
        stored = app_database.collection("conversations").find_one({"conversationId": conversation_id})
        assert stored is not None
        assert {name: stored[name] for name in body} == body

    @pytest.mark.parametrize("name", ["reasoning_effort", "effort"])
    def test_say_how_much_a_model_reasons(self, chat: MakeChat, name: str) -> None:
        talk = chat(Reply(), OPENAI_MODELS="o3")
        conversation_id, *_ = ids(talk.user.ask("One", **{name: "low"}))
        assert sent(talk.provider)["reasoning_effort"] == "low"
        talk.user.ask("Two", conversationId=conversation_id)
        assert sent(talk.provider)["reasoning_effort"] == "low"

    def test_of_the_request_win_over_the_conversation_the_preset_and_the_assistant(
        self, chat: MakeChat
    ) -> None:
        talk = chat(Reply())
        preset = talk.user.request(
            "POST",
            "/api/presets",
            json={"title": "p", "endpoint": "openAI", "promptPrefix": "preset", "temperature": 0.5},
        ).json()
        assistant = talk.user.request(
            "POST", "/api/assistants", json={"name": "a", "model": "gpt-4", "instructions": "assistant"}
        ).json()
        named = {"presetId": preset["presetId"], "assistant_id": assistant["id"]}
        conversation_id, *_ = ids(talk.user.ask("One", **named))
        assert sent(talk.provider)["messages"][0]["content"] == "preset"
        assert (sent(talk.provider)["temperature"], sent(talk.provider)["model"]) == (0.5, "gpt-4")
        talk.user.ask("Two", conversationId=conversation_id, promptPrefix="request", **named)
        assert sent(talk.provider)["messages"][0]["content"] == "request"
        talk.user.ask("Three", conversationId=conversation_id, **named)
        assert sent(talk.provider)["messages"][0]["content"] == "request"
        talk.user.ask("Alone", assistant_id=assistant["id"])
        assert sent(talk.provider)["messages"][0]["content"] == "assistant"

    def test_the_endpoint_of_assistants_is_the_one_beside_it(self, chat: MakeChat) -> None:
        assert spoken(chat(Reply(("yes",))).user.ask(endpoint="assistants")) == "yes"

    @pytest.mark.parametrize("named", [{"presetId": "nothing"}, {"assistant_id": "asst_nothing"}])
    def test_of_what_is_not_there_are_not_found(self, chat: MakeChat, named: dict[str, str]) -> None:
        body = {"text": "x", **named}
        assert chat(Reply()).user.request("POST", "/api/agents/chat/openAI", json=body).status_code == 404

    def test_of_old_conversations_can_be_anything(self, chat: MakeChat, app_database: Database) -> None:
        talk = chat(Reply())
        owner = talk.user.get("/api/user").json()["id"]
        odd = {"endpoint": "openAI", "temperature": "hot", "top_p": 7, "stop": "x", "promptPrefix": 5}
        conversation_id = put_conversation(app_database, owner, **odd, model="gpt-4")
        talk.user.ask("x", conversationId=conversation_id)
        request = sent(talk.provider)
        assert [message["role"] for message in request["messages"]] == ["user"]
        assert not {"temperature", "top_p", "stop"} & request.keys()


class TestContext:
    def test_that_is_too_long_is_cut_from_the_oldest_by_whole_turns(self, chat: MakeChat) -> None:
        talk = chat(Reply(("answer",)))
        long = "word " * 100
        conversation_id, *_ = ids(talk.user.ask(f"1 {long}", promptPrefix="Stay."))
        for number in (2, 3):
            talk.user.ask(f"{number} {long}", conversationId=conversation_id)
        talk.user.ask(f"4 {long}", conversationId=conversation_id, maxContextTokens=350)
        assert [text.split()[0] for text in said(talk.provider)] == ["Stay.", "3", "answer", "4"]

    def test_of_a_thousand_messages_is_read_no_more_than_fits(
        self, chat: MakeChat, app_database: Database
    ) -> None:
        talk = chat(Reply())
        owner = talk.user.get("/api/user").json()["id"]
        conversation_id = put_conversation(app_database, owner, endpoint="openAI")
        parent = None
        for number in range(1000):
            parent = put_message(
                app_database,
                owner,
                conversation_id,
                parent=parent,
                minute=number,
                text=f"{number} " + "word " * 300,
                isCreatedByUser=number % 2 == 0,
                tokenCount=305,
            )
        with profiled(app_database, "messages") as notes:
            talk.user.ask("And now?", conversationId=conversation_id, maxContextTokens=4000)
        # Their words alone are 1.5 MB.
        assert 0 < sum(note.get("responseLength", 0) for note in notes) < 300_000
        numbers = [int(text.split()[0]) for text in said(talk.provider)[:-1]]
        assert numbers == list(range(1000 - len(numbers), 1000))
        assert (len(numbers), numbers[0] % 2) == (12, 0)


class TestFiles:
    def test_go_with_the_question_and_are_sent_again(self, chat: MakeChat, app_database: Database) -> None:
        talk = chat(Reply())
        picture = upload(talk.user, "/api/files/images", "dot.png", png(), "image/png")
        notes = upload(talk.user, "/api/files", "notes.txt", b"The secret is 42.", "text/plain")
        events = talk.user.ask("Look", files=[{"file_id": each["file_id"]} for each in (picture, notes)])
        content = sent(talk.provider)["messages"][0]["content"]
        assert any(part.get("image_url", {}).get("url", "").startswith("data:image/png") for part in content)
        assert "The secret is 42." in str(content)
        conversation_id = ids(events)[0]
        shown = events[-1].data["requestMessage"]["files"]
        assert [each["filename"] for each in shown] == ["dot.png", "notes.txt"]
        stored = app_database.collection("conversations").find_one({"conversationId": conversation_id})
        assert stored is not None
        assert stored["files"] == [picture["file_id"], notes["file_id"]]
        talk.user.ask("Again", conversationId=conversation_id)
        assert "The secret is 42." in str(said(talk.provider)[0])
        talk.user.ask("Without", conversationId=conversation_id, resendFiles=False)
        assert said(talk.provider)[0] == "Look"

    def test_of_librechats_are_not_removed_as_unused(self, chat: MakeChat, app_database: Database) -> None:
        talk = chat(Reply())
        used, other = (
            upload(talk.user, "/api/files", name, b"Hm.", "text/plain")["file_id"]
            for name in ("used.txt", "other.txt")
        )
        records = app_database.collection("files")
        # In a year, so that MongoDB itself stays away.
        mark = {"expiresAt": datetime.now(UTC) + timedelta(days=365)}
        records.update_many({"file_id": {"$in": [used, other]}}, {"$set": mark})
        talk.user.ask("Look", files=[{"file_id": used}])
        kept, marked = (records.find_one({"file_id": each}) for each in (used, other))
        assert kept is not None
        assert marked is not None
        assert (kept.get("expiresAt"), kept["usage"]) == (None, 1)
        assert "expiresAt" in marked

    def test_alone_are_a_message_too(self, chat: MakeChat) -> None:
        talk = chat(Reply())
        notes = upload(talk.user, "/api/files", "notes.txt", b"Hm.", "text/plain")
        talk.user.ask("", files=[{"file_id": notes["file_id"]}])
        assert "Hm." in str(said(talk.provider))

    def test_of_others_are_like_none(self, chat: MakeChat, make_user: MakeUser) -> None:
        talk = chat(Reply())
        bob = Talker(talk.url, make_user("bob").headers)
        theirs = upload(bob, "/api/files", "notes.txt", b"private", "text/plain")
        body = {"text": "x", "files": [{"file_id": theirs["file_id"]}]}
        answer = talk.user.request("POST", "/api/agents/chat/openAI", json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "unknown_file")

    def test_of_other_kinds_are_refused(self, chat: MakeChat) -> None:
        talk = chat(Reply())
        document = upload(talk.user, "/api/files", "a.pdf", b"%PDF-1.4\n%%EOF", "application/pdf")
        body = {"text": "x", "files": [{"file_id": document["file_id"]}]}
        answer = talk.user.request("POST", "/api/agents/chat/openAI", json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "unsupported_attachment")


class TestTemporaryConversations:
    def test_expire_and_stay_out_of_lists(self, chat: MakeChat, app_database: Database) -> None:
        user = chat(Reply()).user
        conversation_id, *_ = ids(user.ask(isTemporary=True))
        conversation = app_database.collection("conversations").find_one({"conversationId": conversation_id})
        messages = list(app_database.collection("messages").find({"conversationId": conversation_id}))
        for document in (conversation, *messages):
            assert document is not None
            assert document["isTemporary"] is True
            assert timedelta(days=29) < document["expiredAt"] - datetime.now(UTC) <= timedelta(days=30)
        assert user.get("/api/convos").json()["conversations"] == []
        user.ask("More", conversationId=conversation_id)
        more = app_database.collection("messages").find({"conversationId": conversation_id})
        assert {document["isTemporary"] for document in more} == {True}

    def test_expire_when_the_operator_says(self, chat: MakeChat, app_database: Database) -> None:
        user = chat(Reply(), TEMP_CHAT_RETENTION_HOURS="2").user
        conversation_id, *_ = ids(user.ask(isTemporary=True))
        conversation = app_database.collection("conversations").find_one({"conversationId": conversation_id})
        assert conversation is not None
        assert timedelta(hours=1) < conversation["expiredAt"] - datetime.now(UTC) <= timedelta(hours=2)

    def test_get_no_title(self, chat: MakeChat) -> None:
        user = chat(Reply()).user
        conversation_id, *_ = ids(user.ask(isTemporary=True))
        assert user.get(f"/api/convos/gen_title/{conversation_id}").status_code == 404


class TestTitles:
    def test_come_once(self, chat: MakeChat) -> None:
        user = chat(Reply(("answer",)), Reply(("A fine title",))).user
        events = user.ask("What?")
        conversation_id = ids(events)[0]
        assert events[-1].data["conversation"]["title"] == "A fine title"
        assert user.get(f"/api/convos/gen_title/{conversation_id}").json() == {"title": "A fine title"}
        again = user.ask("More", conversationId=conversation_id)
        assert "title" not in {event.kind for event in again}

    def test_that_come_late_are_waited_for(self, chat: MakeChat) -> None:
        user = chat(Reply(("answer",)), Reply(("A late title",), between=(0.1,))).user
        stream_id = user.start()["streamId"]
        assert user.get(f"/api/convos/gen_title/{stream_id}").json() == {"title": "A late title"}

    def test_of_the_user_stay(self, chat: MakeChat) -> None:
        release = threading.Event()
        user = chat(Reply(("a", "b"), between=(release,)), Reply(("Made",))).user
        stream_id = user.start()["streamId"]
        renamed = {"conversationId": stream_id, "title": "Mine"}
        assert user.request("POST", "/api/convos/update", json=renamed).status_code == 200
        release.set()
        assert list(user.follow(stream_id))[-1].data["title"] == "Mine"
        assert user.get(f"/api/convos/gen_title/{stream_id}").json() == {"title": "Mine"}

    def test_are_not_made_where_they_are_off(self, chat: MakeChat) -> None:
        talk = chat(Reply(), TITLE_CONVO="false")
        conversation_id, *_ = ids(talk.user.ask())
        assert talk.user.get(f"/api/convos/gen_title/{conversation_id}").status_code == 404
        assert len(talk.provider.chats) == 1


class TestKeysOfUsers:
    def test_are_needed_where_the_endpoint_has_none(self, chat: MakeChat) -> None:
        talk = chat(Reply(), OPENAI_API_KEY="user_provided")
        answer = talk.user.request("POST", "/api/agents/chat/openAI", json={"text": "x"})
        assert (answer.status_code, answer.json()["code"]) == (422, "provider_key_missing")
        talk.user.request("PUT", "/api/keys", json={"name": "openAI", "value": "sk-of-adas-own"})
        talk.user.ask()
        assert talk.provider.chats[0].headers["authorization"] == "Bearer sk-of-adas-own"

    def test_are_of_their_users_alone(self, chat: MakeChat, make_user: MakeUser) -> None:
        talk = chat(Reply(), OPENAI_API_KEY="user_provided")
        talk.user.request("PUT", "/api/keys", json={"name": "openAI", "value": "sk-of-adas-own"})
        bob = Talker(talk.url, make_user("bob").headers)
        answer = bob.request("POST", "/api/agents/chat/openAI", json={"text": "x"})
        assert answer.json()["code"] == "provider_key_missing"


def upload(user: Talker, path: str, name: str, content: bytes, kind: str) -> dict[str, Any]:
    answer = user.request("POST", path, files={"file": (name, content, kind)})
    assert answer.ok, answer.text
    found: dict[str, Any] = answer.json()
    return found


def png() -> bytes:
    stream = BytesIO()
    Image.new("RGB", (8, 8)).save(stream, "PNG")
    return stream.getvalue()
