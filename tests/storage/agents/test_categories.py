"""Categories of agents: LibreChat's, and those of the operator's own."""

from storage.agents.categories import AgentCategoryRepository
from storage.core.database import Database
from tests.support.threads import together


def test_librechats_are_added_once(database: Database) -> None:
    categories = AgentCategoryRepository(database)
    together(lambda _: categories.seed(), 4)
    values = [each["value"] for each in categories.list()]
    assert values == ["general", "hr", "rd", "finance", "it", "sales", "aftersales"]
    label = "com_agents_category_general"
    assert {**categories.list()[0]}.items() >= {"label": label, "description": f"{label}_description"}.items()


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
