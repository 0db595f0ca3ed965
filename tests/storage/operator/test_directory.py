"""The administrators' lists of users: a page costs what a page costs, however many users there are."""

import pytest
from bson import ObjectId

from storage.core.database import Database
from storage.core.errors import NotFound
from storage.operator.directory import UserDirectory
from tests.support.chats import START, profiled


def test_a_page_reads_no_other_accounts(database: Database) -> None:
    # Every third is of an older version of LibreChat, and has no role.
    users = [
        {"_id": ObjectId(), "email": f"{n}@example.com", "name": f"{n:02}", "createdAt": START}
        | ({"role": "USER"} if n % 3 else {})
        for n in range(60)
    ]
    database.collection("users").insert_many(users)
    directory = UserDirectory(database)
    with profiled(database, "users") as notes:
        page, total = directory.list_page(0, 5)
        named, of_role = directory.of_role("USER", 0, 5)
    assert [each["_id"] for each in page] == [each["_id"] for each in reversed(users[-5:])]
    assert [each["name"] for each in named] == ["00", "01", "02", "03", "04"]
    assert (total, of_role) == (60, 60)
    pages = [each for each in notes if each["op"] == "query"]
    assert len(pages) == 2
    assert all(each["docsExamined"] <= 7 and not each.get("hasSortStage") for each in pages)


SECRETS = {"password": "x", "totpSecret": "y"}
SHOWN = {
    "name": "Ada",
    "username": "ada",
    "avatar": "/a",
    "role": "ADMIN",
    "provider": "local",
    "idOnTheSource": "oid-ada",
    "createdAt": START,
    "updatedAt": START,
}


def test_what_is_shown_of_an_account_has_no_secrets(database: Database, ada: str) -> None:
    user = {"_id": ObjectId(ada), "email": "ada@example.com", **SHOWN}
    database.collection("users").insert_many([{**user, **SECRETS}, {"email": "other"}])
    directory = UserDirectory(database)
    assert directory.get(ada) == user
    assert directory.list_page(0, 1)[0] == [user]
    assert directory.of_role("ADMIN", 0, 9) == ([user], 1)
    assert directory.named([ada]) == {ada: user, "oid-ada": user}
    for owner in ("nobody", "0" * 24):
        with pytest.raises(NotFound):
            directory.get(owner)


def test_pages_go_on_from_where_the_last_one_ended(database: Database) -> None:
    users = [{"_id": ObjectId(), "email": str(n), "name": str(9 - n), "role": "A"} for n in range(5)]
    users[2]["createdAt"] = START
    database.collection("users").insert_many(users)
    directory = UserDirectory(database)
    found = [[each["email"] for each in directory.list_page(offset, 2)[0]] for offset in (0, 2, 4)]
    assert found == [["2", "4"], ["3", "1"], ["0"]]
    named = [[each["email"] for each in directory.of_role("A", offset, 2)[0]] for offset in (0, 2, 4)]
    assert named == [["4", "3"], ["2", "1"], ["0"]]
    assert directory.of_role("B", 0, 9) == ([], 0)


def test_names_that_groups_have_are_of_a_directory_or_their_own(
    database: Database, ada: str, bob: str
) -> None:
    rows = [
        {"_id": ObjectId(ada), "email": "a", "idOnTheSource": "oid-ada"},
        {"_id": ObjectId(bob), "email": "b"},
        {"_id": ObjectId(), "email": "c", "idOnTheSource": "oid-c"},
    ]
    database.collection("users").insert_many(rows)
    directory = UserDirectory(database)
    found = directory.named(iter(["oid-ada", bob, "unknown", "0" * 24]))
    assert {name: user["email"] for name, user in found.items()} == {ada: "a", "oid-ada": "a", bob: "b"}
    assert directory.named([]) == {}
