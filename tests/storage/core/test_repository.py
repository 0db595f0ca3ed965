from datetime import UTC, datetime, timedelta
from typing import ClassVar
from unittest.mock import patch

import pytest
from bson import ObjectId

from storage.core import repository as module
from storage.core.database import Database
from storage.core.errors import NotFound
from storage.core.repository import LIST_MS, Repository, found, now, owner_id


class Things(Repository):
    collection_name: ClassVar[str] = "things"


def test_an_owner_has_an_object_id() -> None:
    assert owner_id("6b043d3a061cc954c9774424") == ObjectId("6b043d3a061cc954c9774424")
    with pytest.raises(NotFound):
        owner_id("nobody")


@pytest.mark.parametrize(("microseconds", "stored"), [(0, 0), (999, 0), (1000, 1000), (123_999, 123_000)])
def test_a_time_is_what_mongodb_stores(microseconds: int, stored: int) -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, microseconds, UTC)
    with patch.object(module, "datetime") as clock:
        clock.now.side_effect = moment.astimezone
        assert now() == moment.replace(microsecond=stored)
        assert now().utcoffset() == timedelta(0)


def test_what_is_there_is_found() -> None:
    document = {"a": 1}
    assert found(document) is document
    assert found({}) == {}
    with pytest.raises(NotFound):
        found(None)


def test_a_list_has_ten_seconds_and_times_without_a_zone(database: Database) -> None:
    assert LIST_MS == 10_000
    things = Things(database)
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    things._collection.insert_one({"at": moment})
    assert (things._lists.find_one() or {})["at"] == moment.replace(tzinfo=None)
    assert (things._collection.find_one() or {})["at"] == moment
