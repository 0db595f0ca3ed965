"""Where an endpoint is asked and with which key, and what is told of that to the metrics and the log."""

from dataclasses import replace
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
import structlog

from echo.errors import ApiError
from echo.observation import metrics
from echo.providers.addresses import AddressGuard
from echo.providers.anthropic import AnthropicDialect
from echo.providers.chat import Credentials, TextDelta, Usage
from echo.providers.openai import OpenAIDialect
from echo.providers.provider import Access, HttpProvider, numbered
from echo.providers.transport import Transport
from echo.settings import AzureDeployment, ProviderSettings
from tests.support.providers import CUT, Reply, event_stream, json_answer, openai_server
from tests.support.providers.asking import LIMITS, ask, listen, request, settings_of
from tests.support.providers.openai import chunk, delta

URL = "https://api.example.com/v1"
OWN = "https://own.example.com/v1"
EAST = AzureDeployment("https://east.example.com", "1", "east")
WEST = AzureDeployment("https://west.example.com", "1", "west", others=(EAST,))
BARE = AzureDeployment("https://bare.example.com", "1", "")
KEY_MISSING = (422, "provider_key_missing", "This endpoint needs a key of your own.")
KEY_REFUSED = (502, "provider_refused_key", "The provider did not accept the key.")


def accesses(
    credentials: Credentials | None = None, model: str = "m", **settings: Any
) -> list[Access] | tuple[int, str, str]:
    """Where a model is asked and with which keys, or why it is not."""
    given = settings_of("openai", settings.pop("url", URL), **settings)
    provider = HttpProvider(given, OpenAIDialect(given), Transport(LIMITS))
    try:
        return provider._accesses(credentials, model)
    except ApiError as error:
        return error.status, error.code, error.message


class TestTheServersKeys:
    def test_are_used_at_the_endpoints_address(self) -> None:
        assert accesses() == [Access("k", URL, site=1)]
        assert accesses(url=f"{URL}//") == [Access("k", URL, site=1)]

    def test_are_numbered_and_those_that_can_be_none_are_passed_over(self) -> None:
        assert accesses(further_keys=("b c", "d", "")) == [
            Access("k", URL, site=1),
            Access("d", URL, site=3),
        ]
        assert accesses(api_key="a b") == KEY_REFUSED

    @pytest.mark.parametrize(
        ("key", "is_one"),
        [("!", True), ("~", True), ("x" * 4096, True), ("x" * 4097, False), ("a\n", False), ("\x7f", False)],
    )
    def test_are_what_can_stand_in_a_header(self, key: str, is_one: bool) -> None:
        assert accesses(api_key=key) == ([Access(key, URL, site=1)] if is_one else KEY_REFUSED)

    def test_may_be_missing(self) -> None:
        assert accesses(api_key=None) == KEY_MISSING
        assert accesses(base_url=None) == KEY_MISSING

    def test_of_deployments_are_their_own(self) -> None:
        deployments = {"other": EAST, "m": WEST, "bare": BARE}
        assert accesses(deployments=deployments) == [
            Access("", "", site=2, deployment=WEST),
            Access("", "", site=3, deployment=EAST),
        ]
        # Of these there is none with a key, or none at all.
        assert accesses(model="bare", deployments=deployments) == [Access("", "")]
        assert accesses(model="unknown", deployments=deployments) == [Access("", "")]

    def test_of_deployments_are_numbered_among_all(self) -> None:
        settings = ProviderSettings("a", "azure", (), deployments={"other": EAST, "bare": BARE, "m": WEST})
        assert [number for number, _ in numbered(settings, "m")] == [3, 4]
        assert numbered(settings, "bare") == []


class TestTheUsersKey:
    def test_is_used_without_the_blanks_around_it(self) -> None:
        assert accesses(Credentials(" own\n")) == [Access("own", URL, own_key=True)]
        assert accesses(Credentials("own"), url=f"{URL}/") == [Access("own", URL, own_key=True)]
        # With an `X` at the end of an address nothing is wrong.
        assert accesses(Credentials("own"), url="https://api.example.com/X") == [
            Access("own", "https://api.example.com/X", own_key=True)
        ]

    def test_goes_to_the_users_address_where_there_may_be_one(self) -> None:
        own = Credentials("own", f"{OWN}/")
        assert accesses(own, user_provides_url=True) == [Access("own", OWN, own_key=True, own_url=True)]
        assert accesses(own) == [Access("own", URL, own_key=True)]
        assert accesses(Credentials("own"), user_provides_url=True) == [Access("own", URL, own_key=True)]
        assert accesses(own, user_provides_url=True, base_url=None) == [
            Access("own", OWN, own_key=True, own_url=True)
        ]

    def test_goes_to_no_address_that_is_refused(self) -> None:
        refused = accesses(Credentials("own", "http://127.0.0.1:1"), user_provides_url=True)
        assert refused[1] == "base_url_refused"

    def test_may_be_missing_or_none(self) -> None:
        assert accesses(Credentials(" ")) == KEY_MISSING
        assert accesses(Credentials("own"), base_url=None) == KEY_MISSING
        assert accesses(Credentials("a b")) == KEY_REFUSED

    def test_may_be_left_to_deployments(self) -> None:
        deployments = {"m": WEST}
        assert accesses(Credentials(""), deployments=deployments, base_url=None) == [
            Access("", "", own_key=True)
        ]
        assert accesses(Credentials("own"), deployments=deployments) == [Access("own", URL, own_key=True)]
        assert accesses(Credentials("a b"), deployments=deployments) == KEY_REFUSED


class TestModels:
    def models(self, server: Any, *credentials: Credentials | None, **settings: Any) -> list[tuple[str, ...]]:
        async def use(provider: Any) -> list[tuple[str, ...]]:
            return [await provider.models(each) for each in credentials or [None]]

        given = {"models": ("mine",), "fetch_models": True, "user_provides_key": True, **settings}
        return ask(settings_of("openai", server.url, **given), use)

    def test_are_asked_for_where_that_is_wanted(self) -> None:
        with openai_server(models=("gpt-4.1",)) as server:
            assert self.models(server, fetch_models=False) == [("mine",)]
            assert server.requests == []
            own = Credentials("own")
            assert self.models(server, None, own, None, own) == [("gpt-4.1",)] * 4
        assert [received.headers["authorization"] for received in server.requests] == [
            "Bearer k",
            "Bearer own",
        ]

    def test_are_the_configured_ones_without_a_key_or_an_answer(self) -> None:
        with openai_server(key="another") as server:
            assert self.models(server) == [("mine",)]
            assert len(server.requests) == 1
            assert self.models(server, api_key=None) == [("mine",)]
            assert len(server.requests) == 1

    def test_are_the_configured_ones_where_nobody_lists_them(self) -> None:
        deployments = {"m": WEST}
        given = settings_of(
            "azure", URL, models=("mine",), fetch_models=True, api_key="k", deployments=deployments
        )
        assert ask(given, lambda provider: provider.models()) == ("mine",)


class TestShortAnswer:
    def test_tells_the_tokens(self) -> None:
        told: list[Usage] = []
        with openai_server(Reply(["a title"])) as server:
            text = ask(settings_of("openai", server.url), lambda it: it.complete(request(), told=told.append))
        assert (text, told) == ("a title", [Usage(11, 7)])

    def test_is_asked_of_each_key_once(self) -> None:
        with openai_server(json_answer({}, 503)) as server:
            settings = settings_of("openai", server.url, further_keys=("b", "c"))
            with pytest.raises(ApiError) as failed:
                ask(settings, lambda it: it.complete(request()), replace(LIMITS, attempts=9))
        assert failed.value.code == "provider_busy"
        assert sorted(each.headers["authorization"] for each in server.chats) == [
            "Bearer b",
            "Bearer c",
            "Bearer k",
        ]


class TestTold:
    @pytest.fixture
    def firsts(self, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
        """What is told of first chunks, on a clock that goes on by 4 s between any two looks at it."""
        told: list[Any] = []
        ticks = count()
        clock = SimpleNamespace(perf_counter=lambda: 10 + 4.0 * next(ticks))
        monkeypatch.setattr(metrics, "observe_first_chunk", lambda *said: told.append(said))
        monkeypatch.setattr("echo.providers.provider.time", clock)
        return told

    def test_is_the_time_to_the_first_word(self, firsts: list[Any]) -> None:
        counts = {"prompt_tokens": 5, "completion_tokens": 7}
        stream = event_stream(
            chunk({}, [], usage=counts),
            chunk({}, [delta(content="a")]),
            chunk({}, [delta(content="b")]),
            chunk({}, [delta("stop")]),
        )
        with openai_server(stream) as server:
            said = listen(settings_of("openai", server.url))
        assert [type(event) for event in said.events[:2]] == [Usage, TextDelta]
        assert firsts == [("openai", 4.0)]

    def test_is_nothing_where_no_word_comes(self, firsts: list[Any]) -> None:
        with openai_server(json_answer({}, 404)) as server:
            assert listen(settings_of("openai", server.url)).error is not None
        assert firsts == []

    @pytest.mark.parametrize(
        ("behaviour", "code", "kind"),
        [
            (json_answer({"error": {"code": "odd"}}, 404), "provider_refused", "odd"),
            (event_stream(chunk({}, [delta(content="a")]), CUT), "provider_failed", "broken_off"),
        ],
        ids=["refused", "broken off"],
    )
    def test_to_the_log_is_what_failed(self, behaviour: Any, code: str, kind: str) -> None:
        with structlog.testing.capture_logs() as logged, openai_server(behaviour) as server:
            said = listen(settings_of("openai", server.url))
        assert said.error is not None
        assert said.error.code == code
        lines = [line for line in logged if line["event"] == "a provider failed"]
        assert lines == [
            {
                "event": "a provider failed",
                "provider": "openai",
                "call": "chat",
                "code": code,
                "kind": kind,
                "log_level": "warning",
            }
        ]


def test_a_users_own_address_is_checked_by_the_guard_of_the_connections() -> None:
    with openai_server() as server:
        host = server.url.removeprefix("http://").partition("/")[0]
        settings = settings_of("anthropic", URL, user_provides_url=True)
        provider = HttpProvider(
            settings, AnthropicDialect(settings), Transport(LIMITS, AddressGuard((host,)))
        )
        [access] = provider._accesses(Credentials("k", server.url), "m")
    assert access == Access("k", server.url, own_key=True, own_url=True)
