"""Categories of agents: LibreChat's, and those of the operator's own."""

from datetime import datetime
from unittest.mock import patch

from bson import ObjectId

from storage.agents import categories as module
from storage.agents.categories import AgentCategoryRepository
from storage.core.database import Database
from tests.support.kinds import kinds
from tests.support.threads import together


def test_librechats_are_added_once(database: Database) -> None:
    categories = AgentCategoryRepository(database)
    together(lambda _: categories.seed(), 4)
    values = [each["value"] for each in categories.list()]
    assert values == ["general", "hr", "rd", "finance", "it", "sales", "aftersales"]
    label = "com_agents_category_hr"
    assert kinds(categories.list()[1]) == {
        "_id": ObjectId,
        "value": "hr",
        "label": label,
        "description": f"{label}_description",
        "order": 1,
        "isActive": True,
        "custom": False,
        "createdAt": datetime,
        "updatedAt": datetime,
        "__v": 0,
    }


def test_what_an_operator_has_changed_stays(database: Database) -> None:
    categories = AgentCategoryRepository(database)
    categories.seed()
    stored = database.collection("agentcategories")
    stored.update_one({"value": "hr"}, {"$set": {"label": "People", "isActive": True}})
    stored.update_one({"value": "it"}, {"$set": {"isActive": False}})
    stored.insert_one({"value": "own", "label": "Own", "order": -1, "isActive": True, "custom": True})
    categories.seed()
    listed = {each["value"]: each["label"] for each in categories.list()}
    assert next(iter(listed)) == "own"
    assert listed["hr"] == "People"
    assert "it" not in listed


def test_are_listed_by_order_and_label_without_what_has_no_names(database: Database) -> None:
    categories, stored = AgentCategoryRepository(database), database.collection("agentcategories")
    for value, label, order in (("a", "z", 1), ("b", "y", 1), ("c", "x", 0), ("d", 5, 0), (6, "w", 0)):
        stored.insert_one({"value": value, "label": label, "order": order, "isActive": True})
    assert [each["value"] for each in categories.list()] == ["c", "b", "a"]
    with patch.object(module, "MAX_CATEGORIES", 1):
        assert [each["value"] for each in categories.list()] == ["c"]
