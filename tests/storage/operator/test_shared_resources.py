"""What can be shared, when its author goes: who has it then, under which name, and what goes with it."""

from typing import Any

import pytest
from bson import ObjectId

from storage.core.database import Database
from storage.operator.shared_resources import KINDS, SharedResources

AGENTS, GROUPS, SKILLS, SERVERS = KINDS


@pytest.fixture
def shared(empty_database: Database) -> SharedResources:
    return SharedResources(empty_database)


def put(database: Database, collection: str, author: str, **fields: Any) -> ObjectId:
    row = {"_id": ObjectId(), "author": ObjectId(author), **fields}
    database.collection(collection).insert_one(row)
    return ObjectId(str(row["_id"]))


def grant(database: Database, who: str, resource: ObjectId, kind: str, **other: Any) -> None:
    entry = {"principalType": "user", "principalId": ObjectId(who), "permBits": 15}
    database.collection("aclentries").insert_one(
        {**entry, "resourceType": kind, "resourceId": resource, **other}
    )


def names_of(database: Database, author: str) -> list[str]:
    return sorted(each["name"] for each in database.collection("skills").find({"author": ObjectId(author)}))


def test_are_counted_by_their_author(
    shared: SharedResources, empty_database: Database, ada: str, bob: str
) -> None:
    names = ("agents", "promptgroups", "prompts", "skills", "skillfiles", "mcpservers")
    for number, name in enumerate(names, 1):
        for _ in range(number):
            put(empty_database, name, ada)
        put(empty_database, name, bob)
    assert shared.count(ada) == {name: number for number, name in enumerate(names, 1)}


class TestDivision:
    def test_is_by_authorship_and_by_who_may_delete(
        self, shared: SharedResources, empty_database: Database, ada: str, bob: str
    ) -> None:
        hers, both, given, looked_at, his = (
            put(empty_database, "skills", owner, name=str(ObjectId())) for owner in (ada, ada, bob, ada, bob)
        )
        for which in (both, given, looked_at):
            grant(empty_database, ada, which, "skill")
        grant(empty_database, bob, both, "skill", permBits=4)
        grant(empty_database, bob, looked_at, "skill", permBits=11)
        grant(empty_database, bob, his, "skill")
        # A group may delete it too, yet no group can be an author; and a grant of another kind says nothing.
        grant(empty_database, bob, hers, "skill", principalType="group")
        grant(empty_database, bob, hers, "agent")
        going, heirs = shared.divide(ada, SKILLS)
        assert (set(going), heirs) == ({hers, given, looked_at}, {both: ObjectId(bob)})

    def test_counts_both_kinds_of_grants_of_an_agent(
        self, shared: SharedResources, empty_database: Database, ada: str, bob: str
    ) -> None:
        agent = put(empty_database, "agents", ada)
        grant(empty_database, bob, agent, "remoteAgent")
        assert shared.divide(ada, AGENTS) == ([], {agent: ObjectId(bob)})


class TestHandingOver:
    def test_of_a_skill_finds_a_name_that_its_new_author_has_not(
        self, shared: SharedResources, empty_database: Database, ada: str, bob: str
    ) -> None:
        long = "x" * 64
        put(empty_database, "skills", bob, name="mine")
        put(empty_database, "skills", bob, name="mine-2")
        put(empty_database, "skills", bob, name=long)
        for name in ("mine", "other", long, None):
            grant(empty_database, bob, put(empty_database, "skills", ada, name=name), "skill")
        assert +shared.remove(ada) == {"skills": 4}
        expected = ["mine", "mine-2", "mine-3", "other", "skill", f"{'x' * 58}-2", long]
        assert names_of(empty_database, bob) == sorted(expected)

    def test_leaves_what_another_has_written(
        self, shared: SharedResources, empty_database: Database, ada: str, bob: str
    ) -> None:
        """The user could delete it, and so can somebody else: it goes on, as its author's."""
        cyd = str(ObjectId())
        skill = put(empty_database, "skills", cyd, name="theirs")
        for who in (ada, bob):
            grant(empty_database, who, skill, "skill")
        assert +shared.remove(ada) == {}
        assert names_of(empty_database, cyd) == ["theirs"]

    @pytest.mark.parametrize(("user", "name"), [({"name": "Bob"}, "Bob"), ({}, ""), (None, "")])
    def test_of_prompts_names_the_new_author(
        self,
        shared: SharedResources,
        empty_database: Database,
        ada: str,
        bob: str,
        *,
        user: dict[str, str] | None,
        name: str,
    ) -> None:
        if user is not None:
            empty_database.collection("users").insert_one({"_id": ObjectId(bob), **user})
        group = put(empty_database, "promptgroups", ada, authorName="Ada")
        grant(empty_database, bob, group, "promptGroup")
        put(empty_database, "prompts", ada, groupId=group)
        assert +shared.remove(ada) == {"promptgroups": 1, "prompts": 1}
        row = empty_database.collection("promptgroups").find_one({"_id": group}) or {}
        assert (row["author"], row["authorName"]) == (ObjectId(bob), name)
        part = empty_database.collection("prompts").find_one({}) or {}
        assert (part["author"], part["groupId"]) == (ObjectId(bob), group)

    def test_of_others_changes_no_name(
        self, shared: SharedResources, empty_database: Database, ada: str, bob: str
    ) -> None:
        server = put(empty_database, "mcpservers", ada, name="s", authorName="Ada")
        grant(empty_database, bob, server, "mcpServer")
        assert +shared.remove(ada) == {"mcpservers": 1}
        row = empty_database.collection("mcpservers").find_one({"_id": server})
        assert row == {"_id": server, "author": ObjectId(bob), "name": "s", "authorName": "Ada"}


class TestRemoval:
    def test_takes_parts_grants_and_favourites_along_and_nothing_else(
        self, shared: SharedResources, empty_database: Database, ada: str, bob: str
    ) -> None:
        collection = empty_database.collection
        for owner in (ada, bob):
            skill = put(empty_database, "skills", owner, name=owner)
            put(empty_database, "skillfiles", bob, skillId=skill)
            grant(empty_database, owner, skill, "skill")
            agent = put(empty_database, "agents", owner, id=f"agent_{owner}")
            for kind in ("agent", "remoteAgent", "skill"):
                grant(empty_database, owner, agent, kind, principalType="public")
        favorites = [{"agentId": f"agent_{owner}"} for owner in (ada, bob)]
        collection("users").insert_one({"favorites": favorites})
        assert +shared.remove(ada) == {"skills": 1, "skillfiles": 1, "agents": 1, "aclentries": 3}
        for name in ("skills", "skillfiles", "agents"):
            assert [str(each["author"]) for each in collection(name).find()] == [bob]
        # One of another kind that has the agent's id is none of the agent.
        assert collection("aclentries").count_documents({}) == 5
        assert (collection("users").find_one({}) or {})["favorites"] == [{"agentId": f"agent_{bob}"}]

    @pytest.mark.parametrize("form", [str, ObjectId])
    def test_forgets_who_made_a_version_in_either_form(
        self, shared: SharedResources, empty_database: Database, ada: str, bob: str, *, form: Any
    ) -> None:
        versions = [{"updatedBy": form(ada), "name": "1"}, {"updatedBy": form(bob)}]
        put(empty_database, "agents", bob, versions=versions)
        assert +shared.remove(ada) == {"agents": 1}
        row = empty_database.collection("agents").find_one({}) or {}
        assert row["versions"] == [{"name": "1"}, {"updatedBy": form(bob)}]

    def test_leaves_parts_with_the_thing_that_they_are_of(
        self, shared: SharedResources, empty_database: Database, ada: str, bob: str
    ) -> None:
        """And takes those whose thing has gone."""
        cyd = str(ObjectId())
        for kind, parts, field in (
            ("promptgroups", "prompts", "groupId"),
            ("skills", "skillfiles", "skillId"),
        ):
            wholes = [put(empty_database, kind, author, name=author) for author in (bob, cyd)]
            for whole in (*wholes, ObjectId()):
                put(empty_database, parts, ada, **{field: whole})
                put(empty_database, parts, bob, **{field: whole})
        assert +shared.remove(ada) == {"prompts": 3, "skillfiles": 3}
        for parts in ("prompts", "skillfiles"):
            rows = empty_database.collection(parts).find().sort("_id", 1)
            assert [str(row["author"]) for row in rows] == [bob, bob, cyd, bob, bob]
