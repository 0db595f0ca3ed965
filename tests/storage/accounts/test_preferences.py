"""What users have chosen for themselves."""

from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId

from storage.accounts import preferences as module
from storage.accounts.preferences import PreferenceRepository
from storage.core.database import Database, Document
from storage.core.errors import NotFound
from storage.core.repository import now

MOMENT = now() - timedelta(days=1)


@pytest.fixture
def preferences(database: Database, monkeypatch: pytest.MonkeyPatch) -> PreferenceRepository:
    monkeypatch.setattr(module, "now", lambda: MOMENT)
    return PreferenceRepository(database)


@pytest.fixture
def ada(database: Database) -> str:
    return user(database)


def user(database: Database, **fields: Any) -> str:
    document = {"_id": ObjectId(), "email": f"{ObjectId()}@example.com", **fields}
    database.collection("users").insert_one(document)
    return str(document["_id"])


def changed(document: Document) -> Document:
    assert document.pop("updatedAt") == MOMENT
    return {name: value for name, value in document.items() if name not in ("_id", "email")}


def test_of_nobody_there_are_none(preferences: PreferenceRepository) -> None:
    for owner in ("nobody", "0" * 24):
        with pytest.raises(NotFound):
            preferences.put_pinned_order(owner, [])
        with pytest.raises(NotFound):
            preferences.accept_terms(owner)


@pytest.mark.parametrize(
    ("stored", "accepted"),
    [
        ({}, MOMENT),
        ({"termsAccepted": False, "termsAcceptedAt": None}, MOMENT),
        ({"termsAccepted": False, "termsAcceptedAt": MOMENT - timedelta(days=9)}, MOMENT),
        ({"termsAccepted": True, "termsAcceptedAt": MOMENT - timedelta(days=9)}, MOMENT - timedelta(days=9)),
        # LibreChat's older versions kept no time.
        ({"termsAccepted": True}, MOMENT),
    ],
)
def test_terms_are_accepted_at_the_first_time(
    preferences: PreferenceRepository, database: Database, stored: Document, accepted: Any
) -> None:
    after = preferences.accept_terms(user(database, **stored))
    assert changed(after) == {"termsAccepted": True, "termsAcceptedAt": accepted}


def test_favourites_are_replaced_and_have_known_fields_only(
    preferences: PreferenceRepository, database: Database, ada: str
) -> None:
    other = user(database, favorites=["kept"])
    preferences.put_favorites(ada, [{"agentId": "old"}])
    wanted = [{"agentId": "a"}, {"model": "m", "endpoint": "e", "$set": "x"}, {"spec": "s", "other": "y"}]
    after = preferences.put_favorites(ada, wanted)
    assert changed(after) == {"favorites": [{"agentId": "a"}, {"model": "m", "endpoint": "e"}, {"spec": "s"}]}
    assert (database.collection("users").find_one({"_id": ObjectId(other)}) or {})["favorites"] == ["kept"]


def test_the_order_of_pinned_conversations_is_replaced(preferences: PreferenceRepository, ada: str) -> None:
    preferences.put_pinned_order(ada, ["x"])
    assert changed(preferences.put_pinned_order(ada, ("b", "a"))) == {"pinnedOrder": ["b", "a"]}


class TestPlugins:
    def mark(self, preferences: PreferenceRepository, owner: str, plugin: str, installed: bool = True) -> Any:
        return changed(preferences.mark_plugin(owner, plugin, installed=installed))["plugins"]

    def test_are_put_in_once_and_taken_out(self, preferences: PreferenceRepository, ada: str) -> None:
        assert self.mark(preferences, ada, "a") == ["a"]
        assert self.mark(preferences, ada, "b") == ["a", "b"]
        assert self.mark(preferences, ada, "a") == ["b", "a"]
        assert self.mark(preferences, ada, "b", installed=False) == ["a"]
        assert self.mark(preferences, ada, "b", installed=False) == ["a"]

    def test_have_names_that_are_text_whatever_they_look_like(
        self, preferences: PreferenceRepository, ada: str
    ) -> None:
        assert self.mark(preferences, ada, "$email") == ["$email"]
        assert self.mark(preferences, ada, "$email", installed=False) == []

    def test_are_the_latest_hundred(self, preferences: PreferenceRepository, database: Database) -> None:
        owner = user(database, plugins=[f"p{number}" for number in range(100)])
        assert self.mark(preferences, owner, "new") == [*(f"p{number}" for number in range(1, 100)), "new"]

    def test_are_none_where_something_else_lies(
        self, preferences: PreferenceRepository, database: Database
    ) -> None:
        assert self.mark(preferences, user(database, plugins="x"), "a") == ["a"]
