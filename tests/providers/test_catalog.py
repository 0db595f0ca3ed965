"""Endpoints and their models, against small servers that list models, well and badly."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from echo.background import Background
from echo.errors import BadGateway
from echo.providers.catalog import Catalog, Endpoint
from echo.providers.registry import build_providers
from echo.settings import ProviderLimits, ProviderSettings, load_settings
from echo.settings.model_access import Opened
from tests.support.providers.server import Answer, Received, json_answer, serving
from tests.support.threads import started_pool
from tests.support.waiting import PATIENCE, until

LISTED = {"data": [{"id": "b-model"}, {"id": "a-model"}]}


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists are waited for as long as a busy machine needs."""
    monkeypatch.setattr("echo.providers.catalog.LIST_SECONDS", PATIENCE)


@contextmanager
def cataloguing(*settings: ProviderSettings) -> Iterator[Catalog]:
    """A catalogue whose providers are asked on an event loop in a thread of its own, as in a worker."""
    loop, background = asyncio.new_event_loop(), Background()
    stop, started = asyncio.Event(), threading.Event()
    made: list[Catalog] = []

    async def run() -> None:
        providers = build_providers(settings, ProviderLimits(short_seconds=3600))
        background.begin()
        made.append(Catalog(settings, providers, background))
        started.set()
        await stop.wait()
        await background.close()
        await providers.close()
        # What was asked for the next client ends here too.
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()))
    thread.start()
    assert started.wait(PATIENCE)
    try:
        yield made[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


def custom(url: str, name: str = "Own", *, fetch: bool = True) -> ProviderSettings:
    return ProviderSettings(
        name=name,
        type="custom",
        models=("fallback",),
        api_key="sk-x",
        base_url=url,
        fetch_models=fetch,
        custom=True,
    )


def test_lists_every_provider_and_who_has_a_key() -> None:
    settings = load_settings({"GOOGLE_KEY": "x", "GOOGLE_MODELS": "a,b", "OPENAI_API_KEY": "user_provided"})
    with cataloguing(*settings.providers) as catalog:
        by_name = {endpoint.name: endpoint for endpoint in catalog.endpoints()}
        assert by_name["google"].available
        assert by_name["google"].models == ("a", "b")
        assert not by_name["openAI"].available
        assert by_name["openAI"].user_provides_key
        assert [each.order for each in catalog.endpoints()] == list(range(len(by_name)))
        assert catalog.models()["google"] == ["a", "b"]
        assert set(catalog.models()) == set(by_name)


class TestModels:
    def test_are_asked_of_the_provider_once(self) -> None:
        with (
            serving(lambda _: json_answer(LISTED), "/v1") as server,
            cataloguing(custom(server.url)) as catalog,
        ):
            assert catalog.endpoints()[0].models == ("fallback",)
            assert catalog.models() == {"Own": ["b-model", "a-model"]}
            assert catalog.models() == {"Own": ["b-model", "a-model"]}
            assert catalog.endpoints()[0].models == ("b-model", "a-model")
        [request] = server.requests
        assert (request.method, request.path) == ("GET", "/v1/models")
        assert request.headers["authorization"] == "Bearer sk-x"

    def test_are_not_asked_for_where_nobody_said_so(self) -> None:
        with serving(lambda _: json_answer(LISTED)) as server:
            with cataloguing(custom(server.url, fetch=False)) as catalog:
                assert catalog.models() == {"Own": ["fallback"]}
            assert server.requests == []

    @pytest.mark.parametrize(
        "answer",
        [
            json_answer({"error": "no"}, 500),
            json_answer({"data": []}),
            json_answer(["x"]),
            Answer([b"<html>"]),
            Answer([b"x" * 5_000_000]),
            json_answer({}, 302, Location="http://127.0.0.1:1/"),
        ],
    )
    def test_that_do_not_come_are_the_configured_ones(self, answer: Answer) -> None:
        with serving(lambda _: answer) as server, cataloguing(custom(server.url)) as catalog:
            assert catalog.models() == {"Own": ["fallback"]}

    def test_a_slow_provider_holds_nobody_up_for_long(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("echo.providers.catalog.LIST_SECONDS", 1.0)
        go = threading.Event()

        def respond(request: Received) -> Answer:
            return Answer([go]) if request.path.startswith("/slow") else json_answer(LISTED)

        with serving(respond) as server:
            slow, fast = custom(f"{server.url}/slow", "Slow"), custom(f"{server.url}/fast", "Fast")
            with cataloguing(slow, fast) as catalog:
                listed = {"Slow": ["fallback"], "Fast": ["b-model", "a-model"]}
                with started_pool(1) as pool:
                    # On a busy machine the fast one is late too; then its list is there the next time.
                    assert pool.submit(until, lambda: catalog.models() == listed).result(2 * PATIENCE)
                go.set()

    def test_without_an_event_loop_are_the_configured_ones(self) -> None:
        settings = (custom("http://127.0.0.1:9"),)
        assert Catalog(settings, build_providers(settings), Background()).models() == {"Own": ["fallback"]}


class TestEndpoints:
    SHOWN = ProviderSettings(
        name="Own",
        type="openai",
        models=("one", "two"),
        api_key="k",
        user_provides_key=True,
        user_provides_url=True,
        model_display_label="Label",
        icon_url="https://x.test/i.png",
    )
    BARE = ProviderSettings(name="bare", type="google", models=())
    CUSTOM = ProviderSettings(name="Third", type="openai", models=("three",), custom=True)

    def catalog(self, *settings: ProviderSettings) -> Catalog:
        return Catalog(settings or (self.SHOWN, self.BARE, self.CUSTOM), {}, Background())

    def test_tell_all_that_clients_see(self) -> None:
        assert self.catalog().endpoints() == (
            Endpoint("Own", "openai", ("one", "two"), True, 0, True, True, "Label", "https://x.test/i.png"),
            Endpoint("bare", "google", (), False, 1, False, False, None, None),
            Endpoint("Third", "custom", ("three",), False, 2, False, False, None, None),
        )

    def test_are_those_of_which_something_is_open(self) -> None:
        opened = Opened(frozenset({"Own/two", "Third/other"}))
        assert [(each.name, each.models, each.order) for each in self.catalog().endpoints(opened)] == [
            ("Own", ("two",), 0),
            ("Third", (), 2),
        ]
        assert self.catalog().models(opened) == {"Own": ["two"], "Third": []}
        assert self.catalog().models() == {"Own": ["one", "two"], "bare": [], "Third": ["three"]}

    @pytest.mark.parametrize(
        ("models", "fetched", "is_there"),
        [(("a",), False, False), (("a",), True, False), ((), False, False), ((), True, True)],
    )
    def test_may_have_a_model_that_is_not_known_yet(
        self, models: tuple[str, ...], fetched: bool, is_there: bool
    ) -> None:
        settings = ProviderSettings(name="Own", type="openai", models=models, fetch_models=fetched)
        found = self.catalog(settings).endpoints(Opened(frozenset({"somewhere"})))
        assert bool(found) is is_there


@pytest.mark.parametrize("late", [TimeoutError(), BadGateway()], ids=repr)
def test_an_event_loop_that_is_late_is_waited_for_no_longer_than_the_lists(
    monkeypatch: pytest.MonkeyPatch, late: Exception
) -> None:
    monkeypatch.setattr("echo.providers.catalog.LIST_SECONDS", 3.0)
    waited: list[float] = []

    class Late(Background):
        def wait(self, coroutine: Any, seconds: float) -> Any:
            coroutine.close()
            waited.append(seconds)
            raise late

    settings = (custom("http://127.0.0.1:9"),)
    assert Catalog(settings, build_providers(settings), Late()).models() == {"Own": ["fallback"]}
    assert waited == [6.0]


def test_who_lists_models_is_asked_where_there_is_such_a_provider() -> None:
    settings = (custom("http://127.0.0.1:9"), custom("http://127.0.0.1:9", "Other", fetch=False))
    assert list(Catalog(settings, build_providers(settings), Background())._listing) == ["Own"]
    assert Catalog(settings, {}, Background())._listing == {}
