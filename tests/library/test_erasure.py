"""What a user keeps in the library goes with the account, and what another owns as well stays with that one."""

from collections.abc import Callable

import pytest
from bson import ObjectId

from echo.accounts.erasure import AccountEraser
from echo.services import Services
from echo.settings import Settings
from storage.core.database import Database
from tests.conftest import UserClient
from tests.handlers.librechat.sharing import EDIT

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


SKILLS = "/chat/api/skills"
OWN = 15


def skill_of(user: UserClient) -> str:
    return str(user.post(SKILLS, json={"name": "walk", "description": "x"}).json()["_id"])


def let(database: Database, skill: str, bits: int, user: UserClient) -> None:
    who = {"principalType": "user", "principalId": ObjectId(user.id), "principalModel": "User"}
    entry = {**who, "resourceType": "skill", "resourceId": ObjectId(skill), "permBits": bits}
    database.collection("aclentries").insert_one(entry)


def send(user: UserClient, skill: str, path: str) -> None:
    file, where = {"file": ("a.md", path.encode())}, {"relativePath": path}
    assert user.post(f"{SKILLS}/{skill}/files", files=file, data=where).status_code == 200


@pytest.fixture
def uploads(settings: Settings) -> Callable[[UserClient], list[bytes]]:
    """What lies on the disk of a user's."""

    def found(user: UserClient) -> list[bytes]:
        directory = settings.data_dir / "files" / "uploads" / user.id
        return sorted(path.read_bytes() for path in directory.glob("*"))

    return found


class TestFilesOfSkills:
    @pytest.fixture
    def erase(self, services: Services, app_database: Database) -> Callable[[UserClient], object]:
        eraser = AccountEraser(app_database, services.library.file_store, settle_seconds=0)
        return lambda user: eraser.erase(user.id)

    def test_that_others_sent_to_one_that_goes_go_too(
        self,
        ada: UserClient,
        bob: UserClient,
        app_database: Database,
        erase: Callable[[UserClient], object],
        uploads: Callable[[UserClient], list[bytes]],
    ) -> None:
        hers, his = skill_of(ada), skill_of(bob)
        let(app_database, hers, EDIT, bob)
        send(bob, hers, "bobs-in-hers.md")
        send(bob, his, "bobs.md")
        assert uploads(bob) == [b"bobs-in-hers.md", b"bobs.md"]
        erase(ada)
        assert uploads(bob) == [b"bobs.md"]
        assert [
            row["skillId"] for row in app_database.collection("skillfiles").find({"author": ObjectId(bob.id)})
        ] == [ObjectId(his)]

    def test_that_the_user_sent_to_one_that_stays_stay_with_it(
        self,
        ada: UserClient,
        bob: UserClient,
        app_database: Database,
        erase: Callable[[UserClient], object],
        uploads: Callable[[UserClient], list[bytes]],
    ) -> None:
        both, his = skill_of(ada), skill_of(bob)
        let(app_database, both, OWN, bob)
        let(app_database, his, EDIT, ada)
        send(ada, both, "adas-in-both.md")
        send(ada, his, "adas-in-his.md")
        erase(ada)
        assert bob.get(f"{SKILLS}/{both}/files/adas-in-both.md").json()["content"] == "adas-in-both.md"
        assert bob.get(f"{SKILLS}/{his}/files/adas-in-his.md").json()["content"] == "adas-in-his.md"
        # Both skills were called so, and nobody has two of one name.
        assert [bob.get(f"{SKILLS}/{each}").json()["name"] for each in (both, his)] == ["walk-2", "walk"]
        assert (uploads(ada), uploads(bob)) == ([], [b"adas-in-both.md", b"adas-in-his.md"])
        assert app_database.collection("skillfiles").find_one({"author": ObjectId(ada.id)}) is None
        assert bob.delete(f"{SKILLS}/{his}").is_success
        assert uploads(bob) == [b"adas-in-both.md"]
