"""What users bring for tools: encrypted, by the names under which it is looked for, and told to who must know."""

import pytest
from bson import ObjectId

from echo.accounts.credentials_cipher import CredentialsCipher
from echo.accounts.plugin_keys import PluginKeys
from echo.errors import ServiceUnavailable
from storage.accounts.plugin_auths import PluginAuthRepository
from storage.accounts.preferences import PreferenceRepository
from storage.core.database import Database
from tests.support.chats import new_owner

CIPHER = CredentialsCipher("c0" * 32, "d1" * 16)
SEARCH = {"serperApiKey": "SERPER_API_KEY", "jinaApiKey": "JINA_API_KEY"}


class Shop:
    """The keys, what is stored, and what was told of changes."""

    def __init__(self, database: Database, cipher: CredentialsCipher | None = CIPHER) -> None:
        self.database = database
        self.stored = PluginAuthRepository(database)
        self.told: list[tuple[str, str]] = []
        self.keys = PluginKeys(self.stored, PreferenceRepository(database), cipher, SEARCH)
        self.keys.listen(lambda owner, plugin: self.told.append((owner, plugin)))


@pytest.fixture
def shop(app_database: Database) -> Shop:
    return Shop(app_database)


@pytest.fixture
def owner() -> str:
    return new_owner()


class TestInstalling:
    def test_stores_values_that_nobody_can_read(self, shop: Shop, owner: str) -> None:
        shop.keys.install(owner, "google", {"KEY": "canary", "EMPTY": ""})
        kept = shop.stored.get(owner, "google")
        assert kept.keys() == {"KEY"}
        assert "canary" not in str(kept)
        assert shop.keys.get(owner, "google") == {"KEY": "canary"}
        assert shop.told == [(owner, "google")]
        shop.keys.install(owner, "google", {"KEY": "new", "MORE": "x"})
        assert shop.keys.get(owner, "google") == {"KEY": "new", "MORE": "x"}
        assert shop.keys.get(new_owner(), "google") == shop.keys.get(owner, "other") == {}

    def test_of_web_search_takes_clients_names_for_variables(self, shop: Shop, owner: str) -> None:
        shop.keys.install(owner, "web_search", {"serperApiKey": "a", "JINA_API_KEY": "b", "other": "c"})
        assert shop.keys.get(owner, "web_search") == {"SERPER_API_KEY": "a"}
        # Of another plugin a name is what it is.
        shop.keys.install(owner, "google", {"serperApiKey": "d"})
        assert shop.keys.get(owner, "google") == {"serperApiKey": "d"}

    def test_of_nothing_stores_nothing_and_is_told(self, shop: Shop, owner: str) -> None:
        shop.keys.install(owner, "mcp_x", {"A": ""})
        assert shop.stored.get(owner, "mcp_x") == {}
        assert shop.told == [(owner, "mcp_x")]


class TestUninstalling:
    def test_deletes_the_fields_that_are_named(self, shop: Shop, owner: str) -> None:
        for plugin in ("google", "mcp_x"):
            shop.keys.install(owner, plugin, {"A": "1", "B": "2"})
            shop.keys.uninstall(owner, plugin, ["A"])
            assert shop.keys.get(owner, plugin) == {"B": "2"}
        assert shop.told == [(owner, "google")] * 2 + [(owner, "mcp_x")] * 2

    @pytest.mark.parametrize(
        ("plugin", "left"),
        [("web_search", 0), ("mcp_x", 0), ("google", 1), ("web_searches", 1), ("xmcp_", 1)],
    )
    def test_of_none_deletes_all_of_a_server_and_of_web_search(
        self, shop: Shop, owner: str, plugin: str, left: int
    ) -> None:
        shop.stored.set(owner, plugin, {"SERPER_API_KEY": "x"})
        shop.keys.uninstall(owner, plugin, [])
        assert len(shop.stored.get(owner, plugin)) == left

    def test_of_web_search_takes_clients_names(self, shop: Shop, owner: str) -> None:
        shop.keys.install(owner, "web_search", {"serperApiKey": "a", "jinaApiKey": "b"})
        shop.keys.uninstall(owner, "web_search", ["serperApiKey", "unknown"])
        assert shop.keys.get(owner, "web_search") == {"JINA_API_KEY": "b"}


class TestReading:
    def test_is_by_field_whatever_the_tool(self, shop: Shop, owner: str) -> None:
        shop.keys.install(owner, "google", {"A": "1", "B": "2"})
        shop.keys.install(owner, "mcp_x", {"C": "3"})
        assert shop.keys.get_fields(owner, ["A", "C", "D"]) == {"A": "1", "C": "3"}

    def test_leaves_out_what_another_key_encrypted(self, shop: Shop, owner: str) -> None:
        shop.keys.install(owner, "google", {"A": "1"})
        shop.stored.set(owner, "google", {"B": "not encrypted"})
        assert shop.keys.get(owner, "google") == shop.keys.get_fields(owner, ["A", "B"]) == {"A": "1"}


class TestWithoutAKeyOfTheServers:
    def test_nothing_is_kept_or_read_and_all_is_deleted(
        self, app_database: Database, shop: Shop, owner: str
    ) -> None:
        closed = Shop(app_database, None)
        shop.keys.install(owner, "google", {"A": "1"})
        assert closed.keys.get(owner, "google") == closed.keys.get_fields(owner, ["A"]) == {}
        with pytest.raises(ServiceUnavailable) as refused:
            closed.keys.install(owner, "google", {"A": "2"})
        assert (refused.value.code, refused.value.message) == (
            "keys_unavailable",
            "Keys cannot be kept on this server.",
        )
        # The log says what to do about it.
        assert str(refused.value.__cause__) == "CREDS_KEY and CREDS_IV are not set"
        assert closed.told == []
        closed.keys.uninstall(owner, "google", ["A"])
        assert shop.keys.get(owner, "google") == {}


def test_a_plugin_is_marked_in_the_users_own_list(app_database: Database, shop: Shop, owner: str) -> None:
    users = app_database.collection("users")
    users.insert_one({"_id": ObjectId(owner), "email": owner})
    for plugin, installed in (("a", True), ("b", True), ("a", False)):
        shop.keys.mark(owner, plugin, installed=installed)
    assert (users.find_one({"_id": ObjectId(owner)}) or {})["plugins"] == ["b"]
