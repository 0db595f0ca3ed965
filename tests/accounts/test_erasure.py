"""Deleting an account while something of it still works."""

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from bson import ObjectId

from echo.accounts.erasure import SETTLE_SECONDS, AccountEraser
from echo.files import FileStore
from echo.files.owner_directories import Removed
from echo.services import Services
from storage.accounts.bans import FOR_EVER, BanRepository
from storage.core.database import Database
from storage.operator.erasure import Erasure
from tests.conftest import UserClient
from tests.handlers.test_chat import PATH, start
from tests.support.chats import new_owner
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


class Noted:
    """A file store that notes what it is asked to do, and the service that forgets what files say."""

    sources = ("s3",)

    def __init__(self, database: Database) -> None:
        self.users = database.collection("users")
        self.done: list[tuple[str, Any]] = []

    def forget(self, owner: str) -> None:
        assert self.users.find_one({"_id": ObjectId(owner)}), "the user goes last"
        self.done.append(("forget", owner))

    def delete_all(self, owner: str) -> Removed:
        self.done.append(("delete_all", owner))
        return Removed(2, 30)

    def delete(self, record: dict[str, Any]) -> None:
        self.done.append(("delete", (record["filename"], record["user"])))

    def copy_to(self, record: dict[str, Any], heir: str) -> dict[str, str] | None:
        self.done.append(("copy_to", (record["filename"], record["user"], heir)))
        return None if record["filename"] == "gone" else {"filepath": "new", "source": "local"}


def test_all_that_is_the_users_goes_once_nobody_comes_in_any_more(app_database: Database) -> None:
    owner, collection = new_owner(), app_database.collection
    collection("users").insert_one({"_id": ObjectId(owner), "email": f"{owner}@example.com"})
    collection("files").insert_many({"user": ObjectId(owner), "source": each} for each in ("s3", "azure"))
    noted, bans = Noted(app_database), BanRepository(app_database)

    def forget(which: str) -> None:
        assert bans.until(owner) == FOR_EVER
        noted.forget(which)

    erased = AccountEraser(app_database, cast("FileStore", noted), forget=forget).erase(owner)
    assert noted.done == [("forget", owner), ("delete_all", owner)]
    assert (erased.documents, erased.files, erased.elsewhere) == ({"files": 2, "users": 1}, Removed(2, 30), 1)
    assert bans.until(owner) is None


def test_files_of_skills_go_with_the_skill_and_stay_with_it(app_database: Database) -> None:
    owner, other, collection = new_owner(), new_owner(), app_database.collection
    mine, theirs = ObjectId(), ObjectId()
    collection("skills").insert_many(
        [{"_id": mine, "author": ObjectId(owner)}, {"_id": theirs, "author": ObjectId(other), "name": "x"}]
    )
    collection("skillfiles").insert_many(
        {"skillId": skill, "author": ObjectId(author), "filename": name, "relativePath": name}
        for skill, author, name in (
            (mine, other, "sent"),
            (mine, owner, "own"),
            (theirs, owner, "kept"),
            (theirs, owner, "gone"),
        )
    )
    noted = Noted(app_database)
    AccountEraser(app_database, cast("FileStore", noted)).erase(owner)
    assert sorted(noted.done) == [
        ("copy_to", ("gone", owner, other)),
        ("copy_to", ("kept", owner, other)),
        ("delete", ("sent", other)),
        ("delete_all", owner),
    ]
    left = {
        each["filename"]: each for each in collection("skillfiles").find({"skillId": {"$in": [mine, theirs]}})
    }
    assert left.keys() == {"kept", "gone"}
    assert (left["kept"]["author"], left["kept"]["filepath"]) == (ObjectId(other), "new")
    assert (left["gone"]["author"], "filepath" in left["gone"]) == (ObjectId(other), False)
