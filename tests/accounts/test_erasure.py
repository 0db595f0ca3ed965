"""Deleting an account while something of it still works."""

import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from bson import ObjectId

from echo.accounts.erasure import SETTLE_SECONDS, AccountEraser
from echo.files import FileStore
from echo.services import Services
from storage.core.database import Database
from storage.operator.erasure import Erasure
from tests.conftest import UserClient
from tests.handlers.test_chat import PATH, start
from tests.support.waiting import PATIENCE, until


@pytest.fixture
def files(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "files", max_bytes=1, max_pixels=1)


def test_an_answer_that_is_being_made_ends_and_is_not_stored_later(
    app_database: Database, files: FileStore, ada: UserClient, services: Services
) -> None:
    stream_id = start(ada)
    document = app_database.collection("echo_runs").find_one({"conversationId": stream_id})
    assert document is not None
    run = services.chat._hub.local(document["_id"])
    assert run is not None
    events: list[bytes] = []
    follower = threading.Thread(target=lambda: events.append(ada.get(f"{PATH}/stream/{stream_id}").content))
    follower.start()
    # The journal and the follower; who comes after the erasure is refused.
    until(lambda: len(run.transcript.watchers) == 2)
    erased = AccountEraser(app_database, files).erase(ada.id)
    follower.join(PATIENCE)
    assert not follower.is_alive()
    assert b'"aborted":true' in events[0]
    assert (erased.documents["messages"], erased.documents["sessions"]) == (2, 1)
    assert Erasure(app_database).count(ada.id) == {}


def test_what_a_program_with_an_api_key_still_writes_goes_too(
    app_database: Database, files: FileStore, ada: UserClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    app_database.collection("sessions").delete_many({"user": ObjectId(ada.id)})
    app_database.collection("agentapikeys").insert_one({"userId": ObjectId(ada.id)})
    conversations = app_database.collection("conversations")
    waited: list[float] = []

    def write(seconds: float) -> None:
        waited.append(seconds)
        conversations.insert_one({"user": ada.id, "conversationId": ada.id})

    # In the seconds for which the erasure waits.
    monkeypatch.setattr("echo.accounts.erasure.time", SimpleNamespace(sleep=write))
    AccountEraser(app_database, files).erase(ada.id)
    assert waited == [SETTLE_SECONDS]
    assert Erasure(app_database).count(ada.id) == {}
