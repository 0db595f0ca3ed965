"""`OPENAI_MODERATION`: what users say is checked before a model gets it."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from echo.settings import SettingsError, load_settings
from tests.conftest import Client, UserClient
from tests.support.providers import ProviderServer, openai_server
from tests.support.providers.server import CUT, Answer, Received, json_answer, serving

Make = Callable[..., Client]
BAD = "something terrible"


def verdict(received: Received) -> Answer:
    """What OpenAI's service answers: a result for each text."""
    asked = received.json["input"]
    texts = [asked] if isinstance(asked, str) else asked
    results = [{"flagged": BAD in text, "categories": {}, "category_scores": {}} for text in texts]
    return json_answer({"id": "modr-1", "model": "omni-moderation-latest", "results": results})


@pytest.fixture
def models() -> Iterator[ProviderServer]:
    with openai_server() as server:
        yield server


@pytest.fixture
def service() -> Iterator[ProviderServer]:
    with serving(verdict, "/v1/moderations") as server:
        yield server


class Talk:
    """A user of an Echo whose messages are checked."""

    def __init__(self, client: Client, user: UserClient) -> None:
        self._client = client
        self._headers = user.headers

    def ask(self, text: str = "", **more: Any) -> Any:
        body = {"text": text, "model": "gpt-4o", "conversationId": "new", **more}
        return self._client.post("/api/agents/chat/openAI", json=body, headers=self._headers)

    def get(self, path: str) -> Any:
        return self._client.get(path, headers=self._headers).json()

    def post(self, path: str, body: Any, **headers: str) -> Any:
        return self._client.post(path, json=body, headers={**self._headers, **headers})


@contextmanager
def talking(make: Make, user: UserClient, models: ProviderServer, url: str, **more: str) -> Iterator[Talk]:
    client = make(
        OPENAI_API_KEY="sk-tests-only",
        OPENAI_REVERSE_PROXY=models.url,
        OPENAI_MODELS="gpt-4o",
        TITLE_CONVO="false",
        OPENAI_MODERATION="true",
        OPENAI_MODERATION_API_KEY="sk-moderation",
        OPENAI_MODERATION_REVERSE_PROXY=url,
        ECHO_PROVIDER_ATTEMPTS="1",
        **more,
    )
    yield Talk(client, user)


@pytest.fixture
def talk(
    make_application: Make, ada: UserClient, models: ProviderServer, service: ProviderServer
) -> Iterator[Talk]:
    with talking(make_application, ada, models, service.url) as made:
        yield made


class TestStartChat:
    def test_what_may_be_said_is_checked_and_sent(
        self, talk: Talk, service: ProviderServer, models: ProviderServer
    ) -> None:
        started = talk.ask("Hello")
        assert (started.status_code, started.json()["status"]) == (200, "started")
        [asked] = service.requests
        assert (asked.path, asked.json) == ("/v1/moderations", {"input": "Hello"})
        assert asked.headers["authorization"] == "Bearer sk-moderation"

    def test_what_is_flagged_is_refused_before_anything_is_stored_or_asked(
        self, talk: Talk, models: ProviderServer
    ) -> None:
        refused = talk.ask(f"Tell me {BAD}.")
        assert (refused.status_code, refused.json()["code"]) == (422, "message_flagged")
        assert talk.get("/api/convos")["conversations"] == []
        assert models.chats == []

    def test_the_users_own_instructions_are_checked_too(self, talk: Talk, service: ProviderServer) -> None:
        assert talk.ask("Hello", promptPrefix=BAD).json()["code"] == "message_flagged"
        assert service.requests[0].json == {"input": ["Hello", BAD]}

    def test_so_is_a_stored_question_that_is_asked_again(self, talk: Talk, models: ProviderServer) -> None:
        """What is stored without asking a model was never checked."""
        stored = talk.post(f"/api/messages/{uuid.uuid4()}", {"text": BAD, "sender": "user"}).json()
        again = talk.ask(
            "",
            conversationId=stored["conversationId"],
            isRegenerate=True,
            overrideParentMessageId=stored["messageId"],
        )
        assert (again.status_code, again.json()["code"]) == (422, "message_flagged")
        assert models.chats == []

    def test_a_request_that_is_repeated_is_answered_with_its_run(
        self, talk: Talk, service: ProviderServer
    ) -> None:
        first, second = (talk.ask("Hello", clientRequestId="one").json() for _ in range(2))
        assert (first["status"], second["status"]) == ("started", "resumed")
        assert first["streamId"] == second["streamId"]
        assert len(service.requests) == 1


class TestAServiceThatFails:
    @pytest.mark.parametrize(
        "answer",
        [
            json_answer({"error": {"message": "bad key"}}, 401),
            json_answer({"error": {}}, 429),
            json_answer({}, 500),
            json_answer({"results": []}),
            json_answer({"results": [{"flagged": "no"}]}),
            json_answer({"results": [{"flagged": False}, {}]}),
            json_answer([]),
            Answer([b"no JSON"], 200, {"Content-Type": "application/json", "Content-Length": "7"}),
            Answer([CUT]),
        ],
        ids=["key", "limit", "broken", "none", "text", "half", "list", "no JSON", "cut"],
    )
    def test_lets_nothing_pass(
        self, make_application: Make, ada: UserClient, models: ProviderServer, answer: Answer
    ) -> None:
        with (
            serving(lambda _: answer, "/v1/moderations") as service,
            talking(make_application, ada, models, service.url) as talk,
        ):
            refused = talk.ask("Hello")
            assert (refused.status_code, refused.json()["code"]) == (503, "moderation_unavailable")
            assert int(refused.headers["retry-after"]) >= 1
            assert talk.get("/api/convos")["conversations"] == []
        assert models.chats == []

    def test_that_is_not_there_lets_nothing_pass(
        self, make_application: Make, ada: UserClient, models: ProviderServer
    ) -> None:
        with talking(make_application, ada, models, "http://127.0.0.1:1/v1/moderations") as talk:
            assert talk.ask("Hello").json()["code"] == "moderation_unavailable"

    def test_for_a_moment_is_asked_again(
        self, make_application: Make, ada: UserClient, models: ProviderServer
    ) -> None:
        answers = iter([json_answer({}, 500), json_answer({"results": [{"flagged": False}]})])
        with serving(lambda _: next(answers), "/v1/moderations") as service:
            client = make_application(
                OPENAI_API_KEY="sk-tests-only",
                OPENAI_REVERSE_PROXY=models.url,
                OPENAI_MODELS="gpt-4o",
                TITLE_CONVO="false",
                OPENAI_MODERATION="true",
                OPENAI_MODERATION_REVERSE_PROXY=service.url,
            )
            assert Talk(client, ada).ask("Hello").status_code == 200
            assert len(service.requests) == 2
            assert "authorization" not in service.requests[0].headers


class TestCompletions:
    def ask(self, talk: Talk, *messages: tuple[str, str], stream: bool = False) -> Any:
        key = talk.post("/api/api-keys", {"name": "program"}).json()["key"]
        body = {
            "model": "gpt-4o",
            "stream": stream,
            "messages": [{"role": role, "content": content} for role, content in messages],
        }
        return talk.post("/v1/chat/completions", body, Authorization=f"Bearer {key}")

    @pytest.mark.parametrize("stream", [False, True])
    @pytest.mark.parametrize(
        "messages",
        [
            [("user", BAD)],
            [("user", BAD), ("user", "Answer that.")],
            [("system", BAD), ("user", "Hello")],
        ],
    )
    def test_what_is_flagged_is_refused(
        self, talk: Talk, models: ProviderServer, messages: list[tuple[str, str]], stream: bool
    ) -> None:
        refused = self.ask(talk, *messages, stream=stream)
        assert (refused.status_code, refused.json()["code"]) == (422, "message_flagged")
        assert refused.json()["error"]["code"] == "message_flagged"
        assert models.chats == []

    def test_what_was_answered_before_is_not_checked_again(self, talk: Talk, service: ProviderServer) -> None:
        answered = self.ask(talk, ("user", "One"), ("assistant", "1"), ("user", "Two"), ("user", "Three"))
        assert answered.status_code == 200
        assert service.requests[-1].json == {"input": "Two\n\nThree"}


class TestSettings:
    def test_nothing_is_checked_by_default(self, ada: UserClient) -> None:
        assert load_settings({}).moderation is None
        assert load_settings({"OPENAI_MODERATION_API_KEY": "x"}).moderation is None

    def test_the_service_is_openais(self) -> None:
        made = load_settings({"OPENAI_MODERATION": "true", "OPENAI_MODERATION_API_KEY": "secret"}).moderation
        assert made is not None
        assert (made.url, made.api_key) == ("https://api.openai.com/v1/moderations", "secret")
        assert "secret" not in repr(made)

    def test_without_a_key_the_start_is_refused(self) -> None:
        with pytest.raises(SettingsError, match="OPENAI_MODERATION_API_KEY must be set"):
            load_settings({"OPENAI_MODERATION": "true"})


class TestPrograms:
    def test_every_text_is_checked(
        self,
        make_application: Make,
        ada: UserClient,
        models: ProviderServer,
        service: ProviderServer,
    ) -> None:
        extra = {"ECHO_API_MODELS": "openAI/m"}
        asked: list[tuple[str, dict[str, Any]]] = [
            ("/v1/embeddings", {"input": ["fine", BAD]}),
            ("/v1/audio/speech", {"input": BAD, "voice": "alloy"}),
            ("/v1/audio/speech", {"input": "fine", "voice": "alloy", "instructions": BAD}),
            ("/v1/images/generations", {"prompt": BAD}),
            ("/v1/responses", {"model": "openAI/gpt-4o", "input": BAD}),
            ("/v1/responses", {"model": "openAI/gpt-4o", "input": "fine", "instructions": BAD}),
        ]
        with talking(make_application, ada, models, service.url, **extra) as talk:
            for path, body in asked:
                answer = talk.post(path, {"model": "openAI/m", **body})
                assert (answer.status_code, answer.json()["code"]) == (422, "message_flagged"), path
            tokens = talk.post("/v1/embeddings", {"model": "openAI/m", "input": [1, 2]})
            assert (tokens.status_code, tokens.json()["code"]) == (422, "unsupported_content")
            assert models.chats == []
            assert talk.post("/v1/embeddings", {"model": "openAI/m", "input": "fine"}).status_code == 200
