"""A user of LibreChat's goes: nothing anywhere names them, and what is another's is as it was."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from pymongo import MongoClient

from echo.accounts.erasure import AccountEraser, Erased
from echo.files import FileStore
from storage.core.commands import Command, Ended
from storage.core.database import Database
from storage.operator.erasure import OWNED
from storage.operator.shared_resources import KINDS
from tests.support.librechat import Documents

PLACES = (
    *("files/uploads", "files/uploads/temp", "files/images"),
    *("librechat/uploads", "librechat/uploads/temp", "librechat/client/public/images", "librechat/images"),
)


@dataclass(frozen=True)
class Deletion:
    """The database and the disk around the deletion of Ada."""

    ada: ObjectId
    bob: ObjectId
    before: Documents
    erased: Erased
    after: Documents
    again: Erased
    disk: Path


@pytest.fixture
def deletion(librechat_uri: str, tmp_path: Path) -> Iterator[Deletion]:
    with MongoClient[dict[str, Any]](librechat_uri) as client:
        raw = client.get_default_database()
        ids = {each["username"]: each["_id"] for each in raw.users.find()}
        for place in PLACES:
            for owner in ids.values():
                put(tmp_path / place / str(owner) / "file", 100)
                put(tmp_path / place / str(owner) / "within" / ".part", 1)
        link(tmp_path / PLACES[0] / str(ids["ada"]), put(tmp_path / "outside" / "kept", 10))
        before = content(raw)
        database = Database(librechat_uri)
        files = FileStore(tmp_path / "files", max_bytes=1, max_pixels=1, librechat=tmp_path / "librechat")
        eraser = AccountEraser(database, files, settle_seconds=0)
        erased = eraser.erase(str(ids["ada"]))
        after = content(raw)
        again = eraser.erase(str(ids["ada"]))
        yield Deletion(ids["ada"], ids["bob"], before, erased, after, again, tmp_path)
        assert content(raw) == after
        database.close()


def put(path: Path, size: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    return path


def link(directory: Path, target: Path) -> None:
    (directory / "link").symlink_to(target)
    (directory / "linked").symlink_to(target.parent)


def content(raw: Any) -> Documents:
    return {name: {each["_id"]: each for each in raw[name].find()} for name in raw.list_collection_names()}


def mentions(value: Any, owner: ObjectId) -> bool:
    """Whether a value holds the id, as ObjectId or within a text, at any depth, keys included."""
    if isinstance(value, dict):
        return any(mentions(key, owner) or mentions(each, owner) for key, each in value.items())
    if isinstance(value, list):
        return any(mentions(each, owner) for each in value)
    return bool(value == owner) or (isinstance(value, str) and str(owner) in value)


def naming(documents: Documents, owner: ObjectId) -> dict[str, list[Any]]:
    found = {
        name: [key for key, document in inside.items() if mentions(document, owner)]
        for name, inside in documents.items()
    }
    return {name: keys for name, keys in found.items() if keys}


def test_no_document_names_the_user_any_more(deletion: Deletion) -> None:
    assert len(naming(deletion.before, deletion.ada)) >= 17
    assert naming(deletion.after, deletion.ada) == {}


def test_what_is_left_is_as_it_was(deletion: Deletion) -> None:
    assert naming(deletion.after, deletion.bob) == naming(deletion.before, deletion.bob)
    for name, documents in deletion.after.items():
        for key, document in documents.items():
            assert document == deletion.before[name][key]


def test_nothing_went_but_what_named_the_user_or_belonged_to_it(deletion: Deletion) -> None:
    named = naming(deletion.before, deletion.ada)
    for name, documents in deletion.before.items():
        gone = documents.keys() - deletion.after.get(name, {}).keys()
        assert gone == set(named.get(name, ())), name


def test_it_says_what_went(deletion: Deletion) -> None:
    gone = {
        name: len(documents) - len(deletion.after.get(name, {}))
        for name, documents in deletion.before.items()
    }
    assert deletion.erased.documents == {name: number for name, number in gone.items() if number}
    assert deletion.erased.documents["messages"] == 126
    assert deletion.erased.elsewhere == 0


def test_a_second_time_there_is_nothing_to_do(deletion: Deletion) -> None:
    assert not deletion.again.documents
    assert deletion.again.files.files == 0


def test_files_went_from_every_place_and_anothers_stayed(deletion: Deletion) -> None:
    # The link to a file is a file too, one to a directory is not.
    assert deletion.erased.files.files == 2 * len(PLACES) + 1
    assert deletion.erased.files.bytes > 101 * len(PLACES)
    paths = list(deletion.disk.rglob("*"))
    assert not [path for path in paths if str(deletion.ada) in path.as_posix()]
    assert (deletion.disk / "outside" / "kept").read_bytes() == b"x" * 10
    assert all((deletion.disk / place / str(deletion.bob) / "file").is_file() for place in PLACES)


def test_the_list_has_every_collection_that_names_a_user(deletion: Deletion) -> None:
    listed = {owned.collection for owned in OWNED} | {kind.collection for kind in KINDS}
    parts = {name for kind in KINDS for name, _ in kind.parts}
    assert naming(deletion.before, deletion.ada).keys() <= listed | parts | {"users"}


def test_what_is_written_until_the_user_is_gone_goes_too(librechat_uri: str, tmp_path: Path) -> None:
    with MongoClient[dict[str, Any]](librechat_uri) as client:
        raw = client.get_default_database()
        ada = str(raw.users.find_one({"username": "ada"})["_id"])  # type: ignore[index]

        def late(command: Command) -> Ended:
            """As an import in another process may do: between the last look and the user's own end."""
            if command == Command("delete", "users"):
                raw.messages.insert_one({"user": ada, "messageId": "late", "conversationId": "late"})
            return lambda _seconds, _error: None

        database = Database(librechat_uri, watchers=[late])
        files = FileStore(tmp_path / "files", max_bytes=1, max_pixels=1)
        erased = AccountEraser(database, files, settle_seconds=0).erase(ada)
        database.close()
        assert erased.documents["messages"] == 127
        assert raw.messages.count_documents({"user": ada}) == 0
