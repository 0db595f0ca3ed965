from typing import Any

from pymongo.database import Database as MongoDatabase

from tests.conftest import Client, UserClient
from tests.handlers.librechat.admin.conftest import A, Granted
from tests.support.two_factor import give_second_factor

Stored = MongoDatabase[dict[str, Any]]


def login(api: Client, user: UserClient, password: str | None = None) -> Any:
    return api.post(f"{A}/login/local", json={"email": user.email, "password": password or user.password})


class TestAdminLogin:
    def test_begins_a_session(self, api: Client, root: UserClient) -> None:
        answer = login(api, root)
        assert answer.status_code == 200
        assert answer.json()["user"]["id"] == root.id
        assert answer.headers["set-cookie"].startswith("refreshToken=")
        admin = api.with_token(answer.json()["token"])
        assert admin.get(f"{A}/verify").json()["user"]["email"] == root.email
        assert admin.get(f"{A}/users").status_code == 200

    def test_is_for_those_who_have_been_granted_it(
        self, api: Client, ada: UserClient, granted: Granted, stored: Stored
    ) -> None:
        before = stored.sessions.count_documents({})
        answer = login(api, ada)
        assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_permissions")
        assert "set-cookie" not in answer.headers
        assert stored.sessions.count_documents({}) == before
        assert login(api, granted("access:admin")).status_code == 200

    def test_tells_nobody_who_administers_without_the_password(
        self, api: Client, ada: UserClient, root: UserClient
    ) -> None:
        answers = [login(api, user, "wrong password 1") for user in (ada, root)]
        assert {answer.status_code for answer in answers} == {401}
        assert len({answer.json()["message"] for answer in answers}) == 1

    def test_asks_for_the_second_factor(self, api: Client, root: UserClient, stored: Stored) -> None:
        give_second_factor(stored.users, root.id)
        answer = login(api, root).json()
        assert answer["twoFAPending"] is True
        assert set(answer) == {"twoFAPending", "tempToken"}


class TestVerifyAdmin:
    def test_shows_no_secret(self, root: UserClient) -> None:
        user = root.get(f"{A}/verify").json()["user"]
        assert user["role"] == "ADMIN"
        assert {"password", "totpSecret", "backupCodes"}.isdisjoint(user)

    def test_refuses_one_who_was_an_administrator(self, root: UserClient, stored: Stored) -> None:
        stored.users.update_one({"email": root.email}, {"$set": {"role": "USER"}})
        assert root.get(f"{A}/verify").status_code == 403
