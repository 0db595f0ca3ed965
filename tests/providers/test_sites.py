"""Several keys or deployments behind one endpoint: used in turn, and the next one tried before the first word."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest
import structlog

from echo.errors import ApiError, InternalError
from echo.providers.chat import ChatProvider, Credentials
from echo.providers.embeddings import EmbeddingRequest, embedder_of
from echo.providers.failures import ProviderFailure, of_status, refused, unusable
from echo.providers.operations import Wanted
from echo.providers.sites import Access, Rest, Sites, rest_after
from echo.settings import AzureDeployment, ProviderSettings
from tests.support.providers import (
    CUT,
    Answer,
    ProviderServer,
    Received,
    Reply,
    azure_server,
    json_answer,
    openai_server,
)
from tests.support.providers.asking import LIMITS, ask, request, settings_of
from tests.support.providers.openai import error_answer
from tests.support.providers.server import serving

KEYS = ("sk-canary-1", "sk-canary-2", "sk-canary-3")
ONCE = replace(LIMITS, attempts=1)
SOON = error_answer("rate_limit_exceeded", Retry_After="30")


def key_of(received: Received) -> str:
    return received.headers["authorization"].removeprefix("Bearer ")


@pytest.fixture
def behaves() -> dict[str, Reply | Answer]:
    """What the server does with each key; a usual answer for those that are not named."""
    return {}


@pytest.fixture
def server(behaves: Mapping[str, Reply | Answer]) -> Iterator[ProviderServer]:
    with openai_server(lambda received: behaves.get(key_of(received), Reply(["fine"]))) as running:
        yield running


def endpoint(server: ProviderServer, keys: tuple[str, ...] = KEYS, **more: Any) -> ProviderSettings:
    return settings_of("custom", server.url, api_key=keys[0], further_keys=keys[1:], **more)


def chat(provider: ChatProvider, times: int = 1, credentials: Credentials | None = None) -> Any:
    """Ask so often; what each time came of it: the text, or the error's code."""

    async def run() -> list[str]:
        found = []
        for _ in range(times):
            texts = []
            try:
                async for event in provider.stream(request(), credentials):
                    texts.append(getattr(event, "text", ""))
            except ApiError as error:
                texts.append(error.code)
            found.append("".join(texts))
        return found

    return run()


def used(server: ProviderServer) -> list[str]:
    """The keys in the order of the requests, by their numbers."""
    return [key_of(received)[-1] for received in server.chats]


class TestKeys:
    def test_are_used_in_turn(self, server: ProviderServer) -> None:
        assert ask(endpoint(server), lambda p: chat(p, 6)) == ["fine"] * 6
        assert used(server) == ["1", "2", "3"] * 2

    @pytest.mark.parametrize(
        "failure",
        [
            SOON,
            error_answer("insufficient_quota"),
            error_answer("server_error"),
            error_answer("invalid_api_key"),
            error_answer("invalid_request_error", 403),
            json_answer({"error": {"code": "model_not_found"}}, 404),
            Answer([CUT]),
        ],
    )
    def test_that_fail_are_left_out_and_nobody_notices(
        self, server: ProviderServer, behaves: dict[str, Any], failure: Answer
    ) -> None:
        behaves[KEYS[0]] = failure
        assert ask(endpoint(server), lambda p: chat(p, 4), ONCE) == ["fine"] * 4
        assert used(server) == ["1", "2", "3", "2", "3"]

    def test_are_not_blamed_for_the_request(self, server: ProviderServer, behaves: dict[str, Any]) -> None:
        behaves[KEYS[0]] = error_answer("context_length_exceeded")
        assert ask(endpoint(server), lambda p: chat(p, 4)) == [
            "provider_refused",
            "fine",
            "fine",
            "provider_refused",
        ]
        assert used(server) == ["1", "2", "3", "1"]

    def test_are_not_changed_after_the_first_word(
        self, server: ProviderServer, behaves: dict[str, Any]
    ) -> None:
        behaves[KEYS[0]] = Reply(["half ", "an answer"], cut=True)
        first, *others = ask(endpoint(server), lambda p: chat(p, 3))
        assert first.startswith("half")
        assert first.endswith("provider_failed")
        assert others == ["fine", "fine"]
        # It is left out nevertheless.
        assert used(server) == ["1", "2", "3"]

    def test_serve_titles_too(self, server: ProviderServer, behaves: dict[str, Any]) -> None:
        behaves[KEYS[0]] = error_answer("invalid_api_key")
        assert ask(endpoint(server), lambda p: p.complete(request())) == "fine"
        assert used(server) == ["1", "2"]

    def test_serve_lists_of_models_too(self, server: ProviderServer, behaves: dict[str, Any]) -> None:
        async def use(provider: ChatProvider) -> tuple[str, ...]:
            return await provider.models()

        assert len(ask(endpoint(server, fetch_models=True), use)) > 1

    def test_that_no_header_can_hold_are_passed_over(self, server: ProviderServer) -> None:
        keys = ("sk-1\n", KEYS[1])
        assert ask(endpoint(server, keys), lambda p: chat(p, 2)) == ["fine"] * 2
        assert used(server) == ["2", "2"]

    def test_of_the_server_are_not_tried_for_a_user_with_an_own_one(
        self, server: ProviderServer, behaves: dict[str, Any]
    ) -> None:
        behaves["sk-own"] = error_answer("invalid_api_key")
        own = Credentials("sk-own")
        assert ask(endpoint(server), lambda p: chat(p, 2, own)) == ["provider_refused_key"] * 2
        assert {key_of(received) for received in server.chats} == {"sk-own"}


class TestWhenAllFail:
    def test_each_is_asked_once_in_an_attempt(self, server: ProviderServer, behaves: dict[str, Any]) -> None:
        behaves.update(dict.fromkeys(KEYS, error_answer("server_error")))
        assert ask(endpoint(server), chat, replace(LIMITS, attempts=2)) == ["provider_failed"]
        assert used(server) == ["1", "2", "3"] * 2

    def test_the_client_is_told_when_to_come_back(
        self, server: ProviderServer, behaves: dict[str, Any]
    ) -> None:
        waits = ("90", "30")
        for key, wait in zip(KEYS[:2], waits, strict=True):
            behaves[key] = error_answer("rate_limit_exceeded", Retry_After=wait)
        behaves[KEYS[2]] = error_answer("invalid_api_key")

        async def use(provider: ChatProvider) -> ApiError:
            with pytest.raises(ApiError) as failed:
                async for _ in provider.stream(request()):
                    pass
            return failed.value

        error = ask(endpoint(server), use)
        assert (error.code, error.headers["Retry-After"]) == ("provider_limited", "30")

    def test_the_next_request_asks_the_one_that_comes_back_first(
        self, server: ProviderServer, behaves: dict[str, Any]
    ) -> None:
        behaves.update(dict.fromkeys(KEYS[:2], error_answer("invalid_api_key")))
        behaves[KEYS[2]] = error_answer("rate_limit_exceeded", Retry_After="30")

        async def use(provider: ChatProvider) -> None:
            await chat(provider)
            behaves.clear()
            assert await chat(provider) == ["fine"]

        ask(endpoint(server), use)
        assert used(server) == ["1", "2", "3", "3"]

    def test_a_single_key_is_never_left_out(self, server: ProviderServer, behaves: dict[str, Any]) -> None:
        behaves[KEYS[0]] = error_answer("invalid_api_key")
        ask(endpoint(server, KEYS[:1]), lambda p: chat(p, 2))
        assert used(server) == ["1", "1"]


def test_the_log_names_numbers_only(server: ProviderServer, behaves: dict[str, Any]) -> None:
    behaves[KEYS[0]] = error_answer("invalid_api_key")
    with structlog.testing.capture_logs() as said:
        ask(endpoint(server), chat)
    [left_out] = said
    assert (left_out["number"], left_out["seconds"]) == (1, 600.0)
    assert "canary" not in repr((said, endpoint(server)))


class TestDeployments:
    @pytest.fixture
    def two(self) -> Iterator[Callable[[Reply | Answer], tuple[ProviderSettings, list[ProviderServer]]]]:
        with ExitStack() as stack:

            def make(first: Reply | Answer) -> tuple[ProviderSettings, list[ProviderServer]]:
                running = [
                    stack.enter_context(azure_server(each, each, each)) for each in (first, Reply(["fine"]))
                ]
                places = [
                    AzureDeployment(f"{each.url}/openai/deployments/gpt-4o", "2024-10-21", f"k{number}")
                    for number, each in enumerate(running)
                ]
                deployments = {"other": places[0], "m": replace(places[0], others=(places[1],))}
                return settings_of("azure", "", api_key=None, deployments=deployments), running

            yield make

    def test_of_one_model_are_used_in_turn(self, two: Callable[..., Any]) -> None:
        settings, running = two(Reply(["fine"]))
        assert ask(settings, lambda p: chat(p, 4)) == ["fine"] * 4
        assert [len(each.chats) for each in running] == [2, 2]
        assert [each.chats[0].headers["api-key"] for each in running] == ["k0", "k1"]

    def test_that_fail_are_left_out(self, two: Callable[..., Any]) -> None:
        settings, running = two(error_answer("rate_limit_exceeded", Retry_After="30"))
        assert ask(settings, lambda p: chat(p, 3), ONCE) == ["fine"] * 3
        assert [len(each.chats) for each in running] == [1, 3]


class TestRest:
    @pytest.mark.parametrize(
        ("failure", "rest"),
        [
            (of_status(429, {"retry-after": "7"}), Rest(7, all_models=False)),
            (of_status(429, {}), Rest(60, all_models=False)),
            (of_status(429, {"retry-after": "999999"}), Rest(3600, all_models=False)),
            (of_status(401, {}), Rest(600)),
            (of_status(403, {}), Rest(600)),
            (of_status(404, {}, ["DeploymentNotFound"]), Rest(600, all_models=False)),
            (of_status(500, {}), Rest(20)),
            (ProviderFailure(InternalError()), Rest(20)),
            (of_status(503, {"retry-after": "19"}), Rest(20)),
            (of_status(503, {"retry-after": "3601"}), Rest(3600)),
            (of_status(503, {"retry-after": "40"}), Rest(40)),
            (unusable("connect", transient=True), Rest(20)),
            (of_status(400, {}), None),
            (ProviderFailure(refused()), None),
            (of_status(413, {}), None),
        ],
    )
    def test_is_as_long_as_the_failure_says(self, failure: Any, rest: Rest | None) -> None:
        assert rest_after(failure) == rest

    def test_ends(self) -> None:
        now = [1000.0]
        known, both = Sites("e", lambda: now[0]), [Access("a", "", site=1), Access("b", "", site=2)]
        known.leave_out(both[0], "m", Rest(30), unusable())
        now[0] += 29.9
        assert [known.next(both, "m").site for _ in range(2)] == [2, 2]
        now[0] += 0.2
        assert [known.next(both, "m").site for _ in range(2)] == [1, 2]

    def test_is_of_one_model_where_a_limit_is(self) -> None:
        known, both = Sites("e"), [Access("a", "", site=1), Access("b", "", site=2)]
        known.leave_out(both[0], "m", Rest(60, all_models=False), unusable())
        assert [known.next(both, "m").site, known.next(both, "other").site] == [2, 1]
        known.leave_out(both[0], "m", Rest(60), unusable())
        assert [known.next(both, name).site for name in ("m", "other")] == [2, 2]

    def test_is_remembered_for_so_many_at_most(self) -> None:
        known, one = Sites("e"), Access("a", "", site=1)
        for number in range(300):
            known.leave_out(one, f"m{number}", Rest(60, all_models=False), unusable())
        assert len(known._resting) == 256

    def test_that_begins_anew_is_the_newest(self) -> None:
        known, one = Sites("e"), Access("a", "", site=1)
        for number in [*range(256), 0, 256]:
            known.leave_out(one, f"m{number}", Rest(60, all_models=False), unusable())
        assert {"m0", "m1"} & {model for _, model in known._resting} == {"m0"}


class TestFirst:
    """Who is asked for what any of them can be asked: a list of models, say."""

    ALL = (Access("a", "", site=1), Access("b", "", site=2), Access("c", "", site=3))

    def test_is_always_the_first_and_takes_nobodys_turn(self) -> None:
        known = Sites("e")
        assert [known.first(self.ALL).site for _ in range(3)] == [1, 1, 1]
        assert [known.next(self.ALL, "m").site for _ in range(3)] == [1, 2, 3]
        assert known.first(self.ALL).site == 1

    def test_is_none_that_is_left_out(self) -> None:
        known = Sites("e")
        known.leave_out(self.ALL[0], "m", Rest(30), unusable())
        assert [known.first(self.ALL, name).site for name in ("", "m")] == [2, 2]
        known.leave_out(self.ALL[1], "m", Rest(30, all_models=False), unusable())
        assert [known.first(self.ALL, name).site for name in ("", "m", "other")] == [2, 3, 2]

    def test_is_the_one_that_comes_back_first_where_all_are_left_out(self) -> None:
        now = [1000.0]
        known = Sites("e", lambda: now[0])
        for access, seconds in zip(self.ALL, (30, 10, 20), strict=True):
            known.leave_out(access, "m", Rest(seconds), unusable())
        assert known.first(self.ALL).site == 2
        now[0] += 30
        assert known.first(self.ALL).site == 1


class TestTurn:
    def test_tells_the_failure_that_ends_first(self) -> None:
        turn = Sites("e").among(TestFirst.ALL, "m")
        failures = [of_status(429, {"retry-after": wait}) for wait in ("90", "30", "60")]
        assert [turn.pass_on(each) for each in failures] == [True, True, False]
        assert turn.failure is failures[1]

    def test_tells_of_those_that_pass_first(self) -> None:
        """A limit is known to end; what may pass at once is better; a refused key helps nobody."""
        passing, limit, refusal = (
            unusable("connect", transient=True),
            of_status(429, {"retry-after": "7"}),
            of_status(401, {}),
        )
        for failures, told in (((refusal, limit), limit), ((limit, refusal), limit), ((refusal,), refusal)):
            turn = Sites("e").among(TestFirst.ALL, "m")
            assert all(turn.pass_on(each) for each in failures)
            assert turn.failure is told
        assert limit.transient is True
        turn = Sites("e").among(TestFirst.ALL, "m")
        assert [turn.pass_on(each) for each in (limit, refusal, passing)] == [True, True, False]
        assert turn.failure is passing

    def test_ends_with_a_failure_of_the_request_and_forgets_the_others(self) -> None:
        turn = Sites("e").among(TestFirst.ALL, "m")
        blamed = of_status(400, {})
        assert turn.pass_on(of_status(429, {"retry-after": "1"})) is True
        before = turn.access
        assert turn.pass_on(blamed) is False
        assert (turn.failure, turn.access) == (blamed, before)

    def test_begins_again_with_all(self) -> None:
        turn = Sites("e").among(TestFirst.ALL[:2], "m")
        assert [turn.pass_on(unusable()) for _ in range(2)] == [True, False]
        assert turn.access.site == 2
        turn.begin_again()
        assert turn.access.site == 1
        last = unusable()
        assert turn.pass_on(last) is True
        assert (turn.access.site, turn.failure) == (2, last)

    def test_leaves_out_none_that_is_alone(self) -> None:
        known = Sites("e")
        turn = known.among(TestFirst.ALL[:1], "m")
        assert turn.failed(of_status(401, {})) is True
        assert turn.failed(of_status(400, {})) is False
        assert known._resting == {}


def test_embeddings_are_asked_of_the_next_key_too() -> None:
    asked: list[str] = []

    def respond(received: Received) -> Answer:
        asked.append(key_of(received)[-1])
        if asked[-1] == "1":
            return SOON
        return json_answer({"data": [{"index": 0, "embedding": [0.5]}], "usage": {"prompt_tokens": 1}})

    async def use(provider: Any) -> Any:
        [errand] = embedder_of(settings).errands(EmbeddingRequest(Wanted("m"), ["text"]))
        return await provider.ask(errand)

    with serving(respond, "/v1") as server:
        settings = settings_of("custom", server.url, api_key=KEYS[0], further_keys=KEYS[1:])
        ask(settings, use)
    assert asked == ["1", "2"]
