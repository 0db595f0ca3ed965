"""What users have marked among tools: a hundred each at most."""

from datetime import timedelta

import pytest
from bson import ObjectId

from storage.accounts import tool_favorites as module
from storage.accounts.tool_favorites import ToolFavoriteRepository
from storage.core.database import Database
from storage.core.errors import TooMany
from storage.core.repository import now


@pytest.fixture
def favorites(database: Database) -> ToolFavoriteRepository:
    return ToolFavoriteRepository(database)


def marks(favorites: ToolFavoriteRepository, owner: str) -> list[tuple[str, str]]:
    rows = favorites.list(owner)
    assert all(each.keys() == {"_id", "itemType", "itemId"} for each in rows)
    return [(each["itemType"], each["itemId"]) for each in rows]


def test_are_listed_from_the_oldest(
    favorites: ToolFavoriteRepository, ada: str, bob: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = now()
    for hours, item in ((2, "late"), (1, "early"), (1, "second")):
        monkeypatch.setattr(module, "now", lambda after=hours: moment + timedelta(hours=after))
        favorites.add(ada, "tool", item)
    favorites.add(bob, "tool", "bobs")
    assert marks(favorites, ada) == [("tool", "early"), ("tool", "second"), ("tool", "late")]


def test_lie_as_librechats_do(favorites: ToolFavoriteRepository, database: Database, ada: str) -> None:
    favorites.add(ada, "tool", "calculator")
    [row] = database.collection("toolfavorites").find({}, {"_id": 0})
    created = row.pop("createdAt")
    assert row == {
        "user": ObjectId(ada),
        "itemType": "tool",
        "itemId": "calculator",
        "updatedAt": created,
        "__v": 0,
    }
    favorites.add(ada, "tool", "calculator")
    assert database.collection("toolfavorites").find_one({}, {"_id": 0}) == {**row, "createdAt": created}


def test_are_of_a_kind_and_taken_away_by_their_user(
    favorites: ToolFavoriteRepository, ada: str, bob: str
) -> None:
    for owner, kind, item in ((ada, "tool", "x"), (ada, "mcp", "x"), (ada, "tool", "y"), (bob, "tool", "x")):
        favorites.add(owner, kind, item)
    favorites.remove(ada, "tool", "x")
    favorites.remove(ada, "tool", "x")
    assert marks(favorites, ada) == [("mcp", "x"), ("tool", "y")]
    assert marks(favorites, bob) == [("tool", "x")]


def test_are_a_hundred_of_a_user_at_most(favorites: ToolFavoriteRepository, ada: str, bob: str) -> None:
    for number in range(100):
        favorites.add(ada, "tool", str(number))
    with pytest.raises(TooMany) as refused:
        favorites.add(ada, "tool", "one more")
    assert (refused.value.kind, refused.value.most) == ("favorites", 100)
    # The same name of another kind is another one.
    with pytest.raises(TooMany):
        favorites.add(ada, "mcp", "5")
    favorites.add(ada, "tool", "5")
    favorites.add(bob, "tool", "one")
    assert len(favorites.list(ada)) == 100


def test_of_one_moment_are_listed_by_their_ids(
    favorites: ToolFavoriteRepository, database: Database, ada: str
) -> None:
    """As another program may have put them in."""
    mine = {"user": ObjectId(ada), "itemType": "tool", "createdAt": now()}
    rows = [{**mine, "_id": ObjectId(f"{number:024x}"), "itemId": str(number)} for number in (3, 1, 2)]
    database.collection("toolfavorites").insert_many(rows)
    assert [item for _, item in marks(favorites, ada)] == ["1", "2", "3"]
