"""OpenAI's own client asks for responses in the background, of two processes on one database."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import openai
import pytest

from echo.app import assemble
from echo.settings import Settings
from storage.conversations.responses import KeptResponse, ResponseRepository
from storage.core.database import Database
from tests.completions.conftest import SERVER_KEY, User, asked
from tests.conftest import make_settings
from tests.support.event_streams import events_of
from tests.support.providers import ProviderServer
from tests.support.streams import listening
from tests.support.two_factor import CREDS_KEY
from tests.support.waiting import eventually

MODEL = "openAI/gpt-4o"


class Elsewhere:
    """Another process of the same server; `stop` ends it."""

    def __init__(self, settings: Settings) -> None:
        self._stack = ExitStack()
        self.url = self._stack.enter_context(listening(assemble(settings)))
        self.stop = self._stack.close

    def client(self, user: User) -> openai.OpenAI:
        return user.openai.with_options(base_url=f"{self.url}/v1")


@pytest.fixture(scope="module")
def environment(settings: Settings, provider: ProviderServer) -> dict[str, str]:
    return {
        "JWT_SECRET": str(settings.jwt_secret),
        "JWT_REFRESH_SECRET": str(settings.jwt_refresh_secret),
        "CREDS_KEY": CREDS_KEY,
        "OPENAI_API_KEY": SERVER_KEY,
        "OPENAI_REVERSE_PROXY": provider.url,
        "OPENAI_MODELS": "gpt-4o",
        "ENDPOINTS": "openAI",
    }


@pytest.fixture(scope="module")
def elsewhere(
    served_uri: str, environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Elsewhere]:
    directory: Path = tmp_path_factory.mktemp("elsewhere")
    process = Elsewhere(make_settings(served_uri, directory, **environment))
    yield process
    process.stop()


def ended(client: openai.OpenAI, response_id: str) -> Any:
    """A response, once it has ended."""

    def look() -> Any:
        found = client.responses.retrieve(response_id)
        return found if found.status not in ("queued", "in_progress") else None

    return eventually(look)


def begin(client: openai.OpenAI, said: str = "Hello", **asking: Any) -> Any:
    return client.responses.create(model=MODEL, input=said, background=True, **asking)


class TestInTheBackground:
    def test_a_response_is_made_whoever_waits(self, ada: User, elsewhere: Elsewhere) -> None:
        begun = begin(ada.openai, metadata={"a": "b"})
        assert (begun.status, begun.background, begun.output) == ("queued", True, [])
        made = ended(elsewhere.client(ada), begun.id)
        assert (made.status, made.background, made.output_text) == ("completed", True, "Hello wörld.")
        assert (made.created_at, made.metadata) == (begun.created_at, {"a": "b"})
        assert made.usage.output_tokens > 0
        after = ada.openai.responses.create(model=MODEL, input="Hello", previous_response_id=made.id)
        assert after.status == "completed"

    @pytest.mark.parametrize("there", [False, True])
    def test_its_stream_goes_on_where_it_was_left(self, ada: User, elsewhere: Elsewhere, there: bool) -> None:
        with begin(ada.openai, "very slow", stream=True) as stream:
            first = [next(stream) for _ in range(6)]
        response_id = first[0].response.id
        client = elsewhere.client(ada) if there else ada.openai
        with client.responses.retrieve(
            response_id, stream=True, starting_after=first[-1].sequence_number
        ) as stream:
            rest = [next(stream) for _ in range(3)]
            client.responses.cancel(response_id)
            rest += list(stream)
        told = [*first, *rest]
        checker = events_of("get_response")
        for event in told:
            checker.check(event.type, json.dumps(event.to_dict()))
        assert [event.sequence_number for event in told] == list(range(len(told)))
        kinds = [event.type.removeprefix("response.") for event in told[:7]]
        assert kinds == [
            "created",
            "queued",
            "in_progress",
            "output_item.added",
            "content_part.added",
            *["output_text.delta"] * 2,
        ]
        assert client.responses.retrieve(response_id).status == "cancelled"

    def test_its_stream_can_be_read_once_it_is_over(self, ada: User, bob: User) -> None:
        begun = begin(ada.openai, stream=True)
        events = list(begun)
        response_id = events[0].response.id
        assert events[-1].response.output_text == "Hello wörld."
        assert list(ada.openai.responses.retrieve(response_id, stream=True)) == events
        with pytest.raises(openai.NotFoundError):
            bob.openai.responses.retrieve(response_id, stream=True)

    def test_failed_is_what_its_provider_refuses(self, ada: User) -> None:
        events = list(begin(ada.openai, "limited", stream=True))
        assert [event.type for event in events[-2:]] == ["response.in_progress", "response.failed"]
        failed = ended(ada.openai, events[0].response.id)
        assert (failed.status, failed.error.code) == ("failed", "rate_limit_exceeded")

    def test_a_model_that_is_not_there_is_refused_at_once(self, ada: User) -> None:
        with pytest.raises(openai.NotFoundError):
            ada.openai.responses.create(model="openAI/none", input="Hello", background=True)


class TestCancelled:
    def test_by_another_process(self, ada: User, elsewhere: Elsewhere, provider: ProviderServer) -> None:
        begun = begin(ada.openai, "very slow")
        eventually(lambda: asked(provider, "very slow"))
        received = asked(provider, "very slow")[-1]
        client = elsewhere.client(ada)
        assert client.responses.cancel(begun.id).status == "cancelled"
        assert eventually(lambda: received.left)
        assert client.responses.cancel(begun.id) == ada.openai.responses.retrieve(begun.id)
        with pytest.raises(openai.UnprocessableEntityError) as refused:
            client.responses.create(model=MODEL, input="Hello", previous_response_id=begun.id)
        assert refused.value.param == "previous_response_id"

    def test_what_has_ended_stays_as_it_is(self, ada: User) -> None:
        made = ended(ada.openai, begin(ada.openai).id)
        assert ada.openai.responses.cancel(made.id) == made

    def test_only_what_is_made_in_the_background(self, ada: User, bob: User) -> None:
        made = ada.openai.responses.create(model=MODEL, input="Hello")
        with pytest.raises(openai.BadRequestError):
            ada.openai.responses.cancel(made.id)
        with pytest.raises(openai.NotFoundError):
            bob.openai.responses.cancel(begin(ada.openai).id)


class TestLost:
    def test_with_a_process_that_stops(
        self, ada: User, served_uri: str, environment: dict[str, str], tmp_path: Path
    ) -> None:
        process = Elsewhere(make_settings(served_uri, tmp_path, **environment))
        begun = begin(process.client(ada), "very slow")
        process.stop()
        failed = ada.openai.responses.retrieve(begun.id)
        assert (failed.status, failed.error and failed.error.code) == ("failed", "server_error")

    def test_with_a_process_that_died(self, ada: User, served_uri: str) -> None:
        made = ended(ada.openai, begin(ada.openai).id)
        owner = ada.server.get("/api/user", ada.token).json()["id"]
        database = Database(served_uri)
        responses = ResponseRepository(database)
        lost = {**json.loads(responses.get(owner, made.id).response), "id": "resp_lost", "status": "queued"}
        responses.add(
            owner, KeptResponse("resp_lost", (), "[]", json.dumps(lost), status="queued", worker="gone")
        )
        database.close()
        failed = ada.openai.responses.retrieve("resp_lost")
        assert (failed.status, failed.error and failed.error.code) == ("failed", "server_error")


class TestRefused:
    def test_what_is_not_kept(self, ada: User) -> None:
        with pytest.raises(openai.UnprocessableEntityError) as refused:
            begin(ada.openai, store=False)
        assert refused.value.param == "store"

    def test_a_stream_of_what_has_none(self, ada: User) -> None:
        with pytest.raises(openai.UnprocessableEntityError) as refused:
            ada.openai.responses.retrieve(begin(ada.openai).id, stream=True)
        assert refused.value.param == "stream"

    def test_more_than_an_account_may_have(self, ada: User, bob: User) -> None:
        begun = [begin(ada.openai, "very slow") for _ in range(2)]
        with pytest.raises(openai.RateLimitError):
            begin(ada.openai)
        assert begin(bob.openai).status == "queued"
        for each in begun:
            ada.openai.responses.cancel(each.id)
        eventually(lambda: begins(ada))


def begins(user: User) -> bool:
    try:
        return bool(begin(user.openai))
    except openai.RateLimitError:
        return False
