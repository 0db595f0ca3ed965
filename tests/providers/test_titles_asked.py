"""What is asked for a title, whom it is told of, and what is offered."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import structlog

from echo.errors import BadGateway
from echo.providers.chat import ChatRequest, Credentials, Usage
from echo.providers.title_text import clean, title_in, without_thinking
from echo.providers.titles import AskedTitle, Titled, TitleService, made_of
from echo.settings import ProviderSettings
from echo.settings.model_access import Opened

INSTRUCTION = (
    "Write a title of at most five words for the following conversation, in its own language. "
    "Answer with the title only, without quotation marks."
)
TITLED = Titled("ada", "c1", "m1")


class Provider:
    """Answers with a title, or fails; notes what it was asked."""

    def __init__(self, answer: Any = "A Title", usage: tuple[Usage, ...] = (), models: Any = ()) -> None:
        self.asked: list[tuple[ChatRequest, Credentials | None]] = []
        self.listed: list[Credentials | None] = []
        self._answer = answer
        self._usage = usage
        self._models = models

    async def complete(
        self, request: ChatRequest, credentials: Credentials | None, told: Callable[[Usage], object]
    ) -> str:
        self.asked.append((request, credentials))
        if isinstance(self._answer, Exception):
            raise self._answer
        for each in self._usage:
            told(each)
        return str(self._answer)

    async def models(self, credentials: Credentials | None = None) -> tuple[str, ...]:
        self.listed.append(credentials)
        if isinstance(self._models, Exception):
            raise self._models
        return tuple(self._models)


def settings(name: str = "one", **more: Any) -> ProviderSettings:
    return ProviderSettings(**{"name": name, "type": "openai", "models": ("m", "n"), "api_key": "k", **more})


def titles(provider: Provider, *given: ProviderSettings, **more: Any) -> TitleService:
    listed = given or (settings(),)
    providers: Mapping[str, Any] = {each.name: provider for each in listed}
    return TitleService(listed, providers, **more)


def title(service: TitleService, *said: str, **more: Any) -> str:
    return asyncio.run(service.title_for(*(said or ("Hello",)), **more))


class TestRequest:
    def test_has_the_beginning_of_both_sides(self) -> None:
        provider = Provider()
        assert title(titles(provider), "q" * 2001, "a" * 2001) == "A Title"
        [(request, credentials)] = provider.asked
        assert request.turns[0].role == "user"
        assert request.turns[0].text == f"{'q' * 2000}\n\n{'a' * 2000}"
        assert (request.model, request.system, request.max_tokens) == ("m", INSTRUCTION, 1000)
        assert (credentials, request.placeholders, len(request.turns)) == (None, {}, 1)

    def test_may_have_a_question_alone(self) -> None:
        provider = Provider()
        title(titles(provider), "Hello")
        assert provider.asked[0][0].turns[0].text == "Hello"

    def test_goes_under_the_users_key_to_the_users_endpoint_alone(self) -> None:
        provider, own = Provider(), Credentials("own")
        title(titles(provider), endpoint="one", credentials=own)
        title(titles(provider), credentials=own)
        assert [credentials for _, credentials in provider.asked] == [own, None]


class TestTold:
    def told(self, provider: Provider, **more: Any) -> list[AskedTitle]:
        said: list[AskedTitle] = []
        title(titles(provider, asked=said.append), "Hello", "Hi", **more)
        return said

    def test_is_what_was_asked_and_answered(self) -> None:
        usage = (Usage(1, 1), Usage(5, 2))
        asked = f"{INSTRUCTION}Hello\n\nHi"
        assert self.told(Provider(usage=usage), titled=TITLED) == [
            AskedTitle(TITLED, "one", "m", Usage(5, 2), asked, "A Title")
        ]
        assert self.told(Provider(), titled=TITLED)[0].usage is None

    def test_is_nothing_without_anybody_or_without_an_answer(self) -> None:
        assert self.told(Provider()) == []
        assert self.told(Provider(BadGateway()), titled=TITLED) == []
        assert title(titles(Provider()), titled=TITLED) == "A Title"

    def test_to_the_log_is_what_failed(self) -> None:
        with structlog.testing.capture_logs() as logged:
            assert title(titles(Provider(BadGateway())), "Hello") == "Hello"
        assert logged == [
            {
                "event": "a title could not be asked for",
                "provider": "one",
                "code": "provider_failed",
                "log_level": "warning",
            }
        ]


class TestChoice:
    @pytest.mark.parametrize(
        ("given", "more", "asked"),
        [
            ({}, {}, True),
            ({}, {"endpoint": "one"}, True),
            ({}, {"endpoint": "two"}, False),
            ({"api_key": None}, {}, False),
            ({"api_key": None}, {"endpoint": "one"}, False),
            ({"api_key": None}, {"endpoint": "one", "credentials": Credentials("own")}, True),
            ({"api_key": None}, {"credentials": Credentials("own")}, False),
            ({"title_conversations": False}, {"endpoint": "one"}, False),
            ({"models": ()}, {"endpoint": "one"}, False),
            ({"models": ()}, {"endpoint": "one", "model": "x"}, True),
            ({"models": ()}, {"model": "x"}, False),
        ],
    )
    def test_is_of_who_may_be_asked(self, given: Any, more: Any, asked: bool) -> None:
        provider = Provider()
        made = title(titles(provider, settings(**given)), "Hello", **more)
        assert (made, bool(provider.asked)) == (("A Title", True) if asked else ("Hello", False))

    def test_is_nobody_where_titles_are_off(self) -> None:
        provider = Provider()
        assert title(titles(provider, enabled=False), "Hello") == "Hello"
        assert provider.asked == []

    def test_is_of_a_model_that_is_not_known_yet_where_it_may_be_open(self) -> None:
        for fetched, asked in ((True, True), (False, False)):
            provider = Provider()
            opened = Opened(frozenset({"elsewhere"}))
            one = settings(fetch_models=fetched)
            title(titles(provider, one), endpoint="one", model="elsewhere", opened=opened)
            assert bool(provider.asked) is asked


class TestOffered:
    @pytest.mark.parametrize(
        ("endpoint", "model", "fetched", "models", "is_offered"),
        [
            ("one", "n", False, (), True),
            ("one", "x", False, ("x",), False),
            ("one", "x", True, ("x",), True),
            ("one", "x", True, ("y",), False),
            ("one", "x", True, BadGateway(), False),
            ("one", None, True, ("x",), False),
            ("two", "n", True, ("n",), False),
            (None, "n", True, ("n",), False),
        ],
    )
    def test_are_the_models_that_are_listed(
        self, endpoint: str | None, model: str | None, fetched: bool, models: Any, is_offered: bool
    ) -> None:
        provider, own = Provider(models=models), Credentials("own")
        service = titles(provider, settings(fetch_models=fetched))
        assert asyncio.run(service._offers(endpoint, model, own)) is is_offered
        assert provider.listed in ([], [own])


class TestWaitedFor:
    """What a thread asks for: all that it says reaches the provider."""

    def waited(self, service: TitleService, *said: str, **more: Any) -> str:
        waits: list[float] = []

        class Loop:
            def wait(self, work: Any, limit: float) -> Any:
                waits.append(limit)
                return asyncio.run(work)

        loop: Any = Loop()
        made = service.wait_for(loop, *said, **more)
        assert waits == [20.0]
        return made

    def test_is_as_any_other(self) -> None:
        provider, own = Provider(usage=(Usage(5, 2),)), Credentials("own")
        told: list[AskedTitle] = []
        service = titles(provider, asked=told.append)
        asking: dict[str, Any] = {"credentials": own, "placeholders": {"X": "y"}, "titled": TITLED}
        assert self.waited(service, "Hello", "Hi", endpoint="one", model="n", **asking) == "A Title"
        [(request, credentials)] = provider.asked
        assert request.turns[0].text == "Hello\n\nHi"
        assert (request.model, credentials, request.placeholders) == ("n", own, {"X": "y"})
        assert told == [AskedTitle(TITLED, "one", "n", Usage(5, 2), f"{INSTRUCTION}Hello\n\nHi", "A Title")]

    @pytest.mark.parametrize(
        ("more", "model"),
        [
            ({"endpoint": "one", "model": "n"}, "n"),
            ({"endpoint": "one", "model": "elsewhere"}, "m"),
            ({"endpoint": "one"}, "m"),
            ({"model": "n"}, "m"),
            ({}, "m"),
        ],
    )
    def test_is_of_a_model_that_is_offered(self, more: dict[str, str], model: str) -> None:
        provider = Provider()
        self.waited(titles(provider), "Hello", **more)
        assert [request.model for request, _ in provider.asked] == [model]

    def test_is_of_what_is_open_alone(self) -> None:
        provider = Provider()
        service = titles(provider)
        opened = Opened(frozenset({"n"}))
        self.waited(service, "Hello", endpoint="one", model="m", opened=opened)
        self.waited(service, "Hello", endpoint="one", model="n", opened=opened)
        assert [request.model for request, _ in provider.asked] == ["n", "n"]
        assert self.waited(service, "Hello", endpoint="one", opened=Opened(frozenset({"x"}))) == "Hello"
        assert len(provider.asked) == 2

    def test_is_made_of_the_question_where_nobody_answers_in_time(self) -> None:
        class Late:
            def wait(self, work: Any, _limit: float) -> Any:
                work.close()
                raise TimeoutError

        late: Any = Late()
        assert titles(Provider()).wait_for(late, "Hello") == "Hello"


class TestClean:
    @pytest.mark.parametrize(
        ("text", "title"),
        [
            ("a" * 10, "a" * 10),
            ("a" * 11, "a" * 9 + "…"),
            ("abcdef ghij", "abcdef…"),
            ("abcdefghij k", "abcdefghij…"),
            ("abcde fghij k", "abcde fgh…"),
            ("abcd efghijk", "abcd efgh…"),
            ("abcd fgh ijk", "abcd fgh…"),
            ("abcdef gh ijk", "abcdef gh…"),
            ("a\x00b\u202ec", "a b c"),
            ("\ud83d", ""),
            (" a \t\n b ", "a b"),
            ("x" * 201, "x" * 9 + "…"),
            (" " * 200 + "x", ""),
            (" " * 199 + "x", "x"),
            (7, ""),
        ],
    )
    def test_is_one_line_of_so_many_letters(self, text: Any, title: str) -> None:
        assert clean(text, 10) == title

    def test_of_nothing_has_a_name(self) -> None:
        assert made_of(" ") == "New Chat"
        assert made_of("x" * 41) == "x" * 39 + "…"
        assert made_of("x" * 40) == "x" * 40


class TestThinking:
    @pytest.mark.parametrize(
        ("answer", "said"),
        [
            ("a", "a"),
            ("<think>a</think>b", "b"),
            ("<think>a</think>b<think>c</think>d", "d"),
            ("a</think>b", "b"),
            ("a</think> ", ""),
            ("a<think>b</think> ", "a"),
            ("a<think>b", "a"),
            ("<reasoning>a</reasoning>b", "b"),
            ("<analysis>a</analysis>b", "b"),
            ("<seed:think>a</seed:think>b", "b"),
            ("<thoughts>a</thoughts>b", "b"),
            ("<|a|>b<|c|>", "b"),
            ("<|channel|>final<|message|>a<|channel|>final<|message|>b<|end|>", "b"),
            ("<|channel|>analysis<|message|>a", ""),
        ],
    )
    def test_is_no_part_of_what_is_said(self, answer: str, said: str) -> None:
        assert without_thinking(answer) == said


@pytest.mark.parametrize(
    ("answer", "title"),
    [
        ("Sure:\nContracts", "Contracts"),
        ("Sure\uff1a\nContracts", "Contracts"),
        ("**Sure:**\nContracts", "Contracts"),
        ("Sure:", "Sure:"),
        ("Two\nlines", "Two lines"),
        ("The short title: Contracts", "Contracts"),
        ("a chat title: Contracts", "Contracts"),
        ("Заголовок: Contracts", "Contracts"),
        ("> Title: Contracts", "Contracts"),
        ("1. Contracts", "1. Contracts"),
        ("Title: One\nTitle: Two", "One"),
        ("**Title**", "Title"),
        ("_Title: Contracts_", "Contracts"),
        ("**Title:** **Contracts**", "Contracts"),
        ("Title:** Contracts**", "Contracts"),
        ("”Contracts", "Contracts"),
        ("Contracts„", "Contracts"),
        ("»Contracts", "Contracts"),
        ("'Contracts", "'Contracts"),
        ("\u2018Contracts\u2019", "Contracts"),
        ("『Contracts』", "Contracts"),
        ("\u2039Contracts\u203a", "Contracts"),
        ("\u201aContracts\u2018", "Contracts"),
        ("**", ""),
        ('"', ""),
        ("-", "-"),
    ],
)
def test_what_is_around_a_title_goes(answer: str, title: str) -> None:
    assert title_in(answer, 80) == title
