import pytest
from bson import ObjectId

from storage.access.resources import Resources
from storage.core.database import Database


@pytest.mark.parametrize(
    ("kind", "collection"),
    [
        ("agent", "agents"),
        ("mcpServer", "mcpservers"),
        ("promptGroup", "promptgroups"),
        ("remoteAgent", "agents"),
        ("sharedLink", "sharedlinks"),
        ("skill", "skills"),
    ],
)
def test_what_can_be_shared_is_found_where_it_lies(database: Database, kind: str, collection: str) -> None:
    there = ObjectId()
    database.collection(collection).insert_one({"_id": there, "id": 1, "name": "x", "serverName": "x"})
    resources = Resources(database)
    assert resources.exists(kind, there)
    assert not resources.exists(kind, ObjectId())
