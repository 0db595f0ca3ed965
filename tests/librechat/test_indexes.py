"""Echo's indexes and LibreChat's, on one database: neither stands in the other's way, and none is dropped."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient

from storage.core.database import Database
from storage.operator.indexes import REPOSITORIES, ensure_indexes
from tests.librechat.models import NODE, Models
from tests.support.database import named_database
from tests.support.librechat import Document

Indexes = dict[str, dict[str, Any]]
LOGGER = "storage.core.database"


@pytest.fixture
def empty_uri(mongo_uri: str) -> Iterator[str]:
    with named_database(mongo_uri, "echo_indexes") as uri:
        yield uri


def start_echo(uri: str) -> None:
    database = Database(uri)
    ensure_indexes(database)
    database.close()


def indexes_of(uri: str) -> Indexes:
    """By collection and name, every index with its keys and options."""
    with MongoClient[Document](uri) as client:
        raw = client.get_default_database()
        return {
            name: {each["name"]: options(each) for each in raw[name].list_indexes()}
            for name in raw.list_collection_names()
        }


def options(index: Any) -> Any:
    return {
        "key": list(index["key"].items()),
        **{name: value for name, value in index.items() if name not in ("key", "v", "ns", "background")},
    }


def declared() -> set[tuple[str, str]]:
    return {
        (each.collection_name, str(model.document["name"])) for each in REPOSITORIES for model in each.indexes
    }


def without_any(before: Indexes, after: Indexes) -> list[tuple[str, str]]:
    """Indexes that are not as they were."""
    return [
        (collection, name)
        for collection, indexes in before.items()
        for name, index in indexes.items()
        if after[collection].get(name) != index
    ]


def added(before: Indexes, after: Indexes) -> set[tuple[str, str]]:
    return {
        (collection, name)
        for collection, indexes in after.items()
        for name in indexes.keys() - before.get(collection, {}).keys()
        if name != "_id_"
    }


class TestOnADatabaseOfLibreChats:
    """The dump has the indexes that LibreChat v0.8.8-rc1 made."""

    def test_nothing_is_dropped_and_only_what_is_declared_comes(
        self, librechat_copy: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        before = indexes_of(librechat_copy)
        with caplog.at_level(logging.WARNING, LOGGER):
            start_echo(librechat_copy)
        after = indexes_of(librechat_copy)
        assert without_any(before, after) == []
        assert added(before, after) <= declared()
        assert caplog.records == []
        start_echo(librechat_copy)
        assert indexes_of(librechat_copy) == after

    @pytest.fixture
    def librechat_copy(self, mongo_uri: str, dump: dict[str, Any]) -> Iterator[str]:
        names = {each.collection_name for each in REPOSITORIES} & dump.keys()
        with named_database(mongo_uri, "echo_indexes") as uri, MongoClient[Document](uri) as client:
            raw = client.get_default_database()
            for name in names:
                for index in dump[name]["indexes"]:
                    if index["name"] != "_id_":
                        given = {key: value for key, value in index.items() if key not in {"key", "v", "ns"}}
                        raw[name].create_index([tuple(each) for each in index["key"]], **given)
            yield uri


class TestWithThePublishedModels:
    def test_echo_after_librechat(
        self, models: Models, empty_uri: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        assert models.run("indexes", empty_uri) == {}
        before = indexes_of(empty_uri)
        assert sum(map(len, before.values())) > 100
        with caplog.at_level(logging.WARNING, LOGGER):
            start_echo(empty_uri)
        after = indexes_of(empty_uri)
        assert without_any(before, after) == []
        assert added(before, after) <= declared()
        assert caplog.records == []

    def test_librechat_after_echo(self, models: Models, empty_uri: str) -> None:
        start_echo(empty_uri)
        before = indexes_of(empty_uri)
        assert models.run("indexes", empty_uri) == {}
        assert without_any(before, indexes_of(empty_uri)) == []


def test_the_lock_file_names_no_registry() -> None:
    packages = json.loads((NODE / "package-lock.json").read_text())["packages"]
    assert len(packages) > 100
    assert [name for name, package in packages.items() if "resolved" in package] == []
    assert all("integrity" in package for name, package in packages.items() if name)
