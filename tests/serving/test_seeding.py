"""Users and conversations that a file names are there when the server starts."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from echo.serving.seeding import seed
from echo.settings import SettingsError
from tests.conftest import make_settings
from tests.support.database import PreparedDatabase

PASSWORD = "correct horse 1 battery"
MESSAGE = {"messageId": "m1", "text": "What is a contract?", "sender": "User", "isCreatedByUser": True}
CONVERSATION = {"conversationId": "c1", "title": "Contracts", "messages": [MESSAGE]}


@pytest.fixture
def uri(prepared_database: PreparedDatabase) -> Iterator[str]:
    yield prepared_database.uri
    prepared_database.clear()


def write(directory: Path, *users: dict[str, Any]) -> Path:
    path = directory / "seed.json"
    path.write_text(json.dumps({"users": users}))
    return path


def test_makes_users_and_their_conversations_once(uri: str, tmp_path: Path) -> None:
    (tmp_path / "export.json").write_text(json.dumps({**CONVERSATION, "title": "Exported"}))
    path = write(
        tmp_path,
        {"email": "Ada@example.com", "password": PASSWORD, "role": "ADMIN", "conversations": [CONVERSATION]},
        {"email": "bob@example.com", "password": PASSWORD, "name": "Bob", "import": "export.json"},
    )
    settings = make_settings(uri, tmp_path, ALLOW_REGISTRATION="false")
    seed(settings, path)
    seed(settings, path)
    with MongoClient[dict[str, Any]](uri) as client:
        stored = client.get_default_database()
        users = {each["email"]: each for each in stored.users.find()}
        titles = {each["user"]: each["title"] for each in stored.conversations.find()}
        assert stored.messages.count_documents({}) == 2
    assert [(each["name"], each["role"]) for each in users.values()] == [("ada", "ADMIN"), ("Bob", "USER")]
    assert titles == {
        str(users["ada@example.com"]["_id"]): "Contracts",
        str(users["bob@example.com"]["_id"]): "Exported",
    }


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{", "is no JSON"),
        ("[]", "an export is named by"),
        ('{"users": [{"email": "ada@example.com"}]}', "Missing data"),
        ('{"users": [{"email": "ada", "password": "x"}]}', "is not a valid e-mail address"),
        ('{"users": [{"email": "ada@example.com", "password": "short"}]}', "ada@example.com"),
        (
            json.dumps(
                {"users": [{"email": "ada@example.com", "password": PASSWORD, "import": "none.json"}]}
            ),
            "none.json, which cannot be read",
        ),
    ],
)
def test_says_what_is_wrong(uri: str, tmp_path: Path, content: str, why: str) -> None:
    path = tmp_path / "seed.json"
    path.write_text(content)
    with pytest.raises(SettingsError, match=why):
        seed(make_settings(uri, tmp_path), path)
