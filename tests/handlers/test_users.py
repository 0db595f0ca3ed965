from typing import Any

from bson import ObjectId
from pymongo.database import Database as MongoDatabase

from tests.conftest import Client, UserClient


class TestGetCurrentUser:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.get("/api/user").status_code == 401

    def test_each_caller_gets_the_own_account(self, ada: UserClient, bob: UserClient) -> None:
        assert ada.get("/api/user").json()["id"] == ada.id
        assert bob.get("/api/user").json()["id"] == bob.id

    def test_shows_what_the_contract_names(self, ada: UserClient) -> None:
        user = ada.get("/api/user").json()
        assert user["email"] == ada.email
        assert user["name"] == "ada"
        assert user["role"] in ("user", "admin")
        assert user["createdAt"].endswith("Z")

    def test_never_shows_the_password_hash(self, ada: UserClient) -> None:
        response = ada.get("/api/user")
        assert "$2b$" not in response.text
        assert "password" not in response.json()

    def test_an_admin_of_librechat_is_an_admin(
        self, ada: UserClient, stored: MongoDatabase[dict[str, Any]]
    ) -> None:
        for inside, outside in (("ADMIN", "admin"), ("USER", "user"), ("EDITOR", "user")):
            stored.users.update_one({"_id": ObjectId(ada.id)}, {"$set": {"role": inside}})
            assert ada.get("/api/user").json()["role"] == outside

    def test_an_avatar_that_is_no_web_address_is_left_out(
        self, ada: UserClient, stored: MongoDatabase[dict[str, Any]]
    ) -> None:
        stored.users.update_one({"_id": ObjectId(ada.id)}, {"$set": {"avatar": "/images/1/avatar.png"}})
        assert "avatar" not in ada.get("/api/user").json()
        stored.users.update_one({"_id": ObjectId(ada.id)}, {"$set": {"avatar": "https://example.com/a.png"}})
        assert ada.get("/api/user").json()["avatar"] == "https://example.com/a.png"

    def test_an_old_document_with_nulls_is_shown(
        self, ada: UserClient, stored: MongoDatabase[dict[str, Any]]
    ) -> None:
        nulls = {"avatar": None, "username": None, "role": None, "name": None}
        stored.users.update_one({"_id": ObjectId(ada.id)}, {"$set": nulls})
        user = ada.get("/api/user").json()
        assert user["role"] == "user"
        assert "avatar" not in user
