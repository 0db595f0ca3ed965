"""Work that waits: who takes it, which of it first, and until when nobody else does."""

from datetime import timedelta

from storage.core.database import Database
from storage.core.leases import take_due
from storage.core.repository import now

LEASE = timedelta(minutes=5)


def test_what_has_been_due_for_longest_is_taken_once(database: Database) -> None:
    waiting, moment = database.collection("waiting"), now()
    for name, seconds in (("later", 60), ("second", -1), ("first", -2)):
        waiting.insert_one({"_id": name, "due": moment + timedelta(seconds=seconds), "attempts": 1})
    taken = [
        take_due(waiting, LEASE),
        take_due(waiting, LEASE, marks={"token": "x"}),
        take_due(waiting, LEASE),
    ]
    [first, second] = [each for each in taken if each]
    assert (first["_id"], first["attempts"], "token" in first) == ("first", 2, False)
    assert (second["_id"], second["attempts"], second["token"]) == ("second", 2, "x")
    assert all(LEASE <= each["due"] - moment < LEASE + timedelta(minutes=1) for each in (first, second))
    assert taken[2] is None
    # So is it stored.
    assert waiting.find_one({"_id": "second"}) == second


def test_what_is_due_at_this_moment_is_taken(database: Database) -> None:
    waiting = database.collection("waiting")
    waiting.insert_one({"due": now()})
    assert (take_due(waiting, LEASE) or {})["attempts"] == 1


def test_of_some_only_what_is_among_them(database: Database) -> None:
    waiting, moment = database.collection("waiting"), now()
    waiting.insert_many({"_id": name, "due": moment, "kind": name} for name in ("a", "b"))
    assert (take_due(waiting, LEASE, among={"kind": "b"}) or {})["_id"] == "b"
    assert take_due(waiting, LEASE, among={"kind": "b"}) is None
    # The lease is what is set, whatever the marks say.
    assert (take_due(waiting, LEASE, marks={"due": moment}) or {})["due"] > moment
