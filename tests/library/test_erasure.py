"""What a user keeps in the library goes with the account, and what another owns as well stays with that one."""

from bson import ObjectId

from echo.accounts.erasure import AccountEraser
from echo.services import Services
from storage.core.database import Database
from tests.conftest import UserClient

COLLECTIONS = ("presets", "promptgroups", "prompts", "memoryentries", "skills", "aclentries", "users")


def naming(database: Database, user: UserClient) -> dict[str, int]:
    found = {
        name: sum(user.id in repr(row) for row in database.collection(name).find()) for name in COLLECTIONS
    }
    return {name: number for name, number in found.items() if number}


def test_goes_with_the_account(
    ada: UserClient, bob: UserClient, services: Services, app_database: Database
) -> None:
    groups = [
        ada.post("/chat/api/prompts", json={"prompt": {"prompt": "Say it"}, "group": {"name": name}}).json()[
            "group"
        ]["_id"]
        for name in ("hers", "both's")
    ]
    skill = ada.post("/chat/api/skills", json={"name": "walk", "description": "x"}).json()["_id"]
    ada.post("/chat/api/user/settings/skills/active", json={"skillStates": {skill: True}})
    ada.post("/chat/api/memories", json={"key": "likes", "value": "tea"})
    ada.post("/chat/api/presets", json={"title": "x"})
    grants = app_database.collection("aclentries")
    adas = grants.find_one({"resourceId": ObjectId(groups[1])}, {"_id": 0})
    assert adas is not None
    grants.insert_one({**adas, "principalId": ObjectId(bob.id)})
    assert naming(app_database, ada) == {
        "presets": 1,
        "promptgroups": 2,
        "prompts": 2,
        "memoryentries": 1,
        "skills": 1,
        "aclentries": 4,
        "users": 1,
    }
    AccountEraser(app_database, services.library.file_store, settle_seconds=0).erase(ada.id)
    assert naming(app_database, ada) == {}
    (kept,) = bob.get("/chat/api/prompts/all").json()
    assert (kept["_id"], kept["author"], kept["authorName"]) == (groups[1], bob.id, "bob")
    assert kept["productionPrompt"]["prompt"] == "Say it"
