from typing import Any

import pytest
from pymongo.database import Database as MongoDatabase

from tests.conftest import Client, UserClient

CANARY = "sk-canary-of-a-user"


def put(user: UserClient, **fields: Any) -> Any:
    return user.put("/api/keys", json={"name": "openAI", "value": CANARY, **fields})


def expiry(user: UserClient, name: str = "openAI") -> Any:
    response = user.get("/api/keys", params={"name": name})
    assert response.status_code == 200
    return response.json()["expiresAt"]


class TestPutUserKey:
    def test_answers_as_librechat_with_201_and_no_body(self, ada: UserClient) -> None:
        response = put(ada, expiresAt="2030-01-01T00:00:00.000Z")
        assert (response.status_code, response.content) == (201, b"")
        assert "content-type" not in response.headers

    def test_stores_it_encrypted(self, ada: UserClient, stored: MongoDatabase[Any]) -> None:
        put(ada)
        documents = [repr(each) for each in stored["keys"].find() if ada.id in repr(each)]
        assert len(documents) == 1
        assert CANARY not in documents[0]

    @pytest.mark.parametrize("value", [None, ""])
    def test_without_a_time_keeps_it_for_ever(self, ada: UserClient, value: Any) -> None:
        put(ada, expiresAt="2030-01-01T00:00:00.000Z")
        put(ada, expiresAt=value)
        assert expiry(ada) == "never"

    @pytest.mark.parametrize("value", ["soon", "2030-13-01T00:00:00Z", "2016-12-31T23:59:60Z"])
    def test_refuses_what_is_no_time(self, ada: UserClient, value: str) -> None:
        response = put(ada, expiresAt=value)
        assert response.status_code == 400
        assert response.json()["errors"] == [{"field": "expiresAt", "message": "is not a time"}]

    def test_a_time_beyond_the_calendar_cannot_be_stored(self, ada: UserClient) -> None:
        assert put(ada, expiresAt="9999-12-31T23:59:59-12:00").status_code == 422
        assert expiry(ada) is None

    @pytest.mark.parametrize(
        "change", [{"name": ""}, {"value": ""}, {"value": "x" * 20_001}, {"name": None}, {"value": {}}]
    )
    def test_refuses_what_does_not_fit(self, ada: UserClient, change: dict[str, Any]) -> None:
        assert put(ada, **change).status_code == 400

    def test_keeps_an_endpoint_of_any_name(self, ada: UserClient) -> None:
        for name in ("a/b c", "$where", "a.b", "ключ\0"):
            assert put(ada, name=name).status_code == 201
            assert expiry(ada, name) == "never"


class TestGetUserKey:
    def test_says_until_when_and_nothing_more(self, ada: UserClient, bob: UserClient) -> None:
        put(ada, expiresAt="2030-01-01T02:00:00+02:00")
        assert expiry(ada) == "2030-01-01T00:00:00.000Z"
        assert expiry(ada, "google") is None
        assert expiry(bob) is None

    def test_an_expired_one_is_none(self, ada: UserClient) -> None:
        put(ada, expiresAt="2020-01-01T00:00:00Z")
        assert expiry(ada) is None

    def test_needs_a_name(self, ada: UserClient) -> None:
        assert ada.get("/api/keys").status_code == 400


class TestDeleteUserKey:
    def test_deletes_ones_own_and_answers_alike_without_one(self, ada: UserClient, bob: UserClient) -> None:
        put(ada), put(bob)
        for _ in range(2):
            response = ada.delete("/api/keys/openAI")
            assert (response.status_code, response.content) == (204, b"")
        assert expiry(ada) is None
        assert expiry(bob) == "never"


class TestDeleteUserKeys:
    def test_deletes_all_of_ones_own(self, ada: UserClient, bob: UserClient) -> None:
        put(ada), put(ada, name="google"), put(bob)
        assert ada.delete("/api/keys", params={"all": "true"}).status_code == 204
        assert (expiry(ada), expiry(ada, "google"), expiry(bob)) == (None, None, "never")

    @pytest.mark.parametrize("params", [{}, {"all": "false"}, {"all": "1"}])
    def test_never_by_accident(self, ada: UserClient, params: dict[str, str]) -> None:
        put(ada)
        assert ada.delete("/api/keys", params=params).status_code == 400
        assert expiry(ada) == "never"


def test_a_server_without_creds_key_says_so(make_application: Any, ada: UserClient) -> None:
    client: Client = make_application(CREDS_KEY="", CREDS_IV="")
    client.headers = ada.headers
    for response in (
        client.put("/api/keys", json={"name": "openAI", "value": CANARY}),
        client.get("/api/keys", params={"name": "openAI"}),
    ):
        assert (response.status_code, response.json()["code"]) == (503, "keys_unavailable")
    assert client.delete("/api/keys/openAI").status_code == 204
