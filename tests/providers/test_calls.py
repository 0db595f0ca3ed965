"""What is counted and traced of a call of a provider."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest

from echo.errors import ApiError, BadGateway, ProviderLimited, ServiceUnavailable, TooManyRequests
from echo.observation import metrics, tracing
from echo.providers.calls import calling
from tests.support.providers import json_answer, openai_server
from tests.support.providers.asking import listen, settings_of

Observed = list[tuple[tuple[Any, ...], dict[str, Any]]]


@pytest.fixture
def observed(monkeypatch: pytest.MonkeyPatch) -> Observed:
    """What is told to the metrics, on a clock that goes on by 2.5 s between any two looks at it."""
    told: Observed = []
    ticks = count()
    monkeypatch.setattr(metrics, "observe_provider", lambda *args, **named: told.append((args, named)))
    clock = SimpleNamespace(perf_counter=lambda: 10 + 2.5 * next(ticks))
    monkeypatch.setattr("echo.providers.calls.time", clock)
    return told


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The spans that are begun: each with its name, what is said of it, and what it ended with."""
    begun: list[Any] = []

    @contextmanager
    def span(name: str, **said: Any) -> Iterator[None]:
        begun.append([name, said, "open"])
        try:
            yield
        except BaseException as error:
            begun[-1][2] = type(error)
            raise
        begun[-1][2] = "ended"

    monkeypatch.setattr(tracing, "span", span)
    return begun


def raised(error: BaseException) -> BaseException:
    """What comes out of a call that raises it."""
    with pytest.raises(type(error)) as caught, calling("openAI", "chat"):
        raise error
    return caught.value


class TestOutcome:
    def test_of_what_ends_well_is_ok(self, observed: Observed) -> None:
        with calling("openAI", "title"):
            assert observed == []
        assert observed == [(("openAI", 2.5, "ok"), {"call": "title"})]

    @pytest.mark.parametrize(
        ("error", "outcome"),
        [
            (ProviderLimited(1), "busy"),
            (TooManyRequests(retry_after=1), "busy"),
            (ServiceUnavailable("Later.", code="provider_busy"), "busy"),
            (ServiceUnavailable("Later.", code="database_busy"), "failed"),
            (BadGateway(code="provider_busy"), "failed"),
            (BadGateway(), "failed"),
            (ValueError(), "failed"),
        ],
    )
    def test_of_an_error_says_whether_it_was_the_providers_limit(
        self, observed: Observed, error: Exception, outcome: str
    ) -> None:
        assert raised(error) is error
        assert observed == [(("openAI", 2.5, outcome), {"call": "chat"})]

    @pytest.mark.parametrize("end", [GeneratorExit(), KeyboardInterrupt()])
    def test_of_what_is_left_is_stopped(self, observed: Observed, end: BaseException) -> None:
        assert raised(end) is end
        assert observed == [(("openAI", 2.5, "stopped"), {"call": "chat"})]


class TestSpan:
    def test_names_the_provider_and_what_for(self, spans: list[Any]) -> None:
        with calling("openAI", "tts"):
            assert spans[0][2] == "open"
        said = {"current": True, "echo__provider": "openAI", "echo__call": "tts"}
        assert spans == [["tts openAI", said, "ended"]]

    def test_is_left_to_its_task_where_that_is_wanted(self, spans: list[Any]) -> None:
        with calling("openAI", "chat", current=False):
            pass
        assert spans[0][1]["current"] is False

    def test_sees_what_went_wrong(self, spans: list[Any]) -> None:
        with suppress(ApiError), calling("openAI", "chat"):
            raise BadGateway
        assert spans[0][2] is BadGateway


class TestStream:
    def test_is_counted_once_as_what_it_came_to(self, observed: Observed, spans: list[Any]) -> None:
        for answer, outcome in (
            (json_answer({}, 503), "busy"),
            (json_answer({}, 401), "failed"),
            (None, "ok"),
        ):
            observed.clear()
            with openai_server(*filter(None, [answer])) as server:
                listen(settings_of("openai", server.url))
            assert [(args[0], args[2], named) for args, named in observed] == [
                ("openai", outcome, {"call": "chat"})
            ]
        assert [(name, said["current"]) for name, said, _ in spans] == [("chat openai", False)] * 3
