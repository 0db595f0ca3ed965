"""The export knows what the erasure knows."""

import json
from typing import Any

from bson import ObjectId

from storage.core.database import Database
from storage.operator.account_data import NOT_EXPORTED, SECRET, AccountData
from storage.operator.erasure import OWNED
from storage.operator.shared_resources import KINDS

# Written out, so that a line that gets lost is missed.
LEFT_OUT = {
    "echo_search",
    "echo_search_parts",
    "echo_file_chunks",
    "echo_file_indexes",
    "echo_mails",
    "agentqueuedturnsequences",
    "agenttriggerlanesequences",
    "agenttriggeruserpurges",
    "echo_passkey_challenges",
    "echo_run_pieces",
    "echo_runs",
    "echo_used_codes",
    "refreshtokenbridges",
    "tokens",
}


def lines(database: Database, owner: str, name: str) -> list[Any]:
    return [json.loads(each) for each in AccountData(database).lines(owner, name)]


def test_every_collection_of_the_erasure_is_exported_or_there_is_a_reason(empty_database: Database) -> None:
    of_users = {each.collection for each in OWNED}
    shared = {name for kind in KINDS for name in (kind.collection, *(part for part, _ in kind.parts))}
    names = AccountData(empty_database).names()
    assert set(names) | NOT_EXPORTED.keys() == of_users | shared | {"users", "groups"}
    assert set(names).isdisjoint(NOT_EXPORTED)
    assert NOT_EXPORTED.keys() == LEFT_OUT
    assert len(names) == len(set(names))


def test_only_the_users_own_is_in_it_and_nothing_secret(empty_database: Database) -> None:
    ada, bob = ObjectId(), ObjectId()
    forms = {"text": str, "id": ObjectId, "mixed": ObjectId}
    for owned in OWNED:
        form = forms[owned.kind]
        secret = dict.fromkeys(SECRET.get(owned.collection, ()), "canary")
        documents = [
            {owned.field: form(who), **secret, "of": name} for who, name in ((ada, "ada"), (bob, "bob"))
        ]
        empty_database.collection(owned.collection).insert_many(documents)
    for kind in KINDS:
        empty_database.collection(kind.collection).insert_many(
            [{"author": ada, "of": "ada"}, {"author": bob}]
        )
    users = empty_database.collection("users")
    users.insert_many([{"_id": ada, "of": "ada", **dict.fromkeys(SECRET["users"], "canary")}, {"_id": bob}])
    group = {"name": "g", "of": "ada", "memberIds": [str(ada), str(bob)]}
    empty_database.collection("groups").insert_one(group)
    for name in AccountData(empty_database).names():
        found = lines(empty_database, str(ada), name)
        assert "canary" not in json.dumps(found), name
        if name == "groups":
            assert [each.keys() for each in found] == [{"_id", "name"}]
        elif name not in ("prompts", "skillfiles"):
            assert [each["of"] for each in found] == ["ada"], name


def test_values_are_in_extended_json(empty_database: Database) -> None:
    ada = ObjectId()
    empty_database.collection("presets").insert_one({"user": str(ada), "title": "ä", "number": 7})
    (found,) = lines(empty_database, str(ada), "presets")
    assert (found["title"], found["number"]) == ("ä", 7)
    assert set(found["_id"]) == {"$oid"}


def test_files_are_those_that_the_user_sent_as_the_file_store_knows_them(empty_database: Database) -> None:
    ada, bob = ObjectId(), ObjectId()
    empty_database.collection("files").insert_many(
        {"user": who, "file_id": name, "type": "text/plain"} for who, name in ((ada, "one"), (bob, "bobs"))
    )
    empty_database.collection("skillfiles").insert_many(
        {"author": who, "file_id": name, "mimeType": "text/css"}
        for who, name in ((ada, "two"), (bob, "bobs"))
    )
    found = [
        {name: each[name] for name in ("file_id", "user", "type")}
        for each in AccountData(empty_database).files(str(ada))
    ]
    assert found == [
        {"file_id": "one", "user": str(ada), "type": "text/plain"},
        {"file_id": "two", "user": str(ada), "type": "text/css"},
    ]


def test_the_account_comes_first_and_what_is_of_two_forms_is_found_in_both(empty_database: Database) -> None:
    ada = ObjectId()
    names = AccountData(empty_database).names()
    assert (names[0], names[-1]) == ("users", "groups")
    rows = [{"principalId": ada, "n": 1}, {"principalId": str(ada), "n": 2}, {"principalId": "x"}]
    empty_database.collection("configs").insert_many(rows)
    groups = [{"memberIds": [ada], "name": "a"}, {"memberIds": [str(ada)], "name": "b"}, {"memberIds": []}]
    empty_database.collection("groups").insert_many(groups)
    assert [each["n"] for each in lines(empty_database, str(ada), "configs")] == [1, 2]
    assert [each["name"] for each in lines(empty_database, str(ada), "groups")] == ["a", "b"]


def test_each_document_is_a_line_in_the_order_of_ids(empty_database: Database) -> None:
    ada = ObjectId()
    for number in (3, 1, 2):
        empty_database.collection("presets").insert_one({"_id": number, "user": str(ada)})
    text = b"".join(AccountData(empty_database).lines(str(ada), "presets"))
    assert text.endswith(b"\n")
    assert [json.loads(line)["_id"] for line in text.splitlines()] == [1, 2, 3]
