"""What users do with their own accounts."""

import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any

from bson import ObjectId

from tests.conftest import PASSWORD, Client, UserClient
from tests.handlers.conftest import Stored
from tests.support.two_factor import code_of

NEW = "another horse 2 battery"


def login(api: Client, email: str, password: str = PASSWORD, **headers: str) -> Any:
    return api.post("/api/auth/login", json={"email": email, "password": password}, headers=headers)


class TestNames:
    def test_are_changed_one_by_one(self, ada: UserClient, stored: Stored) -> None:
        changed = ada.patch("/api/user", json={"name": "Ada Lovelace", "username": "ADA.L"}).json()
        assert (changed["name"], changed["username"]) == ("Ada Lovelace", "ada.l")
        assert ada.patch("/api/user", json={"name": "A"}).json()["username"] == "ada.l"
        user = stored.users.find_one({"_id": ObjectId(ada.id)})
        assert (user["name"], user["username"], user["email"]) == ("A", "ada.l", ada.email)

    def test_nothing_else_is_taken(self, ada: UserClient) -> None:
        for body in ({}, {"role": "ADMIN"}, {"email": "x@example.com"}, {"name": ""}, {"username": "a b"}):
            assert ada.patch("/api/user", json=body).status_code == 400, body


class TestThePassword:
    def test_changes_by_the_one_before_and_ends_other_sessions(self, api: Client, ada: UserClient) -> None:
        other = api.with_token(login(api, ada.email).json()["token"])
        body = {"currentPassword": PASSWORD, "newPassword": NEW}
        assert ada.post("/api/user/password", json=body).json() == {"endedSessions": 1}
        assert ada.get("/api/user").status_code == 200
        assert other.get("/api/user").status_code == 401
        assert login(api, ada.email).status_code == 401
        assert login(api, ada.email, NEW).status_code == 200

    def test_does_not_change_by_another_one(self, api: Client, ada: UserClient) -> None:
        refused = ada.post("/api/user/password", json={"currentPassword": NEW, "newPassword": NEW})
        assert (refused.status_code, refused.json()["code"]) == (403, "password_refused")
        weak = ada.post("/api/user/password", json={"currentPassword": PASSWORD, "newPassword": "password1"})
        assert (weak.status_code, weak.json()["code"]) == (400, "common_password")
        assert login(api, ada.email).status_code == 200

    def test_needs_the_second_factor_too(self, guarded: UserClient) -> None:
        body = {"currentPassword": PASSWORD, "newPassword": NEW}
        assert guarded.post("/api/user/password", json=body).json()["code"] == "code_refused"
        assert guarded.post("/api/user/password", json={**body, "token": code_of()}).status_code == 200

    def test_of_an_account_that_has_none_cannot_change(self, ada: UserClient, stored: Stored) -> None:
        stored.users.update_one({"_id": ObjectId(ada.id)}, {"$unset": {"password": ""}})
        body = {"currentPassword": PASSWORD, "newPassword": NEW}
        assert ada.post("/api/user/password", json=body).json()["code"] == "no_password"


class TestSessions:
    def test_are_shown_with_device_and_address(self, api: Client, ada: UserClient) -> None:
        token = login(api, ada.email, **{"User-Agent": "Firefox on \x7fa phone" + "x" * 400}).json()["token"]
        sessions = api.with_token(token).get("/api/user/sessions").json()["sessions"]
        assert [each["current"] for each in sessions] == [True, False]
        assert sessions[0]["device"].startswith("Firefox on a phone")
        assert len(sessions[0]["device"]) <= 300
        assert sessions[0]["address"] == "127.0.0.1"
        assert sessions[0]["usedAt"] >= sessions[0]["createdAt"]
        assert "refreshTokenHash" not in json.dumps(sessions)

    def test_a_refresh_is_a_use(self, api: Client, ada: UserClient) -> None:
        cookie = {"Cookie": f"refreshToken={ada.refresh_token}", "User-Agent": "Chrome"}
        assert api.post("/api/auth/refresh", headers=cookie).is_success
        (session,) = ada.get("/api/user/sessions").json()["sessions"]
        assert session["device"] == "Chrome"

    def test_end_one_by_one(self, api: Client, ada: UserClient, bob: UserClient) -> None:
        other = api.with_token(login(api, ada.email).json()["token"])
        ended = next(
            each["id"] for each in ada.get("/api/user/sessions").json()["sessions"] if not each["current"]
        )
        assert bob.delete(f"/api/user/sessions/{ended}").status_code == 404
        assert ada.delete(f"/api/user/sessions/{ended}").status_code == 204
        assert other.get("/api/user").status_code == 401
        assert ada.delete(f"/api/user/sessions/{ended}").status_code == 404
        assert ada.delete("/api/user/sessions/x").status_code == 404

    def test_all_others_end(self, api: Client, ada: UserClient, bob: UserClient) -> None:
        others = [api.with_token(login(api, ada.email).json()["token"]) for _ in range(2)]
        assert ada.delete("/api/user/sessions").json() == {"endedSessions": 2}
        assert [each.get("/api/user").status_code for each in (*others, ada, bob)] == [401, 401, 200, 200]


class TestTheEnd:
    def test_takes_everything(self, ada: UserClient, stored: Stored) -> None:
        assert ada.post("/api/messages/new", json={"text": "hi", "sender": "user"}).is_success
        assert ada.post("/api/user/delete", json={"password": PASSWORD}).json() == {"message": "User deleted"}
        assert stored.users.count_documents({"_id": ObjectId(ada.id)}) == 0
        assert stored.messages.count_documents({"user": ada.id}) == 0
        # A worker remembers a session for seconds: to it the user is gone.
        assert ada.get("/api/user").status_code in (401, 404)

    def test_needs_the_password(self, ada: UserClient, stored: Stored) -> None:
        for body in ({}, {"password": NEW}, {"token": "123456"}):
            refused = ada.post("/api/user/delete", json=body)
            assert (refused.status_code, refused.json()["code"]) == (403, "password_refused")
        assert stored.users.count_documents({"_id": ObjectId(ada.id)}) == 1

    def test_needs_the_second_factor_where_there_is_one(self, guarded: UserClient) -> None:
        refused = guarded.post("/api/user/delete", json={"password": PASSWORD})
        assert (refused.status_code, refused.json()["code"]) == (403, "code_refused")

    def test_needs_a_fresh_login_where_there_is_neither(self, ada: UserClient, stored: Stored) -> None:
        account = {"_id": ObjectId(ada.id)}
        stored.users.update_one(account, {"$set": {"provider": "openid"}, "$unset": {"password": ""}})
        sessions = {"user": ObjectId(ada.id)}
        for change in (
            {"$set": {"createdAt": datetime.now(UTC) - timedelta(minutes=6)}},
            # As LibreChat's are.
            {"$unset": {"createdAt": ""}},
        ):
            stored.sessions.update_many(sessions, change)
            for path in ("/api/user/delete", "/api/user/passkeys/challenge"):
                refused = ada.post(path, json={"password": PASSWORD})
                assert (refused.status_code, refused.json()["code"]) == (403, "login_too_old")
        fresh = datetime.now(UTC) - timedelta(minutes=4)
        stored.sessions.update_many(sessions, {"$set": {"createdAt": fresh}})
        # It is asked no more; that such accounts have no passkeys is another matter.
        assert ada.post("/api/user/passkeys/challenge", json={}).json()["code"] == "no_password"


class TestTheExport:
    def test_has_all_that_is_stored(self, ada: UserClient, bob: UserClient, stored: Stored) -> None:
        file = ada.post("/api/files", files={"file": ("note.txt", b"some words", "text/plain")}).json()
        assert ada.post("/api/messages/new", json={"text": "hi", "sender": "user"}).is_success
        assert bob.post("/api/messages/new", json={"text": "canary", "sender": "user"}).is_success
        lost = {
            "file_id": "lost",
            "filename": "lost.txt",
            "filepath": f"/uploads/{ada.id}/lost",
            "source": "local",
        }
        stored.files.insert_one({**lost, "user": ObjectId(ada.id)})
        response = ada.get("/api/user/export")
        assert response.headers["Content-Disposition"].startswith("attachment; filename*=UTF-8''account-")
        with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
            assert archive.testzip() is None
            assert archive.read(f"files/{file['file_id']}/note.txt") == b"some words"
            (user,) = map(json.loads, archive.read("data/users.jsonl").splitlines())
            (message,) = map(json.loads, archive.read("data/messages.jsonl").splitlines())
            names = archive.namelist()
            everything = b"".join(archive.read(each) for each in names)
        assert (user["email"], message["text"]) == (ada.email, "hi")
        assert [each for each in names if "lost" in each] == []
        assert b"canary" not in everything
        assert b"$2b$" not in everything
