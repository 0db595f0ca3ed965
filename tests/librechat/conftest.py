"""A database that LibreChat wrote (`database.json`, extended JSON with made-up content), and Echo on it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bson import json_util
from pymongo import MongoClient
from starlette.testclient import TestClient

from echo.app import assemble
from storage.database import Database
from storage.indexes import ensure_indexes
from tests.conftest import Client, make_settings
from tests.support.contract import ContractChecker
from tests.support.database import named_database

Documents = dict[str, dict[Any, dict[str, Any]]]
PASSWORDS = {"ada": "password-ada1", "bob": "password-bob1"}


@pytest.fixture(scope="session")
def dump() -> dict[str, Any]:
    text = Path(__file__).with_name("database.json").read_text(encoding="utf-8")
    collections: dict[str, Any] = json_util.loads(text)["collections"]
    return collections


@pytest.fixture
def librechat_uri(mongo_uri: str, dump: dict[str, Any]) -> Iterator[str]:
    """The URI of a fresh copy, indexes included."""
    with named_database(mongo_uri, "echo_librechat") as uri, MongoClient[dict[str, Any]](uri) as client:
        raw = client.get_default_database()
        for name, saved in dump.items():
            raw.create_collection(name)
            for index in saved["indexes"]:
                restore_index(raw[name], index)
            if saved["documents"]:
                raw[name].insert_many(saved["documents"])
        yield uri


def restore_index(collection: Any, saved: dict[str, Any]) -> None:
    options = {name: value for name, value in saved.items() if name not in {"key", "v", "ns"}}
    if options["name"] != "_id_":
        collection.create_index([tuple(each) for each in saved["key"]], **options)


@pytest.fixture
def content(librechat_uri: str) -> Iterator[Callable[[], Documents]]:
    """Reads the whole database: each document by collection and `_id`."""
    with MongoClient[dict[str, Any]](librechat_uri) as client:
        raw = client.get_default_database()
        yield lambda: {
            name: {each["_id"]: each for each in raw[name].find()} for name in raw.list_collection_names()
        }


@pytest.fixture
def log_in(librechat_uri: str, tmp_path: Path, checker: ContractChecker) -> Iterator[Callable[[str], Client]]:
    """Logs a user of LibreChat's in to an Echo on the copy."""
    settings = make_settings(librechat_uri, tmp_path, SESSION_EXPIRY="3600000")
    database = Database(librechat_uri)
    ensure_indexes(database)
    database.close()
    with TestClient(
        assemble(settings).asgi, raise_server_exceptions=False, client=("127.0.0.1", 50000)
    ) as http:

        def login(name: str) -> Client:
            body = {"email": f"{name}@example.test", "password": PASSWORDS[name]}
            answer = Client(http, checker).post("/api/auth/login", json=body)
            assert answer.status_code == 200, answer.text
            return Client(http, checker, answer.json()["token"])

        yield login
