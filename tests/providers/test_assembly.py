"""How the parts that talk to models are put together."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from echo.background import Background
from echo.providers import assembly
from echo.providers.assembly import ProviderParts, build_provider_parts
from echo.providers.titles import AskedTitle, Titled
from echo.settings import ModerationSettings, load_settings
from tests.support.providers import Reply, openai_server
from tests.support.providers.asking import settings_of

ENVIRON = {"OPENAI_API_KEY": "sk-tests-only", "ECHO_OFFLINE_MODEL": "off"}


def parts_of(
    *, voice: Any = None, moderation: Any = None, titled: Any = None, **environ: str
) -> ProviderParts:
    settings = replace(load_settings({**ENVIRON, **environ}), voice=voice, moderation=moderation)
    return build_provider_parts(settings, Background(), titled=titled)


class TestParts:
    def test_are_of_the_settings(self) -> None:
        parts = parts_of(
            voice=settings_of("openai", "http://127.0.0.1:1", name="voice"),
            moderation=ModerationSettings("http://127.0.0.1:1"),
        )
        assert (list(parts.registry), list(parts.voices)) == (["openAI"], ["voice"])
        assert parts.moderation.enabled is True
        assert parts.catalog.endpoints()[0].name == "openAI"

    def test_may_be_missing(self) -> None:
        parts = parts_of()
        assert (list(parts.voices), parts.moderation.enabled) == ([], False)

    def test_have_the_limits_of_the_settings(self) -> None:
        parts = parts_of(
            voice=settings_of("openai", "http://127.0.0.1:1", name="voice"), ECHO_PROVIDER_ATTEMPTS="7"
        )
        transports = [*parts.registry._transports, *parts.voices._transports, parts.moderation._transport]
        assert [each.limits.attempts for each in transports] == [7] * 5
        assert parts.moderation._limits.attempts == 7

    def test_are_prepared_in_a_thread(self, monkeypatch: pytest.MonkeyPatch) -> None:
        called: list[bool] = []
        monkeypatch.setattr(assembly, "prepare", lambda: called.append(True))
        asyncio.run(parts_of().prepare())
        assert called == [True]

    def test_are_closed_together(self, monkeypatch: pytest.MonkeyPatch) -> None:
        parts, closed = parts_of(voice=settings_of("openai", "http://127.0.0.1:1", name="voice")), []
        for each in (parts.registry, parts.voices, parts.moderation):

            async def close(each: Any = each) -> None:
                closed.append(each)

            monkeypatch.setattr(each, "close", close)
        asyncio.run(parts.close())
        assert closed == [parts.registry, parts.voices, parts.moderation]


class TestTitles:
    def title(self, **environ: str) -> tuple[str, list[AskedTitle]]:
        told: list[AskedTitle] = []

        async def run() -> str:
            parts = parts_of(titled=told.append, OPENAI_REVERSE_PROXY=server.url, **environ)
            try:
                return await parts.titles.title_for("Hello", endpoint="openAI", titled=Titled("ada", "c1"))
            finally:
                await parts.close()

        with openai_server(Reply(["A Title"])) as server:
            return asyncio.run(run()), told

    def test_are_told_of(self) -> None:
        title, told = self.title()
        assert (title, [each.answered for each in told]) == ("A Title", ["A Title"])

    def test_may_be_off(self) -> None:
        assert self.title(TITLE_CONVO="false") == ("Hello", [])
