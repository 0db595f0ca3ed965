"""Tools that are switched on under the composer (`ephemeralAgent`), for a model of every kind of endpoint."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from echo.app import Application, assemble
from echo.settings import ProviderSettings
from tests.chat.test_tools import Kit
from tests.conftest import MakeUser, make_settings
from tests.support.providers import SERVERS, Reply
from tests.support.providers.replies import Called
from tests.support.streams import Talker, librechats, listening

# By the name of an endpoint: its kind, and a model of it.
ENDPOINTS = {
    "openAI": ("openai", "gpt-4o"),
    "azureOpenAI": ("azure", "gpt-4o"),
    "anthropic": ("anthropic", "claude-sonnet-4-5"),
    "google": ("google", "gemini-2.5-flash"),
    "Local": ("custom", "llama"),
}
CALL = Reply(["See. "], calls=(Called("weather", ('{"place": "Kyïv"}',), "call_a"),))


@pytest.fixture(scope="module")
def url(
    application: Application, application_uri: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """One Echo with all of them, each of which calls a tool and then says what it has heard."""
    assert application
    directory: Path = tmp_path_factory.mktemp("toggles")
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        providers = tuple(
            ProviderSettings(
                name,
                kind,
                (model,),
                api_key="sk-tests-only",
                base_url=stack.enter_context(SERVERS[kind](CALL, Reply(["It rains."]))).url,
                title_conversations=False,
            )
            for name, (kind, model) in ENDPOINTS.items()
        )
        patch.setattr("echo.services.tool_sources", lambda *_, **__: (Kit(),))
        settings = replace(make_settings(application_uri, directory), providers=providers)
        yield stack.enter_context(listening(assemble(settings)))


@pytest.mark.parametrize("endpoint", list(ENDPOINTS))
def test_work_with_every_kind_of_endpoint(url: str, make_user: MakeUser, endpoint: str) -> None:
    user = librechats(Talker(url, make_user("ada").headers))
    asked = {"endpoint": endpoint, "model": ENDPOINTS[endpoint][1]}
    end = user.ask("Hello", **asked, ephemeralAgent={"mcp": ["kit"]})[-1].data
    said, call, told = end["responseMessage"]["content"]
    assert (said["text"], told["text"]) == ("See. ", "It rains.")
    assert (call["tool_call"]["name"], call["tool_call"]["output"]) == ("weather", "rain in Kyïv")
