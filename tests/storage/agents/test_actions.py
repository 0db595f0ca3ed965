from collections.abc import Sequence
from unittest.mock import patch

import pytest
from bson import ObjectId

from storage.agents import actions as module
from storage.agents.actions import ActionRepository
from storage.core.database import Database, Document
from storage.core.errors import Conflict, NotFound, TooMany
from tests.support.kinds import kinds


@pytest.fixture
def actions(database: Database) -> ActionRepository:
    return ActionRepository(database)


def ids(found: Sequence[Document]) -> list[str]:
    return [each["action_id"] for each in found]


def test_are_stored_as_librechat_does(actions: ActionRepository, ada: str, bob: str) -> None:
    made = actions.save(ada, "agent", "one", {"domain": "a"})
    assert kinds(made) == {
        "_id": ObjectId,
        "action_id": "one",
        "agent_id": "agent",
        "user": ObjectId,
        "type": "action_prototype",
        "metadata": {"domain": "a"},
        "__v": 0,
    }
    assert made["user"] == ObjectId(ada)
    # Somebody else who may edit the agent changes the same one.
    assert actions.save(bob, "agent", "one", {"domain": "b"}) == {**made, "metadata": {"domain": "b"}}
    assert actions.find("one") == {**made, "metadata": {"domain": "b"}}
    assert actions.find("two") is None
    with pytest.raises(NotFound):
        actions.save("nobody", "agent", "two", {})


def test_have_an_id_of_one_agent(actions: ActionRepository, ada: str) -> None:
    actions.save(ada, "agent", "one", {})
    with pytest.raises(Conflict) as caught:
        actions.save(ada, "other", "one", {})
    assert caught.value.field == "action_id"


def test_of_an_agent_are_so_many_at_most(actions: ActionRepository, ada: str) -> None:
    actions.save(ada, "other", "zero", {})
    with patch.object(module, "MAX_OF_AGENT", 2):
        actions.save(ada, "agent", "one", {})
        actions.save(ada, "agent", "two", {})
        with pytest.raises(TooMany) as caught:
            actions.save(ada, "agent", "three", {})
        # What is there may be changed.
        assert actions.save(ada, "agent", "two", {"x": 1})["metadata"] == {"x": 1}
    assert (caught.value.kind, caught.value.most) == ("actions of an agent", 2)


def test_are_listed_of_agents_the_oldest_first(actions: ActionRepository, database: Database) -> None:
    database.collection("actions").insert_many(
        {"_id": -number, "agent_id": agent, "action_id": str(number)}
        for number, agent in enumerate(["a", "b", "a", "c"])
    )
    assert ids(actions.of_agents(["a", "b"])) == ["2", "1", "0"]
    assert ids(actions.of_agents([])) == []
    with patch.object(module, "MAX_LISTED", 2):
        assert ids(actions.of_agents(["a", "b"])) == ["2", "1"]


def test_are_deleted_of_one_agent(actions: ActionRepository, ada: str) -> None:
    for name in ("one", "two"):
        actions.save(ada, "agent", name, {})
    assert actions.delete("other", "one") == 0
    assert actions.delete("agent", "one") == 1
    assert ids(actions.of_agents(["agent"])) == ["two"]
