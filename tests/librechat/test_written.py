"""What Echo writes has the fields and types of LibreChat's models."""

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient

from tests.librechat.models import Models
from tests.librechat.written import (
    ECHOS_OWN,
    FIELDS,
    OF_LIBRECHATS_SEARCH,
    REFUSED_BUT_WRITTEN_BY_LIBRECHAT,
    REQUIRED,
)
from tests.support.librechat import Document

EACH_COLLECTION = pytest.mark.parametrize("collection", FIELDS)


@pytest.fixture
def written(written_uri: str) -> Iterator[Any]:
    with MongoClient[Document](written_uri) as client:
        yield client.get_default_database()


@pytest.fixture(scope="module")
def objections(models: Models, written_uri: str) -> dict[str, list[dict[str, Any]]]:
    """What the models say of each document of each collection."""
    found: dict[str, list[dict[str, Any]]] = models.run("validate", written_uri)
    return found


@EACH_COLLECTION
class TestByTheLists:
    def test_there_are_documents(self, written: Any, collection: str) -> None:
        assert written[collection].count_documents({}) >= 1

    def test_each_field_is_one_of_librechats_and_of_its_type(self, written: Any, collection: str) -> None:
        fields, own = FIELDS[collection], ECHOS_OWN.get(collection, set())
        for document in written[collection].find():
            for name in document.keys() - own:
                assert name in fields, f"{collection}.{name} is not in the list"
                assert isinstance(document[name], fields[name]), f"{collection}.{name}"
                # In Python True is a number.
                assert isinstance(document[name], bool) is (fields[name] is bool), f"{collection}.{name}"

    def test_nothing_that_is_required_lacks(self, written: Any, collection: str) -> None:
        for document in written[collection].find():
            assert REQUIRED[collection] | {"_id", "__v"} <= document.keys()


def test_the_rest_is_in_collections_of_echos_own(written: Any) -> None:
    # These have indexes already; documents come with the first ban and invitation, and with
    # LibreChat's groups, favourite tools, logins of actions, and files of skills.
    named = set(written.list_collection_names()) - FIELDS.keys()
    others = {name for name in named if written[name].find_one()}
    assert all(name.startswith("echo_") for name in others), others
    assert {name for name in named - others if not name.startswith("echo_")} == {
        *("auditlogs", "configs", "groups", "logs", "skillfiles", "tokens", "toolfavorites"),
    }


class TestByThePublishedModels:
    @EACH_COLLECTION
    def test_every_field_is_known(self, objections: dict[str, Any], collection: str) -> None:
        unknown = {name for each in objections[collection] for name in each["unknown"]}
        allowed = ECHOS_OWN.get(collection, set()) | OF_LIBRECHATS_SEARCH.get(collection, set())
        assert unknown <= allowed
        assert objections[collection]

    @EACH_COLLECTION
    def test_no_value_is_refused(self, objections: dict[str, Any], collection: str) -> None:
        refused = {name: kind for each in objections[collection] for name, kind in each["errors"].items()}
        allowed = REFUSED_BUT_WRITTEN_BY_LIBRECHAT.get(collection, {})
        assert refused.items() <= allowed.items()

    @EACH_COLLECTION
    def test_no_value_is_read_as_another_type(self, objections: dict[str, Any], collection: str) -> None:
        assert [each["recast"] for each in objections[collection] if each["recast"]] == []

    def test_objects_to_what_it_should(self, models: Models, written_uri: str) -> None:
        # The examination itself: a document with all three faults.
        with MongoClient[Document](written_uri) as client:
            presets = client.get_default_database()["presets"]
            bad: Document = {"presetId": 5, "endpoint": "x", "temperature": "warm", "unheardOf": 1}
            identifier = presets.insert_one(bad).inserted_id
            try:
                last = models.run("validate", written_uri)["presets"][-1]
            finally:
                presets.delete_one({"_id": identifier})
        assert last["unknown"] == ["unheardOf"]
        assert last["errors"] == {"temperature": "Number"}
        assert "presetId" in last["recast"]

    def test_librechat_finds_everything_again(self, models: Models, written_uri: str, written: Any) -> None:
        found = models.run("read", written_uri)
        assert set(found) == {"wanda@example.test", "second@example.test"}
        wanda = found["wanda@example.test"]
        assert wanda["role"] == "ADMIN"
        assert (wanda["presets"], wanda["files"], wanda["sessions"]) == (2, 9, 1)
        assert len(wanda["conversations"]) == written["conversations"].count_documents({})
        for conversation in wanda["conversations"]:
            query = {"conversationId": conversation["conversationId"]}
            stored = [each["messageId"] for each in written["messages"].find(query).sort("_id")]
            assert sorted(conversation["messages"]) == sorted(stored)
