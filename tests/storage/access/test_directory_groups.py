from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import pytest
from bson import ObjectId

from storage.access.directory_groups import DirectoryGroupRepository
from storage.core.database import Database
from storage.core.errors import Conflict
from tests.support.kinds import kinds

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def directory(database: Database) -> DirectoryGroupRepository:
    return DirectoryGroupRepository(database)


def test_are_made_as_librechats_local_ones(directory: DirectoryGroupRepository, database: Database) -> None:
    directory.set_membership("ada", "at the directory", ["staff"])
    directory.set_membership("bob", None, ["staff"])
    [group] = database.collection("groups").find()
    assert kinds(group) == {
        "_id": ObjectId,
        "name": "staff",
        "source": "local",
        "idOnTheSource": "openid:staff",
        "memberIds": ["at the directory", "bob"],
        "createdAt": datetime,
        "updatedAt": datetime,
        "__v": 0,
    }


def test_are_left_where_the_provider_names_them_no_more(
    directory: DirectoryGroupRepository, database: Database
) -> None:
    """Nothing is done to those that others made, and nothing is written where nothing changes."""
    directory.set_membership("ada", None, ["old", "both"])
    stored = database.collection("groups")
    stored.insert_many(
        [
            {"name": "entra", "source": "entra", "idOnTheSource": "openid:x", "memberIds": ["ada"]},
            {"name": "local", "source": "local", "memberIds": ["ada"]},
            {"name": "both", "source": "entra", "idOnTheSource": "openid:both", "memberIds": ["eve"]},
            {"name": "new", "source": "entra", "idOnTheSource": "openid:new", "memberIds": ["ada"]},
        ]
    )
    stored.update_many({}, {"$set": {"updatedAt": LONG_AGO}})
    directory.set_membership("ada", None, ["both", "new"])
    found = [
        (each["name"], each["source"], each["memberIds"], each["updatedAt"] > LONG_AGO)
        for each in stored.find().sort([("name", 1), ("source", 1)])
    ]
    assert found == [
        ("both", "entra", ["eve"], False),
        ("both", "local", ["ada"], False),
        ("entra", "entra", ["ada"], False),
        ("local", "local", ["ada"], False),
        ("new", "entra", ["ada"], False),
        ("new", "local", ["ada"], True),
        ("old", "local", [], True),
    ]


def test_that_another_login_makes_at_the_same_time_are_joined(
    directory: DirectoryGroupRepository, database: Database
) -> None:
    with patch.object(directory, "_collection", wraps=directory._collection) as used:
        used.bulk_write.side_effect = Once(Conflict("idOnTheSource"), database)
        directory.set_membership("ada", None, ["staff"])
    [group] = database.collection("groups").find()
    assert (group["name"], group["memberIds"]) == ("staff", ["ada"])


class Once:
    """Fails the first time."""

    def __init__(self, error: Exception, database: Database) -> None:
        self._error: Exception | None = error
        self._collection = database.collection("groups")

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        if error := self._error:
            self._error = None
            raise error
        return self._collection.bulk_write(*arguments, **options)
