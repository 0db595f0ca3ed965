"""Deleting an account while something of it still works."""

import threading
from pathlib import Path

import pytest
from bson import ObjectId

from echo.erasure import AccountEraser
from echo.files import FileStore
from storage.database import Database
from storage.erasure import Erasure
from tests.conftest import UserClient
from tests.handlers.test_chat import PATH, start


@pytest.fixture
def files(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "files", max_bytes=1, max_pixels=1)


def test_an_answer_that_is_being_made_ends_and_is_not_stored_later(
    app_database: Database, files: FileStore, ada: UserClient
) -> None:
    stream_id = start(ada)
    events: list[bytes] = []
    follower = threading.Thread(target=lambda: events.append(ada.get(f"{PATH}/stream/{stream_id}").content))
    follower.start()
    erased = AccountEraser(app_database, files).erase(ada.id)
    follower.join(10)
    assert not follower.is_alive()
    assert b'"aborted":true' in events[0]
    assert erased.documents["messages"] == 2
    assert Erasure(app_database).count(ada.id) == {}


def test_what_a_program_with_an_api_key_still_writes_goes_too(
    app_database: Database, files: FileStore, ada: UserClient
) -> None:
    app_database.collection("sessions").delete_many({"user": ObjectId(ada.id)})
    app_database.collection("agentapikeys").insert_one({"userId": ObjectId(ada.id)})
    conversations = app_database.collection("conversations")
    late = threading.Timer(0.5, lambda: conversations.insert_one({"user": ada.id, "conversationId": ada.id}))
    late.start()
    AccountEraser(app_database, files, settle_seconds=1).erase(ada.id)
    late.join()
    assert Erasure(app_database).count(ada.id) == {}
