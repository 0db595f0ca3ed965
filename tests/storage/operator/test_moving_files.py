"""Records of files that are to lie somewhere else: each is found once, and changed only as it was seen."""

from typing import Any

import pytest
from bson import ObjectId

from storage.core.database import Database
from storage.operator import moving_files as module
from storage.operator.moving_files import MovableFile, MovingFiles

ADA = "a" * 24
PLACE = {"filepath": "/new", "source": "s3", "storageKey": "key"}


@pytest.fixture
def moving(database: Database) -> MovingFiles:
    return MovingFiles(database)


def put(database: Database, name: str, source: Any, collection: str = "files") -> ObjectId:
    owner = {"files": "user", "skillfiles": "author"}[collection]
    row = {"_id": ObjectId(), "file_id": name, "filename": name, "filepath": f"/{name}", owner: ObjectId(ADA)}
    # A file of a skill says otherwise of which kind it is.
    kind = {"files": "type", "skillfiles": "mimeType"}[collection]
    more = {} if source is None else {"source": source}
    other = {"bytes": 5, "text": "long", "skillId": ObjectId(), "relativePath": name}
    database.collection(collection).insert_one({**row, **more, **other, kind: "text/plain"})
    return ObjectId(row["_id"])


def names(moving: MovingFiles, *sources: str) -> list[str]:
    return [each.record["file_id"] for each in moving.each(sources)]


def test_files_of_users_and_of_skills_are_found_by_where_they_are(
    moving: MovingFiles, database: Database
) -> None:
    for name, source in (("one", "s3"), ("two", "local"), ("three", None), ("four", "azure_blob")):
        put(database, name, source)
        put(database, f"skill-{name}", source, "skillfiles")
    assert names(moving, "s3") == ["one", "skill-one"]
    # Those that do not say it are on the disk.
    assert names(moving, "local") == ["two", "three", "skill-two", "skill-three"]
    assert names(moving, "s3", "azure_blob") == ["one", "four", "skill-one", "skill-four"]
    counts = [moving.count(sources) for sources in (("s3",), ("local",), ("s3", "azure_blob"), ("x",))]
    assert counts == [2, 4, 4, 0]


def test_a_record_is_as_the_file_store_knows_it(moving: MovingFiles, database: Database) -> None:
    of_user = put(database, "one", "s3")
    of_skill = put(database, "two", "s3", "skillfiles")
    first, second = moving.each(("s3",))
    shown = {"filename": "one", "file_id": "one", "filepath": "/one", "source": "s3", "bytes": 5}
    about = {"_id": of_user, "user": ADA, "type": "text/plain"}
    assert first == MovableFile("files", of_user, {**shown, **about})
    assert (second.collection, second.id) == ("skillfiles", of_skill)
    assert (second.record["user"], second.record["type"], second.record["file_id"]) == (
        ADA,
        "text/plain",
        "two",
    )


def test_all_are_found_in_the_order_of_their_ids_however_many(
    moving: MovingFiles, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PORTION", 2)
    for number in range(5):
        put(database, str(number), "s3")
    assert names(moving, "s3") == ["0", "1", "2", "3", "4"]


def test_what_is_moved_while_it_is_read_is_not_found_again(moving: MovingFiles, database: Database) -> None:
    for name in ("one", "two"):
        put(database, name, "local")
    found = []
    for file in moving.each(("local", "s3")):
        found.append(file.record["file_id"])
        assert moving.move(file, PLACE)
    assert found == ["one", "two"]


def test_a_place_is_noted_with_its_key_or_without_any(moving: MovingFiles, database: Database) -> None:
    files, other = database.collection("files"), put(database, "other", "local")
    put(database, "one", "local")
    files.update_one({"file_id": "one"}, {"$set": {"storageRegion": "eu"}})
    before = files.find_one({"_id": other})
    file = next(each for each in moving.each(("local",)) if each.record["file_id"] == "one")
    assert moving.move(file, PLACE)
    row = files.find_one({"file_id": "one"}) or {}
    assert {name: row[name] for name in PLACE} == PLACE
    assert moving.is_at(file, PLACE)
    assert not moving.is_at(file, {**PLACE, "filepath": "/other"})
    assert not moving.is_at(file, {**PLACE, "source": "local"})
    [file] = moving.each(("s3",))
    assert moving.move(file, {"filepath": "/back", "source": "local"})
    row = files.find_one({"file_id": "one"}) or {}
    assert (row["filepath"], row["source"]) == ("/back", "local")
    assert not {"storageKey", "storageRegion"} & row.keys()
    assert files.find_one({"_id": other}) == before


@pytest.mark.parametrize("change", [{"filepath": "/x"}, {"source": "x"}, {"storageKey": "x"}])
def test_one_that_has_changed_or_gone_meanwhile_is_left(
    moving: MovingFiles, database: Database, change: dict[str, str]
) -> None:
    files, made = database.collection("files"), put(database, "one", "local")
    [file] = moving.each(("local",))
    files.update_one({"_id": made}, {"$set": change})
    before = files.find_one({"_id": made})
    assert not moving.move(file, PLACE)
    assert files.find_one({"_id": made}) == before
    files.delete_one({"_id": made})
    assert not moving.move(file, PLACE)
    assert not moving.is_at(file, PLACE)
