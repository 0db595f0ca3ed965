"""Hostile and broken input to every field of every operation: no 5xx, nothing half-written, the server lives on."""

from collections.abc import Callable
from typing import Any

import pytest
from bson import ObjectId

from echo.testing.bodies import Place, value_at, with_value
from storage.core.database import Database
from tests.conftest import Client, UserClient
from tests.security.conftest import Belongings, body_for, furnish, furnish_for, send
from tests.support.operations import ALL_OPERATIONS, JSON, Op, all_fields, free_objects

WITH_JSON = [op for op in ALL_OPERATIONS if JSON in op.media]


def integers(op: Op) -> list[Place]:
    """Where the example body of the operation has integers."""
    body = op.example_body()
    return [place for place in all_fields(op.json_schema or {}) if type(value_at(body, place)) is int]


WITH_INTEGERS = [op for op in WITH_JSON if integers(op)]
WITH_PARAMETERS = [op for op in ALL_OPERATIONS if op.parameters("query") or op.parameters("path")]

HOSTILE: list[Any] = [
    None,
    True,
    0,
    -1,
    2**31,
    2**63,
    10**40,
    1.5e308,
    "",
    " ",
    "x" * 100_000,
    "\x00",
    "a\x00b",
    "\u202eevil",
    "\U0001f600" * 100,
    "\r\nSet-Cookie: a=b",
    "\x1b[31mred",
    "../../../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "/dev/zero",
    "C:\\Windows\\win.ini",
    "$where",
    "{{7*7}}${HOME}",
    "'; DROP TABLE users; --",
    "<script>alert(1)</script>",
    ".*(a+)+$",
    [],
    {},
    {"$gt": ""},
    {"$where": "sleep(1000)"},
    {"a.b": {"$ne": None}},
    [[[[[[]]]]]],
]

# What JSON can say and MongoDB cannot keep, or only in some places, as the content of an object.
UNSTORABLE: list[dict[str, Any]] = [
    {"a\x00b": 1},
    {"$set": {"a": 1}, "$a": 1},
    {"a.b": 1, ".": 1, "": 1},
    {"n": 2**63, "list": [{"n": -(10**40)}]},
]


# After these there is no user, or no session of hers.
ENDING = ("logout", "delete_account", "delete_own_account", "delete_all_conversations")
# Of those, how many each field of LibreChat's contract gets, and half of what one of the first gets: others for each
# field, so that an operation with some fields gets all of them. Presets and agents have fifty.
SOME = 6


def hostile_values(op: Op, number: int) -> list[Any]:
    """The values for the field of that number: others for each field."""
    values = [*HOSTILE, nested(200)]
    some = 2 * SOME if op.contract == "echo" else SOME
    return [values[(number * some + each) % len(values)] for each in range(some)]


def nested(depth: int) -> Any:
    value: Any = "bottom"
    for _ in range(depth):
        value = {"down": value}
    return value


@pytest.mark.parametrize("op", WITH_JSON, ids=lambda op: op.id)
class TestEveryBodyField:
    def test_survives_hostile_values(self, op: Op, make_user: Callable[[str], UserClient]) -> None:
        ada = furnish_for(make_user("ada"), op)
        for number, place in enumerate(all_fields(op.json_schema or {})):
            for value in hostile_values(op, number):
                body = with_value(body_for(op, ada.ids), place, value)
                response = send(ada.owner, op, ada.ids, body=body)
                assert response.status_code < 500 or response.status_code == 503, (place, repr(value)[:80])
            if op.id == "logout":
                break

    def test_survives_what_cannot_be_stored(self, op: Op, make_user: Callable[[str], UserClient]) -> None:
        ada = furnish_for(make_user("ada"), op)
        for place in free_objects(op.json_schema or {}):
            for content in UNSTORABLE:
                body = body_for(op, ada.ids)
                inside = value_at(body, place)
                put = {**inside, **content} if isinstance(inside, dict) else content
                response = send(ada.owner, op, ada.ids, body=with_value(body, place, put))
                assert response.status_code < 500 or response.status_code == 503, (place, content)

    def test_survives_other_bodies(
        self, op: Op, lasting: Belongings, make_user: Callable[[str], UserClient]
    ) -> None:
        ada = furnish(make_user("ada")) if op.id.endswith(ENDING) else lasting
        for value in [*HOSTILE, nested(900)]:
            response = send(ada.owner, op, ada.ids, body=value)
            assert response.status_code < 500, repr(value)[:80]

    def test_takes_no_fields_that_are_not_the_clients_to_set(
        self, op: Op, make_user: Callable[[str], UserClient]
    ) -> None:
        ada, bob = furnish_for(make_user("ada"), op), make_user("bob")
        role = ada.owner.user["role"]
        extra = {
            "user": bob.id,
            "_id": "f" * 24,
            "role": "ADMIN",
            "createdAt": "2001-01-01T00:00:00.000Z",
            "provider": "evil",
            "tenantId": "evil",
            "isAdmin": True,
        }
        if "agents" in op.template:
            # An agent's provider is its maker's to choose.
            del extra["provider"]
        before = (
            bob.get("/api/convos").json(),
            bob.get("/api/presets").json(),
            bob.get("/api/assistants").json(),
        )
        body = body_for(op, ada.ids)
        response = send(ada.owner, op, ada.ids, body={**extra, **body})
        assert response.status_code < 500
        assert "2001-01-01" not in response.text
        assert "evil" not in response.text
        after = (
            bob.get("/api/convos").json(),
            bob.get("/api/presets").json(),
            bob.get("/api/assistants").json(),
        )
        assert before == after
        if op.id != "register":
            # Who has deleted the account is nobody any more.
            now = ada.owner.get("/api/user")
            assert now.status_code == 401 or now.json()["role"] == role


@pytest.mark.parametrize("op", WITH_INTEGERS, ids=lambda op: op.id)
def test_an_integer_may_be_written_with_a_point(op: Op, lasting: Belongings) -> None:
    # JSON Schema knows no difference (validation, section 6.1.1), and so no check refuses it.
    for place in integers(op):
        body = body_for(op, lasting.ids)
        response = send(lasting.owner, op, lasting.ids, body=with_value(body, place, 1.0))
        assert response.status_code < 500 or response.status_code == 503, place


@pytest.mark.parametrize("op", WITH_PARAMETERS, ids=lambda op: op.id)
def test_every_parameter_survives_hostile_values(
    op: Op, lasting: Belongings, make_user: Callable[[str], UserClient]
) -> None:
    ada = furnish(make_user("ada")) if op.id.endswith(ENDING) else lasting
    texts = [
        str(value) for value in HOSTILE if isinstance(value, (str, int, float)) and value not in ("", ".")
    ]
    for parameter in op.parameters("query"):
        for text in texts:
            response = send(ada.owner, op, ada.ids, params={parameter["name"]: text[:5000]})
            assert response.status_code < 500, (parameter["name"], text[:80])
    for parameter in op.parameters("path"):
        for text in texts:
            response = send(ada.owner, op, {**ada.ids, parameter["name"]: text[:5000]})
            assert response.status_code < 500, (parameter["name"], text[:80])


class TestMalformedRequests:
    @pytest.mark.parametrize("op", WITH_JSON, ids=lambda op: op.id)
    def test_are_400_everywhere(self, op: Op, ada: UserClient, app_database: Database) -> None:
        grants = [
            {"principalType": "user", "principalId": ObjectId(ada.id), "capability": each}
            for each in op.raw.get("x-echo-capability", ())
        ]
        if grants:
            # Without them nobody's body is read.
            app_database.collection("systemgrants").insert_many(grants)
        if "x-echo-permission" in op.raw:
            # The same; not every user has every one.
            mine = {"_id": ObjectId(ada.id)}
            app_database.collection("users").update_one(mine, {"$set": {"role": "ADMIN"}})
        path = op.path
        for parameter in op.parameters("path"):
            path = path.replace(f"{{{parameter['name']}}}", "some-id")
        headers = {"Content-Type": "application/json"}
        for content in (b"{", b"\xff\xff", b'"\\ud800"', b"nul", b'{"a":1}{"b":2}'):
            answer = ada.request(op.method, path, content=content, headers=headers)
            assert answer.status_code == 400, content

    def test_the_query_string_may_be_anything(self, ada: UserClient) -> None:
        for query in ("%", "%ff", "a=%00", "&&&", "=", "limit=1&limit=2", "%ud800", "cursor=%F0%28%8C%BC"):
            assert ada.get(f"/api/convos?{query}").status_code in (200, 400)

    def test_the_path_may_be_anything(self, ada: UserClient) -> None:
        for path in ("%00", "%0A", "%ff", "%2e%2e", "a%2fb", "%F0%9F%98%80", "x" * 3000):
            assert ada.get(f"/api/convos/{path}").status_code in (400, 404)


def test_operators_in_a_login_do_not_match(api: Client, ada: UserClient) -> None:
    for value in ({"$gt": ""}, {"$ne": None}, ["x"], True):
        assert api.post("/api/auth/login", json={"email": ada.email, "password": value}).status_code == 400
        assert api.post("/api/auth/login", json={"email": value, "password": ada.password}).status_code == 400


def test_a_search_is_plain_text(ada: UserClient) -> None:
    ada.post("/api/messages/first", json={"text": "one (a+)+$ two", "sender": "user"})
    ada.post("/api/messages/second", json={"text": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "sender": "user"})
    found = ada.get("/api/convos", params={"search": "(A+)+$"}).json()["conversations"]
    assert [conversation["conversationId"] for conversation in found] == ["first"]
    assert ada.get("/api/convos", params={"search": ".*"}).json()["conversations"] == []
