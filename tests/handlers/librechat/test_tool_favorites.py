"""Favourites among tools: `/api/user/settings/favorites/tools` of LibreChat's contract."""

from bson import ObjectId

from tests.conftest import Client, UserClient
from tests.handlers.conftest import Stored

PATH = "/chat/api/user/settings/favorites/tools"


def test_are_marked_and_unmarked(ada: UserClient, bob: UserClient, stored: Stored) -> None:
    for path in ("tool/calculator", "mcp/a%2Fb", "tool/calculator"):
        assert ada.put(f"{PATH}/{path}").status_code == 200
    marks = [{"itemType": "tool", "itemId": "calculator"}, {"itemType": "mcp", "itemId": "a/b"}]
    assert ada.get(PATH).json() == marks
    document = stored.toolfavorites.find_one({"user": ObjectId(ada.id), "itemId": "calculator"})
    assert document is not None
    assert document == {
        "_id": document["_id"],
        "user": ObjectId(ada.id),
        **marks[0],
        "createdAt": document["createdAt"],
        "updatedAt": document["createdAt"],
        "__v": 0,
    }
    assert bob.get(PATH).json() == []
    assert bob.delete(f"{PATH}/tool/calculator").json() == {"ok": True}
    assert ada.delete(f"{PATH}/tool/calculator").json() == {"ok": True}
    assert ada.get(PATH).json() == marks[1:]


def test_are_of_known_kinds_and_not_without_end(ada: UserClient, api: Client, stored: Stored) -> None:
    assert api.get(PATH).status_code == 401
    assert ada.put(f"{PATH}/agent/x").status_code == 400
    assert ada.put(f"{PATH}/tool/{'x' * 257}").status_code == 400
    mine = {"user": ObjectId(ada.id), "itemType": "skill"}
    stored.toolfavorites.insert_many([{**mine, "itemId": f"{number}"} for number in range(100)])
    refused = ada.put(f"{PATH}/tool/one-more")
    assert (refused.status_code, refused.json()["code"]) == (422, "too_many_of_a_kind")
    assert ada.put(f"{PATH}/skill/99").status_code == 200
