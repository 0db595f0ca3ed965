"""An Echo on a real port whose only provider is a small server on loopback."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from echo.app import Application, assemble
from tests.conftest import MakeUser, make_settings
from tests.support.providers import Behaviour, ProviderServer, openai_server
from tests.support.streams import Talker, listening
from tests.support.waiting import PATIENCE

Serve = Callable[..., str]


@pytest.fixture
def provided() -> Iterator[Callable[..., ProviderServer]]:
    """Starts a provider that answers so."""
    with ExitStack() as stack:
        yield lambda *behaviours: stack.enter_context(openai_server(*behaviours))


@pytest.fixture
def serve(
    application_uri: str,
    tmp_path: Path,
    application: Application,
    provided: Callable[..., ProviderServer],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Serve]:
    """Starts an Echo with these settings on the database of all tests; its address.

    The last event of an answer waits for its title for as long as a busy machine needs to make one.
    """
    monkeypatch.setattr("echo.chat.run.TITLE_SECONDS", PATIENCE)
    with ExitStack() as stack:

        def start(provider: ProviderServer, **environ: str) -> str:
            settings = make_settings(
                application_uri,
                tmp_path,
                **{
                    "OPENAI_API_KEY": "sk-test",
                    "OPENAI_REVERSE_PROXY": provider.url,
                    "OPENAI_MODELS": "gpt-4o-mini,gpt-4",
                    "ENDPOINTS": "openAI",
                    **environ,
                },
            )
            return stack.enter_context(listening(assemble(settings)))

        yield start


@dataclass
class Chat:
    """A user, the provider, and the address of the server."""

    user: Talker
    provider: ProviderServer
    url: str


@pytest.fixture
def chat(serve: Serve, provided: Callable[..., ProviderServer], make_user: MakeUser) -> Callable[..., Chat]:
    """A user before an Echo whose provider answers so."""

    def make(*behaviours: Behaviour, **environ: str) -> Chat:
        provider = provided(*behaviours)
        url = serve(provider, **environ)
        return Chat(Talker(url, make_user("ada").headers), provider, url)

    return make
