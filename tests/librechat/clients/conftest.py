"""An Echo on a real port, for clients that other people wrote."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from pymongo import MongoClient

from echo.app import assemble
from echo.serving.preparing import prepare
from echo.settings import ProviderSettings, Settings
from tests.conftest import UserClient, make_settings
from tests.support.code_interpreter import KEY, code_interpreter
from tests.support.database import named_database
from tests.support.providers import ProviderServer, Reply, openai_server
from tests.support.streams import listening
from tests.support.two_factor import give_second_factor

ANSWER = 'Here it is:\n:::artifact{identifier="sum" type="text/plain" title="Sum"}\n```\n1 + 1\n```\n:::\n'


@pytest.fixture(scope="package")
def address(
    mongo_uri: str, patient_server: ProviderServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Where LibreChat's API of a new installation is; without its slash at the end."""
    directory = tmp_path_factory.mktemp("clients")
    with (
        named_database(mongo_uri, "echo_clients") as uri,
        openai_server(Reply([ANSWER])) as server,
        code_interpreter() as (code, _),
    ):
        settings = make_settings(
            uri,
            directory,
            OPENAI_API_KEY="sk-tests-only",
            OPENAI_REVERSE_PROXY=server.url,
            OPENAI_MODELS="gpt-4o",
            LIBRECHAT_CODE_BASEURL=code.url,
            LIBRECHAT_CODE_API_KEY=KEY,
            LIMIT_CONCURRENT_MESSAGES="false",
            # Nobody listens there: what the functions get does not wait for mail.
            EMAIL_HOST="127.0.0.1",
            EMAIL_PORT="1",
            EMAIL_FROM="echo@example.com",
            ALLOW_PASSWORD_RESET="true",
            ALLOW_UNVERIFIED_EMAIL_LOGIN="true",
        )
        fake = ProviderSettings(
            name="Fake",
            type="custom",
            models=("gpt-4o",),
            api_key="sk-tests-only",
            base_url=patient_server.url,
        )
        settings = replace(settings, providers=(*settings.providers, fake))
        prepare(settings)
        with listening(assemble(settings)) as url:
            yield f"{url}/chat"


@pytest.fixture
def guarded(ada: UserClient, settings: Settings) -> UserClient:
    """A user with a second factor."""
    with MongoClient[dict[str, Any]](str(settings.mongo_uri)) as client:
        give_second_factor(client.get_default_database().users, ada.id)
    return ada
