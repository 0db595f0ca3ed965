"""Titles against small servers that speak each provider's protocol, well and badly."""

import time
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from echo.providers import http
from echo.providers.titles import TitleService, clean
from echo.settings import load_settings
from tests.support.loopback import Answer, Provider, answer_with, provider

OPENAI = {"choices": [{"message": {"role": "assistant", "content": "Contracts Explained"}}]}
ANTHROPIC = {"content": [{"type": "text", "text": "Contracts Explained"}]}
GOOGLE = {"candidates": [{"content": {"parts": [{"text": "Contracts Explained"}]}}]}
QUESTION = "What is a contract, and who keeps it?"


def service(environ: dict[str, str]) -> TitleService:
    settings = load_settings(environ)
    return TitleService(settings.providers, enabled=settings.title_conversations)


def openai(running: Provider, **extra: str) -> TitleService:
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


def slow(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    for _ in range(40):
        handler.wfile.write(b" ")
        time.sleep(0.05)


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
    "too slow": slow,
    "an early end": early_end,
}


class TestBadAnswers:
    @pytest.mark.parametrize("answer", BAD.values(), ids=list(BAD))
    def test_fall_back_to_the_first_words(self, answer: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(http, "READ_SECONDS", 0.5)
        monkeypatch.setattr(http.post, "__kwdefaults__", {**http.post.__kwdefaults__, "seconds": 0.5})
        with provider(answer) as running:
            assert openai(running).title_for("Short question") == "Short question"
        assert len(running.requests) == 1

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
