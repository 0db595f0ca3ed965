"""What users' provider keys are worth when a provider is asked."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from echo.accounts.credentials_cipher import CredentialsCipher
from echo.accounts.user_keys import MAX_KEYS, KeyService, make_cipher, read_credentials
from echo.errors import ServiceUnavailable, Unprocessable
from echo.providers.chat import Credentials
from echo.settings import ProviderSettings, load_settings
from storage.accounts.keys import KeyRepository
from storage.core.database import Database
from tests.support.chats import new_owner
from tests.support.database import named_database

CIPHER = CredentialsCipher("c0" * 32, "d1" * 16)
PROVIDERS = (
    ProviderSettings("openAI", "openai", ("m",), user_provides_key=True),
    ProviderSettings("Local", "custom", ("m",), user_provides_key=True, user_provides_url=True),
    ProviderSettings("google", "google", ("m",), api_key="the-servers"),
)
BOTH = json.dumps({"apiKey": "sk-1", "baseURL": "https://models.example.com/v1"})
AZURE = {
    "azureOpenAIApiKey": "az-1",
    "azureOpenAIApiInstanceName": "contoso",
    "azureOpenAIApiDeploymentName": "gpt",
    "azureOpenAIApiVersion": "2024-10-21",
}


@pytest.fixture(scope="module")
def repository(mongo_uri: str) -> Iterator[KeyRepository]:
    with named_database(mongo_uri, "echo_user_keys") as uri:
        database = Database(uri)
        yield KeyRepository(database)
        database.close()


@pytest.fixture
def service(repository: KeyRepository) -> KeyService:
    return KeyService(repository, PROVIDERS, CIPHER)


class TestReadCredentials:
    @pytest.mark.parametrize(
        ("value", "found"),
        [
            ("sk-plain", Credentials("sk-plain")),
            (" sk-plain\n", Credentials("sk-plain")),
            (BOTH, Credentials("sk-1", "https://models.example.com/v1")),
            ('{"apiKey": "sk-1", "baseURL": ""}', Credentials("sk-1")),
            ('{"apiKey": "sk-1", "baseURL": ["x"]}', Credentials("sk-1")),
            ('{"GOOGLE_API_KEY": "g-1"}', Credentials("g-1")),
            (
                json.dumps({"apiKey": json.dumps(AZURE), "baseURL": ""}),
                Credentials("az-1", "https://contoso.openai.azure.com"),
            ),
            ("{broken", Credentials("{broken")),
            ("", None),
            ("  ", None),
            ("{}", None),
            ('{"apiKey": 5}', None),
            ('{"apiKey": ""}', None),
        ],
    )
    def test_knows_what_librechats_client_stores(self, value: str, found: Credentials | None) -> None:
        assert read_credentials(value, with_url=True) == found

    def test_leaves_an_address_out_where_none_may_be_brought(self) -> None:
        assert read_credentials(BOTH, with_url=False) == Credentials("sk-1")

    @pytest.mark.parametrize("instance", ["evil.example.com/", "a.b", "x@y", "", "a:1", "-", "é", "a" * 70])
    def test_an_azure_instance_is_no_way_to_another_host(self, instance: str) -> None:
        fields = json.dumps({**AZURE, "azureOpenAIApiInstanceName": instance})
        assert read_credentials(json.dumps({"apiKey": fields}), with_url=True) is None


class TestCredentials:
    def test_are_the_owners_for_that_endpoint(self, service: KeyService) -> None:
        owner = new_owner()
        service.put(owner, name="openAI", value=BOTH)
        service.put(owner, name="Local", value=BOTH)
        assert service.credentials(owner, "openAI") == Credentials("sk-1")
        assert service.credentials(owner, "Local") == Credentials("sk-1", "https://models.example.com/v1")
        assert service.credentials(new_owner(), "openAI") is None

    def test_do_not_replace_a_key_of_the_servers(self, service: KeyService) -> None:
        owner = new_owner()
        service.put(owner, name="google", value="mine")
        service.put(owner, name="nowhere", value="mine")
        assert service.credentials(owner, "google") is None
        assert service.credentials(owner, "nowhere") is None

    def test_end_when_the_key_expires(self, service: KeyService) -> None:
        owner = new_owner()
        service.put(owner, name="openAI", value="x", expires_at=datetime.now(UTC) - timedelta(seconds=1))
        assert service.credentials(owner, "openAI") is None
        assert service.expiry(owner, "openAI") is None

    def test_are_none_when_they_cannot_be_decrypted(
        self, service: KeyService, repository: KeyRepository
    ) -> None:
        owner = new_owner()
        repository.put(owner, "openAI", value="not encrypted", expires_at=None)
        assert service.credentials(owner, "openAI") is None

    def test_do_not_show_in_a_repr(self, service: KeyService) -> None:
        owner = new_owner()
        service.put(owner, name="openAI", value="canary")
        assert "canary" not in repr(service.credentials(owner, "openAI"))


class TestWithoutKeysOfTheServers:
    @pytest.fixture
    def closed(self, repository: KeyRepository) -> KeyService:
        return KeyService(repository, PROVIDERS, make_cipher(load_settings({})))

    def test_nothing_can_be_kept_or_read(self, closed: KeyService) -> None:
        owner = new_owner()
        attempts: list[Callable[[], object]] = [
            lambda: closed.put(owner, name="openAI", value="x"),
            lambda: closed.expiry(owner, "openAI"),
        ]
        for attempt in attempts:
            with pytest.raises(ServiceUnavailable) as refused:
                attempt()
            assert refused.value.code == "keys_unavailable"
            assert refused.value.message == "Keys cannot be kept on this server."
            assert str(refused.value.__cause__) == "CREDS_KEY and CREDS_IV are not set"
        assert closed.credentials(owner, "openAI") is None

    def test_everything_can_be_deleted(self, closed: KeyService, service: KeyService) -> None:
        owner = new_owner()
        service.put(owner, name="openAI", value="x")
        service.put(owner, name="Local", value="x")
        closed.delete(owner, "openAI")
        assert service.expiry(owner, "openAI") is None
        closed.delete_all(owner)
        assert service.expiry(owner, "Local") is None


class TestPut:
    def test_there_is_a_limit_and_replacing_is_no_new_one(
        self, service: KeyService, repository: KeyRepository
    ) -> None:
        owner = new_owner()
        for number in range(MAX_KEYS):
            repository.put(owner, str(number), value="x", expires_at=None)
        service.put(owner, name="0", value="y")
        with pytest.raises(Unprocessable) as refused:
            service.put(owner, name="one more", value="y")
        assert refused.value.code == "too_many_keys"
        assert refused.value.message == "Nobody may keep more than 100 provider keys."


class TestExpiry:
    def test_is_a_time_or_never_or_nothing(self, service: KeyService) -> None:
        owner, end = new_owner(), datetime(2099, 1, 1, tzinfo=UTC)
        assert service.expiry(owner, "openAI") is None
        service.put(owner, name="openAI", value="x")
        assert service.expiry(owner, "openAI") == "never"
        service.put(owner, name="openAI", value="x", expires_at=end)
        assert service.expiry(owner, "openAI") == end


def test_the_cipher_is_made_of_the_settings() -> None:
    settings = replace(load_settings({}), creds_key="c0" * 32, creds_iv="d1" * 16)
    cipher = make_cipher(settings)
    assert cipher
    assert cipher.decrypt(CIPHER.encrypt("x")) == "x"
