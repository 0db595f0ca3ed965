"""Titles against small servers that speak each provider's protocol, well and badly."""

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from echo.background import Background
from echo.providers.chat import Credentials
from echo.providers.registry import build_providers
from echo.providers.title_text import clean, title_in
from echo.providers.titles import TitleService, made_of
from echo.settings import AzureDeployment, ProviderLimits, ProviderSettings, load_settings
from echo.settings.endpoints import HeaderTemplate
from echo.settings.model_access import Opened
from tests.support.growth import grows_no_faster
from tests.support.loopback import Answer, Provider, answer_with, provider
from tests.support.providers import Reply, event_stream, openai_server
from tests.support.waiting import PATIENCE

OPENAI = {"choices": [{"message": {"role": "assistant", "content": "Contracts Explained"}}]}
ANTHROPIC = {"content": [{"type": "text", "text": "Contracts Explained"}]}
GOOGLE = {"candidates": [{"content": {"parts": [{"text": "Contracts Explained"}]}}]}
QUESTION = "What is a contract, and who keeps it?"


LIMITS = ProviderLimits(short_seconds=PATIENCE)


class Titles:
    """A title service with providers of its own for each title."""

    def __init__(self, *settings: ProviderSettings, enabled: bool = True) -> None:
        self._settings = settings
        self._enabled = enabled
        self.limits = LIMITS

    def title_for(self, *said: str, **more: Any) -> str:
        async def ask() -> str:
            providers = build_providers(self._settings, self.limits)
            try:
                titles = TitleService(self._settings, providers, enabled=self._enabled)
                return await titles.title_for(*said, **more)
            finally:
                await providers.close()

        return asyncio.run(ask())


def service(environ: dict[str, str]) -> Titles:
    settings = load_settings(environ)
    return Titles(*settings.providers, enabled=settings.title_conversations)


def openai(running: Provider, **extra: str) -> Titles:
    return service({"OPENAI_API_KEY": "sk-1", "OPENAI_REVERSE_PROXY": running.url, **extra})


class TestDialects:
    def test_openai(self) -> None:
        with provider(answer_with(OPENAI)) as running:
            title = openai(running, OPENAI_TITLE_MODEL="small").title_for(QUESTION, "A promise.")
        assert title == "Contracts Explained"
        [request] = running.requests
        assert request.path == "/chat/completions"
        assert request.headers["Authorization"] == "Bearer sk-1"
        assert request.json["model"] == "small"
        assert "A promise." in request.json["messages"][-1]["content"]

    def test_anthropic(self) -> None:
        with provider(answer_with(ANTHROPIC)) as running:
            environ = {"ANTHROPIC_API_KEY": "sk-2", "ANTHROPIC_REVERSE_PROXY": running.url}
            assert service(environ).title_for(QUESTION) == "Contracts Explained"
        [request] = running.requests
        assert request.path == "/v1/messages"
        assert {name.lower(): value for name, value in request.headers.items()}["x-api-key"] == "sk-2"

    def test_google(self) -> None:
        with provider(answer_with(GOOGLE)) as running:
            environ = {"GOOGLE_KEY": "g-3", "GOOGLE_REVERSE_PROXY": running.url, "GOOGLE_TITLE_MODEL": "a/b"}
            assert service(environ).title_for(QUESTION) == "Contracts Explained"
        [request] = running.requests
        assert request.path == "/v1beta/models/a%2Fb:generateContent"
        assert {name.lower(): value for name, value in request.headers.items()}["x-goog-api-key"] == "g-3"

    def test_switched_off_asks_nobody(self) -> None:
        with provider(answer_with(OPENAI)) as running:
            assert openai(running, TITLE_CONVO="false").title_for("Short question") == "Short question"
        assert running.requests == []

    def test_nobody_to_ask(self) -> None:
        assert service({}).title_for("Short question") == "Short question"


def early_end(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [')
    handler.close_connection = True


BAD: dict[str, Answer] = {
    "an error": answer_with({"error": "canary"}, status=500),
    "its limit": answer_with({}, status=429, headers={"Retry-After": "soon"}),
    "a redirect": answer_with(OPENAI, status=302, headers={"Location": "http://127.0.0.1:1/"}),
    "no JSON": answer_with(None, raw=b"<html>"),
    "bad UTF-8": answer_with(None, raw=b'{"choices": "\xff"}'),
    "deep nesting": answer_with(None, raw=b"[" * 100_000),
    "something huge": answer_with(None, raw=b'"' + b"x" * 3_000_000 + b'"'),
    "another shape": answer_with({"choices": []}),
    "another type": answer_with({"choices": [{"message": {"content": {"a": 1}}}]}),
    "an empty title": answer_with({"choices": [{"message": {"content": ' "" \n'}}]}),
    "an early end": early_end,
    "thoughts that are cut off": answer_with({"choices": [{"message": {"content": "<think>The user asks"}}]}),
    "thoughts alone": answer_with({"choices": [{"message": {"content": "<think>Hm.</think>\n"}}]}),
}
THINKING = [
    "<think>The user asks about contracts.</think>\n\nContracts Explained",
    "<think>\nLong.\nLonger.\n</think>Contracts Explained",
    "<think></think>\n\nContracts Explained",
    "The user asks about contracts, so:\n</think>\n\nContracts Explained",
    "<THINK>a</THINK> <think>b</think> Contracts Explained",
    "<thinking>a</thinking>Contracts Explained",
    "<thought>a</thought>Contracts Explained",
    '<think lang="en">a</think >Contracts Explained',
    "[THINK]a[/THINK]Contracts Explained",
    "◁think▷a◁/think▷Contracts Explained",
    "<|channel|>analysis<|message|>a<|end|><|channel|>final<|message|>Contracts Explained<|return|>",
    "Contracts Explained<think>Is that short enough?",
    "Contracts Explained\n<think>Is that short enough?</think>",
    "<think>" + "long " * 5_000 + "</think>Contracts Explained",
]
DECORATED = [
    "Title: Contracts Explained",
    "title:Contracts Explained",
    "**Title:** Contracts Explained",
    "**Title: Contracts Explained**",
    '**Title**: "Contracts Explained"',
    "Suggested title: **Contracts Explained**",
    "Titel: „Contracts Explained“",
    "标题\uff1a《Contracts Explained》",
    "Title: 「Contracts Explained」",
    "Title: **Contracts Explained**",
    "# Contracts Explained",
    "- Contracts Explained",
    "**Contracts Explained**",
    "***Contracts Explained***",
    "*Contracts Explained*",
    "__Contracts Explained__",
    "`Contracts Explained`",
    '"**Contracts Explained**"',
    "“Contracts Explained”",
    "'Contracts Explained'",
    "«Contracts Explained»",
    '"Contracts Explained',
    'Contracts Explained"',
    "Here is a title for the conversation:\n\n**Contracts Explained**",
    "Sure!\nTitle: Contracts Explained\n\nI chose it because it is short.",
    "## Title:\nContracts Explained",
    "<think>Title: Wrong</think>\nTitle: *Contracts Explained*",
]
UNCHANGED = [
    "Learning C#",
    'He said "yes"',
    '"Yes" and "No"',
    "'90s Music",
    "The *args of Python",
    "*args and **kwargs",
    "Entitled: a Film",
    '"A" in "B" and "A"',
    "snake_case or _private",
    "2 < 3 and 4 > 3",
]


class TestBadAnswers:
    @pytest.mark.parametrize("answer", BAD.values(), ids=list(BAD))
    def test_fall_back_to_the_first_words(self, answer: Answer) -> None:
        with provider(answer) as running:
            assert openai(running).title_for("Short question") == "Short question"
        assert len(running.requests) == 1

    def test_that_are_too_slow_do_too(self) -> None:
        given_up = threading.Event()

        def slow(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            handler.send_header("Content-Length", "1000000")
            handler.end_headers()
            while not given_up.wait(0.05):
                handler.wfile.write(b" ")
            handler.close_connection = True

        # On a busy machine the limit of the first try may end before the request is there.
        for seconds in (0.3, 3.0, 30.0):
            with provider(slow) as running:
                titles = openai(running)
                titles.limits = ProviderLimits(short_seconds=seconds)
                assert titles.title_for("Short question") == "Short question"
                asked = len(running.requests)
                given_up.set()
            if asked:
                break
        assert asked == 1

    def test_nobody_listens(self) -> None:
        environ = {"OPENAI_API_KEY": "sk", "OPENAI_REVERSE_PROXY": "http://127.0.0.1:1"}
        assert service(environ).title_for("Short question") == "Short question"

    @pytest.mark.parametrize(
        ("given", "title"),
        [
            ('"Quoted Title"', "Quoted Title"),
            ("Two\nlines\x00\x1b[31m", "Two lines [31m"),
            ("x" * 500, "x" * 79 + "…"),
        ],
    )
    def test_that_are_titles_are_cleaned(self, given: str, title: str) -> None:
        answer: Any = {"choices": [{"message": {"content": given}}]}
        with provider(answer_with(answer)) as running:
            assert openai(running).title_for(QUESTION) == title


class TestWhatIsNoTitle:
    """What models put around a title, and the issue's: thinking that became the title of a conversation."""

    @pytest.mark.parametrize("answer", [*THINKING, *DECORATED], ids=lambda answer: repr(answer[:40]))
    def test_is_removed(self, answer: str) -> None:
        assert title_in(answer, 80) == "Contracts Explained"

    @pytest.mark.parametrize("answer", UNCHANGED)
    def test_is_only_removed_around_it(self, answer: str) -> None:
        assert title_in(answer, 80) == answer

    @pytest.mark.parametrize(
        "answer",
        [
            "",
            " \n",
            "Title:",
            "**",
            '"" ',
            "<think>",
            "<think>The user asks about",
            "The user asks</think>",
            "<think>a</think><think>b",
            "<|channel|>analysis<|message|>The user asks",
            None,
            5,
        ],
    )
    def test_alone_gives_none(self, answer: Any) -> None:
        assert title_in(answer, 80) == ""

    @pytest.mark.parametrize(
        "piece",
        [
            "<think>",
            "</think>",
            "<think ",
            "[THINK]",
            "<|a",
            '"',
            "*",
            "**a",
            "Title:",
            "# ",
            "the ",
            "\n:",
            "\u202e",
        ],
    )
    def test_takes_time_in_proportion(self, piece: str) -> None:
        assert grows_no_faster(lambda text: title_in(text, 80), lambda size: piece * size, 20_000)


class TestChoice:
    """Who is asked: the endpoint of the conversation alone; without one the first with a key of the server's."""

    def test_the_endpoint_of_the_conversation(self) -> None:
        with openai_server(Reply(["First"])) as first, openai_server(Reply(["Second"])) as second:
            titles = Titles(custom("one", first.url), custom("two", second.url))
            assert titles.title_for(QUESTION, endpoint="two") == "Second"
            assert first.requests == []
            assert titles.title_for(QUESTION) == "First"

    def test_with_the_headers_that_name_the_user(self) -> None:
        name = HeaderTemplate(("", ""), ("LIBRECHAT_USER_NAME",))
        with openai_server(Reply(["First"])) as first:
            titles = Titles(replace(custom("one", first.url), personal_headers={"X-U": name}))
            titles.title_for(QUESTION, endpoint="one", placeholders={"LIBRECHAT_USER_NAME": "Ada"})
            assert first.chats[-1].headers["x-u"] == "Ada"
            titles.title_for(QUESTION, endpoint="one")
            assert "x-u" not in first.chats[-1].headers

    def test_nobody_where_the_endpoint_is_gone(self) -> None:
        with openai_server(Reply(["First"])) as first:
            titles = Titles(custom("one", first.url))
            assert titles.title_for("Short question", endpoint="gone") == "Short question"
            assert first.requests == []

    def test_nobody_else_where_the_endpoint_fails(self) -> None:
        with openai_server(Reply(["First"])) as first:
            titles = Titles(custom("one", first.url), custom("two", "http://127.0.0.1:1"))
            assert titles.title_for("Short question", endpoint="two") == "Short question"
            assert first.requests == []

    def test_nobody_where_titles_are_off_for_the_endpoint(self) -> None:
        with openai_server(Reply(["First"])) as first, openai_server() as second:
            silent = replace(custom("two", second.url), title_conversations=False)
            titles = Titles(silent, custom("one", first.url))
            assert titles.title_for("Short question", endpoint="two") == "Short question"
            assert titles.title_for("Short question") == "First"
            assert second.requests == []

    def test_nobody_where_the_endpoint_needs_a_key_of_the_user_that_is_not_there(self) -> None:
        with openai_server(Reply(["First"])) as first, openai_server(Reply(["Own"]), key="mine") as second:
            keyless = replace(custom("two", second.url), api_key=None, user_provides_key=True)
            titles = Titles(keyless, custom("one", first.url))
            assert titles.title_for("Short question", endpoint="two") == "Short question"
            assert first.requests == second.requests == []
            assert titles.title_for(QUESTION, endpoint="two", credentials=Credentials("mine")) == "Own"

    @pytest.mark.parametrize("named", [None, "current_model"])
    def test_the_model_of_the_conversation(self, named: str | None) -> None:
        with openai_server(Reply(["T"])) as server:
            settings = replace(custom("one", server.url), models=("dear", "cheap"), title_model=named)
            Titles(settings).title_for(QUESTION, endpoint="one", model="cheap")
            Titles(settings).title_for(QUESTION, endpoint="one")
            Titles(settings).title_for(QUESTION, model="cheap")
            assert [request.json["model"] for request in server.chats] == ["cheap", "dear", "dear"]

    def test_the_model_that_the_operator_names(self) -> None:
        with openai_server(Reply(["T"])) as server:
            settings = replace(custom("one", server.url), models=("dear", "cheap"), title_model="tiny")
            Titles(settings).title_for(QUESTION, endpoint="one", model="cheap")
            assert [request.json["model"] for request in server.chats] == ["tiny"]

    def test_the_model_of_the_conversation_where_the_operator_says_so(self) -> None:
        with openai_server(Reply(["T"])) as server:
            current = replace(custom("one", server.url), title_model="current_model")
            Titles(current).title_for(QUESTION, endpoint="one", model="large")
            Titles(current).title_for(QUESTION, model="large")
            assert [request.json["model"] for request in server.chats] == ["large", "small"]

    def test_azure_by_its_deployments(self) -> None:
        with openai_server(Reply(["T"])) as server:
            deployed = AzureDeployment(server.url, "2024-10-21", "k")
            azure = ProviderSettings("az", "azure", ("gpt-4o",), deployments={"gpt-4o": deployed})
            assert Titles(azure).title_for("Short question", endpoint="az") == "Short question"
        assert [request.path for request in server.requests] == [
            "/v1/chat/completions?api-version=2024-10-21"
        ]


@pytest.fixture
def background() -> Iterator[Background]:
    """A started event loop in a thread of its own."""
    background, loop = Background(), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    loop.call_soon(background.begin)
    thread.start()
    yield background
    asyncio.run_coroutine_threadsafe(background.close(), loop).result(PATIENCE)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


class TestWaiting:
    """A handler's thread waits for what runs on the event loop."""

    def test_gets_what_the_provider_says(self, background: Background) -> None:
        with openai_server(Reply(["A Title"])) as server:
            settings = [custom("one", server.url)]
            providers = build_providers(settings, LIMITS)
            titles = TitleService(settings, providers)
            assert titles.wait_for(background, QUESTION, endpoint="one", model="m") == "A Title"
            background.wait(providers.close(), PATIENCE)

    def test_asks_no_model_that_is_not_offered(self, background: Background) -> None:
        """A conversation may name any: an import writes what its file says."""
        with openai_server(Reply(["A Title"]), models=("fetched",)) as server:
            listed = replace(custom("one", server.url), models=("dear", "cheap"))
            fetching = replace(listed, name="two", fetch_models=True)
            providers = build_providers([listed, fetching], LIMITS)
            titles = TitleService([listed, fetching], providers)
            for endpoint, model in (
                ("one", "dearest"),
                ("one", "cheap"),
                ("two", "fetched"),
                ("two", "dearest"),
            ):
                assert titles.wait_for(background, QUESTION, endpoint=endpoint, model=model) == "A Title"
            assert [request.json["model"] for request in server.chats] == ["dear", "cheap", "fetched", "dear"]
            background.wait(providers.close(), PATIENCE)

    def test_ends_when_the_loop_does_not_come_to_it(
        self, background: Background, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("echo.providers.titles.WAIT_SECONDS", 0.05)
        never = threading.Event()
        with openai_server(event_stream(never)) as server:
            settings = [custom("one", server.url)]
            providers = build_providers(settings)
            assert (
                TitleService(settings, providers).wait_for(background, "Short question") == "Short question"
            )
            background.wait(providers.close(), PATIENCE)

    def test_before_the_start_makes_one_from_the_words(self) -> None:
        titles = TitleService((), build_providers(()))
        assert titles.wait_for(Background(), "Short question") == "Short question"


def custom(name: str, url: str) -> ProviderSettings:
    return ProviderSettings(name, "custom", ("small",), api_key="sk", base_url=url)


class TestFallback:
    @pytest.mark.parametrize(
        ("text", "title"),
        [
            ("Hello", "Hello"),
            ("  Many \n\n spaces\t here ", "Many spaces here"),
            ("", "New Chat"),
            ("\x00\u202e", "New Chat"),
            ("One two three four five six seven eight nine ten", "One two three four five six seven eight…"),
            ("你好" * 40, "你好" * 19 + "你…"),
            ("😀" * 60, "😀" * 39 + "…"),
        ],
    )
    def test_is_short_and_of_one_line(self, text: str, title: str) -> None:
        made = service({}).title_for(text)
        assert made == title
        assert len(made) <= 41

    def test_of_no_text_is_empty(self) -> None:
        assert clean(None, 10) == ""


class TestOfWhatIsOpen:
    """An operator says which models are open to whom: no other is asked for a title."""

    @pytest.mark.parametrize(
        ("names", "title_model", "asked"),
        [
            ({"Own/two"}, None, "two"),
            ({"Own/*"}, None, "one"),
            ({"Own/two"}, "three", "three"),
            ({"google/*"}, None, None),
            ({"google/*"}, "three", None),
            (set(), None, None),
        ],
    )
    def test_none_is_asked_that_is_not(
        self, names: set[str], title_model: str | None, asked: str | None
    ) -> None:
        with provider(answer_with(OPENAI)) as running:
            own = ProviderSettings(
                name="Own",
                type="custom",
                models=("one", "two"),
                api_key="sk-1",
                base_url=running.url,
                title_model=title_model,
            )
            title = Titles(own).title_for(QUESTION, endpoint="Own", opened=Opened(frozenset(names)))
            models = [each.json["model"] for each in running.requests]
        assert models == ([asked] if asked else [])
        assert title == ("Contracts Explained" if asked else made_of(QUESTION))

    def test_nor_the_model_of_a_stored_conversation(self, background: Background) -> None:
        with openai_server(Reply(["A Title"])) as server:
            own = replace(custom("one", server.url), models=("dear", "cheap"))
            providers = build_providers([own], LIMITS)
            opened = Opened(frozenset({"one/cheap"}))
            TitleService([own], providers).wait_for(
                background, QUESTION, endpoint="one", model="dear", opened=opened
            )
            background.wait(providers.close(), PATIENCE)
        assert [request.json["model"] for request in server.chats] == ["cheap"]
