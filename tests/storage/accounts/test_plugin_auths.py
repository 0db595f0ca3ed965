"""What users bring for tools: a value for each field of a plugin, of one owner."""

import pytest
from bson import ObjectId

from storage.accounts.plugin_auths import PluginAuthRepository
from storage.core.database import Database
from storage.core.errors import TooMany
from tests.support.chats import new_owner


@pytest.fixture
def values(database: Database) -> PluginAuthRepository:
    return PluginAuthRepository(database)


def test_are_stored_as_librechat_reads_them(values: PluginAuthRepository, database: Database) -> None:
    owner = new_owner()
    values.set(owner, "google", {"GOOGLE_CSE_ID": "a"})
    values.set(owner, "google", {"GOOGLE_CSE_ID": "b"})
    [stored] = list(database.collection("pluginauths").find({"userId": owner}))
    assert {name: stored[name] for name in stored if not name.endswith("At") and name != "_id"} == {
        "userId": owner,
        "pluginKey": "google",
        "authField": "GOOGLE_CSE_ID",
        "value": "b",
        "__v": 0,
    }


def test_are_found_by_plugin_or_by_field_and_by_no_other_owner(values: PluginAuthRepository) -> None:
    owner, other = new_owner(), new_owner()
    values.set(owner, "web_search", {"JINA_API_KEY": "a", "TAVILY_API_KEY": "b"})
    values.set(owner, "mcp_x", {"TOKEN": "c"})
    assert values.get(owner, "web_search") == {"JINA_API_KEY": "a", "TAVILY_API_KEY": "b"}
    assert values.get_fields(owner, ["TAVILY_API_KEY", "TOKEN", "NONE"]) == {
        "TAVILY_API_KEY": "b",
        "TOKEN": "c",
    }
    assert (values.get(other, "web_search"), values.get_fields(other, ["TOKEN"])) == ({}, {})


def test_are_deleted_by_field_or_all_of_a_plugin(values: PluginAuthRepository) -> None:
    owner, other = new_owner(), new_owner()
    for each in (owner, other):
        values.set(each, "mcp_x", {"A": "1", "B": "2"})
    assert values.delete(owner, "mcp_x", ["A"]) == 1
    assert values.get(owner, "mcp_x") == {"B": "2"}
    assert values.delete(owner, "mcp_x") == 1
    assert values.get(other, "mcp_x") == {"A": "1", "B": "2"}


def test_are_bounded(values: PluginAuthRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.accounts.plugin_auths.MAX_VALUES", 2)
    owner = new_owner()
    values.set(owner, "a", {"A": "1", "B": "2"})
    values.set(owner, "a", {"B": "3"})
    with pytest.raises(TooMany) as refused:
        values.set(owner, "b", {"B": "2"})
    assert (refused.value.kind, refused.value.most) == ("values for tools", 2)
    assert values.get(owner, "b") == {}
    # Others have their own.
    values.set(new_owner(), "b", {"A": "1", "B": "2"})


def test_of_doubles_the_first_is_read(values: PluginAuthRepository, database: Database) -> None:
    owner = new_owner()
    mine = {"userId": owner, "pluginKey": "a", "authField": "A"}
    database.collection("pluginauths").insert_many(
        {**mine, "_id": ObjectId(f"{number:024x}"), "value": str(number)} for number in (2, 1, 3)
    )
    assert values.get(owner, "a") == values.get_fields(owner, ["A"]) == {"A": "1"}
