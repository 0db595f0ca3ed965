"""Sessions that began in LibreChat go on, and those that begin here are such as LibreChat makes."""

import hashlib
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from bson import ObjectId
from pymongo import MongoClient

from echo.settings import Settings
from tests.conftest import Client
from tests.support.librechat import Content, LogIn, difference, user_id

LIFE = timedelta(days=7)


def librechats_token(key: str, owner: Any, session: ObjectId, life: timedelta = LIFE) -> str:
    """A refresh token with the claims that LibreChat's `generateRefreshToken` signs."""
    moment = int(time.time())
    claims = {"id": str(owner), "sessionId": str(session), "iat": moment}
    return jwt.encode({**claims, "exp": moment + int(life.total_seconds())}, key, "HS256")


@pytest.fixture
def begun(moved: Settings, content: Content) -> str:
    """The refresh token of a session of Ada's that LibreChat began."""
    owner, session = user_id(content, "ada"), ObjectId()
    token = librechats_token(str(moved.jwt_refresh_secret), owner, session)
    document = {
        "_id": session,
        "user": owner,
        "expiration": datetime.now(UTC) + LIFE,
        "refreshTokenHash": hashlib.sha256(token.encode()).hexdigest(),
        "__v": 0,
    }
    with MongoClient[dict[str, Any]](str(moved.mongo_uri)) as client:
        client.get_default_database()["sessions"].insert_one(document)
    return token


def refresh(client: Client, token: str) -> Any:
    # What LibreChat's web client sends: the cookies that LibreChat set, and no bearer token.
    cookies = f"refreshToken={token}; token_provider=librechat"
    return client.post("/api/auth/refresh", headers={"Cookie": cookies})


def test_a_cookie_of_librechats_goes_on(anonymous: Client, begun: str, content: Content) -> None:
    before = content()
    answer = refresh(anonymous, begun)
    assert answer.status_code == 200, answer.text
    assert anonymous.with_token(answer.json()["token"]).get("/api/user").json()["email"] == "ada@example.test"
    assert difference(before, content()) == {
        "sessions": (0, 0, [{"refreshTokenHash", "address", "device", "usedAt"}])
    }


def test_sent_twice_at_once_both_get_the_same_successor(anonymous: Client, begun: str) -> None:
    first, second = refresh(anonymous, begun), refresh(anonymous, begun)
    assert [first.status_code, second.status_code] == [200, 200]
    assert first.headers["set-cookie"].partition(";")[0] == second.headers["set-cookie"].partition(";")[0]


def test_one_that_another_key_signed_is_refused(anonymous: Client, content: Content) -> None:
    token = librechats_token("b" * 64, user_id(content, "ada"), ObjectId())
    assert refresh(anonymous, token).status_code == 401


def test_a_session_of_ours_is_one_that_librechat_would_go_on_with(
    log_in: LogIn, content: Content, moved: Settings
) -> None:
    before = content()
    log_in("ada")
    after = content()
    [session] = [after["sessions"][each] for each in after["sessions"].keys() - before["sessions"].keys()]
    assert session["user"] == user_id(content, "ada")
    librechats = {"_id", "user", "refreshTokenHash", "expiration", "__v"}
    assert set(session) == librechats | {"address", "device", "createdAt", "usedAt"}
    assert len(session["refreshTokenHash"]) == 64
