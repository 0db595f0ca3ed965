from datetime import datetime
from unittest.mock import patch

import pytest
from bson import ObjectId

from storage.access import configs
from storage.access.configs import ConfigRepository, Overrides
from storage.core.database import Database
from storage.core.errors import Conflict, TooMany
from tests.support.kinds import kinds


@pytest.fixture
def repository(database: Database) -> ConfigRepository:
    """With overrides of a tenant's in the same database."""
    database.collection("configs").insert_one(
        {"principalType": "role", "principalId": "USER", "tenantId": "t", "priority": 1, "isActive": True}
    )
    return ConfigRepository(database)


def test_are_written_as_librechat_does(repository: ConfigRepository) -> None:
    overrides = Overrides({"interface": {"a": 1}}, ("interface.b",), 7, is_active=False)
    made = repository.put("role", "USER", overrides, seen=None)
    assert kinds(made) == {
        "_id": ObjectId,
        "principalType": "role",
        "principalId": "USER",
        "principalModel": "Role",
        "overrides": {"interface": {"a": 1}},
        "tombstones": ["interface.b"],
        "priority": 7,
        "isActive": False,
        "configVersion": 1,
        "createdAt": datetime,
        "updatedAt": datetime,
        "__v": 0,
    }
    assert made["createdAt"] == made["updatedAt"]
    assert repository.find("role", "USER") == made
    changed = repository.put("role", "USER", Overrides({"x": 1}), seen=made)
    expected = {**made, "overrides": {"x": 1}, "tombstones": [], "priority": 10, "isActive": True}
    assert changed == {**expected, "configVersion": 2, "updatedAt": changed["updatedAt"]}
    assert repository.find("role", "USER") == changed


def test_are_of_one_and_no_others(repository: ConfigRepository) -> None:
    assert repository.find("role", "USER") is None
    repository.put("role", "USER", Overrides(), seen=None)
    assert repository.find("group", "USER") is None
    assert repository.find("role", "ADMIN") is None


def test_that_somebody_else_changed_meanwhile_stay(repository: ConfigRepository) -> None:
    seen = repository.put("role", "USER", Overrides(), seen=None)
    repository.put("role", "USER", Overrides({"x": 1}), seen=seen)
    with pytest.raises(Conflict) as caught:
        repository.put("role", "USER", Overrides({"y": 1}), seen=seen)
    assert caught.value.field == "configVersion"
    with pytest.raises(Conflict):
        repository.put("role", "USER", Overrides({"y": 1}), seen=None)
    assert (repository.find("role", "USER") or {})["overrides"] == {"x": 1}


def test_are_listed_in_the_order_in_which_they_win(repository: ConfigRepository, database: Database) -> None:
    for name, priority, active in (("A", 2, True), ("B", 1, False), ("C", 1, True)):
        repository.put("role", name, Overrides({}, (), priority, active), seen=None)
    assert [each["principalId"] for each in repository.list()] == ["B", "C", "A"]
    assert [each["principalId"] for each in repository.list(only_active=True)] == ["C", "A"]
    # Of the same rank the older one first.
    early = ObjectId("0" * 24)
    database.collection("configs").insert_one({"_id": early, "priority": 2, "principalId": "D"})
    assert [each["principalId"] for each in repository.list()] == ["B", "C", "D", "A"]
    with patch.object(configs, "MAX_CONFIGS", 2):
        assert [each["principalId"] for each in repository.list()] == ["B", "C"]


def test_have_a_limit_to_which_no_tenants_count(repository: ConfigRepository) -> None:
    with patch.object(configs, "MAX_CONFIGS", 2):
        for name in ("A", "B"):
            repository.put("role", name, Overrides(), seen=None)
        with pytest.raises(TooMany) as caught:
            repository.put("role", "C", Overrides(), seen=None)
    assert (caught.value.kind, caught.value.most) == ("configurations", 2)


def test_are_removed_when_they_are_asked_to_be_or_empty(
    repository: ConfigRepository, database: Database
) -> None:
    repository.put("role", "values", Overrides({"x": 1}), seen=None)
    repository.put("role", "paths", Overrides({}, ("x",)), seen=None)
    repository.put("role", "nothing", Overrides(), seen=None)
    removed = {name: repository.delete("role", name, only_empty=True) for name in ("values", "paths")}
    assert removed == {"values": False, "paths": False}
    assert repository.delete("role", "nothing", only_empty=True)
    assert repository.delete("role", "values")
    assert not repository.delete("role", "values")
    assert not repository.delete("role", "USER")
    assert database.collection("configs").count_documents({}) == 2
