"""Files of skills whose bytes lie with another than will have them once a user is erased."""

from typing import Any

import pytest
from bson import ObjectId

from storage.core.database import Database
from storage.operator.skill_bytes import SkillBytes


@pytest.fixture
def skill_bytes(database: Database) -> SkillBytes:
    return SkillBytes(database)


def skill(database: Database, author: str, *owners: str) -> ObjectId:
    made = {"_id": ObjectId(), "author": ObjectId(author), "name": str(ObjectId())}
    database.collection("skills").insert_one(made)
    for owner in owners:
        grant = {"principalType": "user", "principalId": ObjectId(owner), "permBits": 15}
        database.collection("aclentries").insert_one(
            {**grant, "resourceType": "skill", "resourceId": made["_id"]}
        )
    return ObjectId(str(made["_id"]))


def sent(database: Database, skill: ObjectId, author: str, name: str) -> None:
    row = {"skillId": skill, "author": ObjectId(author), "relativePath": name, "filepath": f"/{name}"}
    database.collection("skillfiles").insert_one(row)


def names(records: Any) -> list[str]:
    return sorted(each["relativePath"] for each in records)


def test_what_others_sent_goes_with_a_skill_that_goes(
    skill_bytes: SkillBytes, database: Database, ada: str, bob: str
) -> None:
    hers, shared, his = skill(database, ada), skill(database, ada, ada, bob), skill(database, bob)
    for which, name in ((hers, "hers"), (shared, "shared"), (his, "his")):
        sent(database, which, ada, f"{name}-ada")
        sent(database, which, bob, f"{name}-bob")
    assert names(skill_bytes.of_others(ada)) == ["hers-bob"]


def test_what_the_user_sent_stays_with_a_skill_that_stays_and_is_its_authors(
    skill_bytes: SkillBytes, database: Database, ada: str, bob: str
) -> None:
    cyd = str(ObjectId())
    hers, shared, his = skill(database, ada), skill(database, ada, ada, bob), skill(database, cyd)
    for which, name in ((hers, "hers"), (shared, "shared"), (his, "his"), (ObjectId(), "nobodys")):
        sent(database, which, ada, f"{name}-ada")
        sent(database, which, bob, f"{name}-bob")
    heirs = {record["relativePath"]: heir for record, heir in skill_bytes.that_stay(ada)}
    assert heirs == {"shared-ada": bob, "his-ada": cyd}


def test_a_file_is_handed_over_with_its_place_unless_it_changed_meanwhile(
    skill_bytes: SkillBytes, database: Database, ada: str, bob: str
) -> None:
    his = skill(database, bob)
    for name in ("one", "two", "changed"):
        sent(database, his, ada, name)
    files = database.collection("skillfiles")
    records = {record["relativePath"]: record for record, _ in skill_bytes.that_stay(ada)}
    files.update_one({"relativePath": "changed"}, {"$set": {"filepath": "/elsewhere"}})
    place = {"filepath": "/new", "source": "local"}
    for name in ("one", "changed"):
        skill_bytes.hand_over(ada, records[name], bob, place)
    skill_bytes.hand_over(bob, records["two"], bob, place)
    left = {
        row["relativePath"]: (str(row["author"]), row["filepath"], row.get("source")) for row in files.find()
    }
    assert left == {
        "one": (bob, "/new", "local"),
        "two": (ada, "/two", None),
        "changed": (ada, "/elsewhere", None),
    }
