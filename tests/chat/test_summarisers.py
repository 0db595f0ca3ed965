"""Who summarises, and how: as the operator says."""

from types import SimpleNamespace
from typing import Any

from echo.chat.summaries import PROMPT, Summarising
from echo.chat.summarisers import Summarisers
from echo.errors import Unprocessable
from echo.settings import ProviderSettings
from echo.settings.agents import SummarySettings


def chosen(name: str, kind: str = "openai") -> Any:
    settings = ProviderSettings(name=name, type=kind, models=())
    return SimpleNamespace(name=name, settings=settings, provider=f"of {name}", credentials=f"key of {name}")


class Sides:
    """Ada has a key for `google`."""

    @staticmethod
    def endpoint(owner: str, name: str) -> Any:
        if (owner, name) != ("ada", "google"):
            raise Unprocessable
        return chosen(name, "google")


def summarising(owner: str = "ada", **rules: Any) -> Summarising | None:
    sides: Any = Sides()
    variables: Any = SimpleNamespace(headers=lambda settings: {"H": settings.name})
    side: Any = SimpleNamespace(chosen=chosen("openAI"), model="own", agent_id="a")
    made = Summarisers(sides, SummarySettings(**{"enabled": True, **rules}))
    return made.of(owner, side, variables, "q")


def asked(owner: str = "ada", **rules: Any) -> tuple[Any, ...]:
    made = summarising(owner, **rules)
    assert made is not None
    asking = made.asking
    names = (asking.provider, asking.credentials, asking.endpoint, asking.provider_name)
    return (*names, asking.request.model, asking.request.placeholders)


OWN = ("of openAI", "key of openAI", "openAI", "openAI")
OTHER = ("of google", "key of google", "google", "google")


class TestWho:
    def test_is_nobody_where_nothing_is_summarised(self) -> None:
        assert summarising(enabled=False) is None

    def test_is_the_model_that_answers_or_another_of_its_endpoint(self) -> None:
        assert asked() == (*OWN, "own", {"H": "openAI"})
        assert (
            asked(model="small")
            == asked(model="small", endpoint="openAI")
            == (*OWN, "small", {"H": "openAI"})
        )

    def test_is_the_model_of_another_endpoint(self) -> None:
        assert asked(model="small", endpoint="google") == (*OTHER, "small", {"H": "google"})

    def test_is_the_model_that_answers_where_there_is_no_key_for_the_other(self) -> None:
        assert asked("bob", model="small", endpoint="google") == (*OWN, "own", {"H": "openAI"})


class TestHow:
    @staticmethod
    def request(**rules: Any) -> Any:
        made = summarising(**rules)
        assert made is not None
        return made.asking.request

    def test_is_as_usual(self) -> None:
        request = self.request()
        assert (request.system, request.max_tokens, request.turns, request.temperature) == (
            PROMPT,
            2000,
            (),
            None,
        )
        made = summarising()
        assert made is not None
        assert (made.question_id, made.trigger, made.update_prompt, made.asking.agent_id) == (
            "q",
            None,
            None,
            "a",
        )
        assert made.asking.counts == {
            "system": 0,
            "messages": 0,
            "window": 0,
            "budget": 0,
            "before": 0,
            "count": 0,
        }

    def test_is_as_the_operator_says(self) -> None:
        request = self.request(prompt="Shorter.", max_tokens=70, parameters={"temperature": 0.5})
        assert (request.system, request.max_tokens, request.temperature) == ("Shorter.", 70, 0.5)
        assert self.request(max_tokens=70, parameters={"max_tokens": 60}).max_tokens == 60
        made = summarising(trigger=("token_ratio", 0.5), update_prompt="Update.")
        assert made is not None
        assert (made.trigger, made.update_prompt) == (("token_ratio", 0.5), "Update.")
