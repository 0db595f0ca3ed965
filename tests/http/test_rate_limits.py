"""Limits on what is costly, by address, account and e-mail."""

import asyncio
import gc
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import pytest
from limits.errors import StorageError
from limits.storage import MemoryStorage, Storage
from pymongo import MongoClient
from pymongo.monitoring import CommandListener, CommandStartedEvent

from echo.contract.compiled import Operation
from echo.errors import ServiceUnavailable, TooManyRequests
from echo.handling.caller import ClientInfo, subscriber
from echo.http import rate_limits
from echo.http.rate_limits import (
    RateLimiter,
    RateLimitMiddleware,
    SharedMongoStorage,
    account_key,
    seconds_until,
)
from echo.settings import RateLimit, load_settings
from storage.core.database import Database
from storage.core.repository import now
from tests.conftest import PASSWORD, Client, UserClient
from tests.support.chats import new_id, put_message
from tests.support.database import PreparedDatabase

Make = Callable[..., Client]
COUNTED: dict[str, str] = {"ECHO_RATE_LIMITS": "on", "TRUST_PROXY": "1"}


def fresh_address(number: int) -> dict[str, str]:
    return {"X-Forwarded-For": f"2001:db8:0:{number:x}::1"}


def login(client: Client, email: str, address: int) -> Any:
    body = {"email": email, "password": "not the password"}
    return client.post("/api/auth/login", json=body, headers=fresh_address(address))


class TestLogin:
    def test_is_limited_by_address(self, make_application: Make) -> None:
        client = make_application(**COUNTED, LOGIN_MAX="3", LOGIN_WINDOW="5")
        statuses = [login(client, f"a{number}@example.com", 1).status_code for number in range(5)]
        assert statuses == [401, 401, 401, 429, 429]
        assert login(client, "other@example.com", 2).status_code == 401

    def test_the_addresses_of_one_ipv6_subscriber_are_one(self, make_application: Make) -> None:
        client = make_application(**COUNTED, LOGIN_MAX="2", LOGIN_WINDOW="5")

        def status(address: str) -> int:
            body = {"email": f"{secrets.token_hex(4)}@example.com", "password": "not the password"}
            headers = {"X-Forwarded-For": address}
            return int(client.post("/api/auth/login", json=body, headers=headers).status_code)

        network = f"2001:db8:{secrets.token_hex(2)}:1"
        assert [status(f"{network}::{host}") for host in ("1", "2", "ffff:1:2")] == [401, 401, 429]
        assert status(f"{network}1::1") == 401
        # Those are of IPv4, and not one network.
        mapped = [
            f"::ffff:{network}.{secrets.randbelow(256)}" for network in ("192.0.2", "198.51.100", "203.0.113")
        ]
        assert [status(address) for address in (*mapped, mapped[0])] == [401] * 4
        assert status(mapped[0].removeprefix("::ffff:")) == 429

    def test_a_line_of_the_clients_own_changes_nothing(self, make_application: Make) -> None:
        client = make_application(**COUNTED, LOGIN_MAX="2", LOGIN_WINDOW="5")
        network = f"2001:db8:{secrets.token_hex(2)}:1"

        def status(claimed: str) -> int:
            body = {"email": f"{secrets.token_hex(4)}@example.com", "password": "not the password"}
            # As behind HAProxy's `option forwardfor`: the client's line, and then the proxy's.
            lines = [("X-Forwarded-For", claimed), ("X-Forwarded-For", f"{network}::1")]
            return int(client.post("/api/auth/login", json=body, headers=lines).status_code)

        claims = [f"2001:db8:{number}::1" for number in range(4)]
        assert [status(claim) for claim in claims] == [401, 401, 429, 429]

    def test_is_limited_by_account_from_any_address(self, make_application: Make) -> None:
        client = make_application(**COUNTED, LOGIN_MAX="3", LOGIN_WINDOW="5")
        spellings = ["victim@example.com", "Victim@Example.com", "VICTIM@example.com", "victim@example.com"]
        statuses = [login(client, email, 100 + number).status_code for number, email in enumerate(spellings)]
        assert statuses[-1] == 429
        assert 429 not in statuses[:3]

    def test_says_when_to_come_back(self, make_application: Make) -> None:
        client = make_application(**COUNTED, LOGIN_MAX="1", LOGIN_WINDOW="5")
        login(client, "b@example.com", 3)
        refused = login(client, "b@example.com", 3)
        assert refused.json()["code"] == "rate_limited"
        assert 1 <= int(refused.headers["retry-after"]) <= 301

    def test_is_counted_by_all_processes_together(self, make_application: Make) -> None:
        first, second = (make_application(**COUNTED, LOGIN_MAX="2", LOGIN_WINDOW="5") for _ in range(2))
        assert login(first, "c@example.com", 4).status_code == 401
        assert login(second, "c@example.com", 4).status_code == 401
        assert login(first, "c@example.com", 4).status_code == 429

    def test_off_is_off(self, make_application: Make) -> None:
        client = make_application(LOGIN_MAX="1", LOGIN_WINDOW="5", TRUST_PROXY="1")
        assert {login(client, "d@example.com", 5).status_code for _ in range(4)} == {401}


class TestCounters:
    """The library's, over a client of ours."""

    def test_are_in_collections_of_their_own_that_forget(self, prepared_database: PreparedDatabase) -> None:
        with MongoClient[dict[str, Any]](prepared_database.uri, tz_aware=True) as client:
            database = client.get_default_database()
            counters = SharedMongoStorage(database)
            assert counters.incr("a", 60) == 1
            [counter] = database["echo_rate_counters"].find()
            assert (counter["_id"], counter["count"]) == ("a", 1)
            assert timedelta(0) < counter["expireAt"] - now() <= timedelta(seconds=60)
            for name in ("echo_rate_counters", "echo_rate_windows"):
                [*_, index] = database[name].list_indexes()
                assert (index["key"], index["expireAfterSeconds"]) == ({"expireAt": 1}, 0)
        prepared_database.clear()

    def test_leave_the_client_open(self, prepared_database: PreparedDatabase) -> None:
        with MongoClient[dict[str, Any]](prepared_database.uri) as client:
            counters = SharedMongoStorage(client.get_default_database())
            counters.incr("a", 60)
            del counters
            gc.collect()
            assert client.admin.command("ping")["ok"] == 1
        prepared_database.clear()

    def test_that_are_away_say_so(self) -> None:
        # Nobody listens there.
        with MongoClient[dict[str, Any]]("mongodb://127.0.0.1:9/", serverSelectionTimeoutMS=1) as client:
            counters = SharedMongoStorage(client["x"])
            with pytest.raises(StorageError):
                counters.incr("a", 60)


def test_to_count_waits_for_no_disk(prepared_database: PreparedDatabase) -> None:
    commands: list[CommandStartedEvent] = []

    class Listener(CommandListener):
        def started(self, event: CommandStartedEvent) -> None:
            commands.append(event)

        def succeeded(self, event: object) -> None: ...

        def failed(self, event: object) -> None: ...

    database = Database(prepared_database.uri)
    plain = MongoClient[dict[str, Any]](prepared_database.uri, event_listeners=[Listener()])
    with plain:
        concern = database.unhurried.write_concern
        counters = SharedMongoStorage(plain.get_database(database.name, write_concern=concern))
        assert [counters.incr("a", 60), counters.incr("a", 60)] == [1, 2]
    database.close()
    (*_, last) = [each for each in commands if each.command_name == "findAndModify"]
    assert last.command["writeConcern"] == {"w": 1, "j": False}
    prepared_database.clear()


def test_a_forged_address_does_not_escape_the_limit(make_application: Make) -> None:
    client = make_application(ECHO_RATE_LIMITS="on", REGISTER_MAX="2", REGISTER_WINDOW="60")
    body = {"name": "x", "email": "x", "password": PASSWORD, "confirm_password": PASSWORD}
    statuses = [
        client.post("/api/auth/register", json=body, headers=fresh_address(900 + number)).status_code
        for number in range(4)
    ]
    assert statuses[-1] == 429


@pytest.mark.parametrize(
    ("variable", "method", "path", "body"),
    [
        ("FORK_USER_MAX", "POST", "/api/convos/fork", {"conversationId": "none", "messageId": "none"}),
        ("MESSAGE_USER_MAX", "POST", "/api/convos/gen_title", {"conversationId": "none"}),
    ],
)
def test_costly_operations_are_limited_by_account(
    make_application: Make, variable: str, method: str, path: str, body: dict[str, str]
) -> None:
    client = make_application(ECHO_RATE_LIMITS="on", LOGIN_MAX="50", REGISTER_MAX="50", **{variable: "2"})
    email = f"{variable.lower()}@example.com"
    registration = {"name": "x", "email": email, "password": PASSWORD, "confirm_password": PASSWORD}
    assert client.post("/api/auth/register", json=registration).status_code == 201
    token = client.post("/api/auth/login", json={"email": email, "password": PASSWORD}).json()["token"]
    headers = {"Authorization": f"Bearer {token}"}
    statuses = [client.request(method, path, json=body, headers=headers).status_code for _ in range(4)]
    assert statuses[:2] == [404, 404]
    assert statuses[-1] == 429


class TestSearch:
    @pytest.mark.parametrize("path", ["/api/convos", "/api/messages"])
    def test_is_limited_by_account_and_lists_are_not(
        self, make_application: Make, ada: UserClient, bob: UserClient, path: str
    ) -> None:
        app = make_application(**COUNTED, ECHO_SEARCH_USER_MAX="2")
        first, second = (app.with_token(user.headers["Authorization"][7:]) for user in (ada, bob))
        searched = [first.get(path, params={"search": "x"}) for _ in range(3)]
        assert [response.status_code for response in searched] == [200, 200, 429]
        assert searched[2].json()["code"] == "rate_limited"
        assert 1 <= int(searched[2].headers["Retry-After"]) <= 61
        assert {first.get(path, params={"search": ""}).status_code for _ in range(3)} == {200}
        assert {first.get(path).status_code for _ in range(3)} == {200}
        assert second.get(path, params={"search": "x"}).status_code == 200

    def test_may_be_made_twice_a_second(self) -> None:
        limit = load_settings({}).rate_limits["search_user"]
        assert (limit.limit, limit.window_seconds, limit.by) == (120, 60, "search")


@pytest.mark.parametrize("path", ["/api/convos", "/api/messages"])
def test_a_search_that_takes_too_long_says_so(
    make_application: Make, ada: UserClient, app_database: Database, path: str
) -> None:
    for _ in range(15):
        put_message(app_database, ada.id, new_id(), text="a" * 1_000_000)
    client = make_application(ECHO_SEARCH_SECONDS="1").with_token(ada.headers["Authorization"][7:])
    answer = client.get(path, params={"search": "a" * 11 + "b"})
    assert (answer.status_code, answer.json()["code"]) == (422, "search_too_slow")
    assert client.get(path).status_code == 200


@pytest.mark.parametrize(
    "name",
    [
        "Ada  Lovelace",
        " ada lovelace ",
        "\uff21da lovelace",
        "\u00c1da lovelace",
        "A\u0301da\u00a0lovelace",
        " " * 2000 + "ada lovelace",
    ],
)
def test_attempts_on_one_name_are_counted_as_such_however_it_is_written(name: str) -> None:
    assert account_key(name) == "ada lovelace"


def test_every_name_has_a_count() -> None:
    assert account_key("\u0301") == "\u0301"
    assert account_key("ada") != account_key("ads")
    assert len(account_key("x" * 5000)) == 1024


@dataclass(frozen=True)
class Counted:
    """A limiter, an operation with limits, and what was told of refusals."""

    limiter: RateLimiter
    operation: Operation
    seen: list[Any]

    def ask(self, address: str, account: str | None, **arguments: Any) -> int | None:
        """The seconds to wait for, None for one that may pass."""
        ask = (
            self.limiter.check_arguments(self.operation, arguments, address, account)
            if arguments
            else self.limiter.check_request(self.operation, address, account)
        )
        try:
            asyncio.run(ask)
        except TooManyRequests as error:
            return int(error.headers["Retry-After"])
        return None


class TestLimiter:
    """By itself, over the library's counters in memory."""

    LIMITS: ClassVar = {
        "by_address": RateLimit(2, 60, "address"),
        "by_account": RateLimit(1, 60, "account"),
        "by_email": RateLimit(1, 60, "email"),
        "by_pending": RateLimit(1, 60, "pending"),
        "by_search": RateLimit(1, 60, "search"),
    }

    def counted(self, *limits: str, storage: Storage | None = None) -> Counted:
        seen: list[Any] = []
        limiter = RateLimiter(
            storage or MemoryStorage(),
            self.LIMITS,
            pending_owner={"half": "ada", "other half": "ada"}.get,
            exceeded=lambda *told: seen.append(told),
        )
        operation = cast("Operation", SimpleNamespace(rate_limits=limits))
        return Counted(limiter, operation, seen)

    def test_tells_of_each_refusal_whose_it_was(self) -> None:
        counted = self.counted("unknown", "by_address", "by_account")
        assert counted.ask("2001:db8::1", "ada") is None
        assert counted.ask("2001:db8::2", "ada") in range(30, 62)
        # The address has had two.
        assert counted.ask("2001:db8::3", "bob") in range(30, 62)
        assert counted.ask("203.0.113.7", None) is None
        assert counted.seen == [("by_account", "ada", "2001:db8::2"), ("by_address", "bob", "2001:db8::3")]

    def test_counts_up_to_the_first_limit_that_is_reached(self) -> None:
        counted = self.counted("by_account", "by_address")
        assert [counted.ask("203.0.113.7", "ada") is None for _ in range(3)] == [True, False, False]
        assert [counted.ask("203.0.113.7", who) is None for who in ("bob", "carl")] == [True, False]

    @pytest.mark.parametrize(
        ("limit", "bodies"),
        [
            ("by_email", [{"email": "ada@example.com"}, {"email": " ADA@example.com"}]),
            ("by_pending", [{"tempToken": "half"}, {"tempToken": "other half"}]),
        ],
    )
    def test_who_names_an_account_is_told_of_by_address_alone(
        self, limit: str, bodies: list[dict[str, Any]]
    ) -> None:
        counted = self.counted(limit)
        nobody: list[Any] = [{}, [], None, {"email": 7, "tempToken": 7}, {"tempToken": "of nobody"}]
        for body in (*nobody, bodies[0]):
            assert counted.ask("203.0.113.7", "bob", body=body) is None
        assert counted.ask("203.0.113.8", "bob", body=bodies[1]) in range(30, 62)
        assert counted.seen == [(limit, None, "203.0.113.8")]

    def test_says_when_its_counters_are_away(self) -> None:
        class Away(MemoryStorage):
            def incr(self, *_arguments: Any, **_options: Any) -> int:
                raise StorageError(ConnectionError("away"))

        with pytest.raises(ServiceUnavailable) as raised:
            self.counted("by_address", storage=Away()).ask("203.0.113.7", None)
        assert raised.value.code == "storage_unavailable"
        assert raised.value.message == "The database is not available."
        assert isinstance(raised.value.__cause__, StorageError)

    def test_that_is_off_counts_nothing(self) -> None:
        storage = MemoryStorage()
        limiter = RateLimiter(
            storage,
            self.LIMITS,
            pending_owner=lambda _: None,
            exceeded=lambda *_: None,
            enabled=False,
        )
        operation = cast("Operation", SimpleNamespace(rate_limits=("by_address",)))
        for _ in range(4):
            asyncio.run(limiter.check_request(operation, "203.0.113.7", None))
        assert not storage.storage

    def test_counts_under_names_that_say_nothing_of_whom(self) -> None:
        """All versions that serve together count as one, so these names stay as they are."""
        storage = MemoryStorage()
        self.counted("by_address", storage=storage).ask("203.0.113.7", None)
        hashed = "fec52565aa0cf18f57d7cf5b3ac72850"
        assert dict(storage.storage) == {f"echo/by_address/{hashed}/2/60/second": 1}

    def test_counts_no_search_where_none_is_made(self) -> None:
        counted = self.counted("by_search")
        searches: list[dict[str, Any]] = [
            {"search": "x"},
            {},
            {"search": ""},
            {"search": None},
            {"body": {"search": "x"}},
        ]
        assert [counted.ask("203.0.113.7", "ada", unused=1, **each) for each in searches] == [None] * 5
        assert counted.ask("203.0.113.8", None, search="x") is None
        assert counted.ask("203.0.113.8", "bob", search="x") is None
        assert counted.ask("203.0.113.8", "ada", search="y") in range(30, 62)
        assert counted.seen == [("by_search", None, "203.0.113.8")]

    def test_looks_at_no_arguments_where_none_are_limited(self) -> None:
        assert self.counted().ask("203.0.113.7", "ada", body={"tempToken": "half"}) is None

    def test_is_back_after_at_least_a_second(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rate_limits, "time", SimpleNamespace(time=lambda: 1000.0))
        assert [seconds_until(moment) for moment in (900.0, 1000.0, 1000.2, 1001.0, 1001.1)] == [
            1,
            1,
            1,
            1,
            2,
        ]


@pytest.mark.parametrize(
    ("address", "whose"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("unknown", "unknown"),
    ],
)
def test_what_one_subscriber_has(address: str, whose: str) -> None:
    assert subscriber(address) == whose


class TestMiddleware:
    """In front of the reader and behind the security check."""

    def ask(self, limiter: Any, kind: str = "http", context: Any = None, *limits: str) -> list[Any]:
        passed: list[Any] = []

        async def application(*given: Any) -> None:
            passed.append(given)

        async def receive() -> Any:
            raise AssertionError("nothing is read")

        async def send(_message: Any) -> None:
            raise AssertionError("nothing is answered")

        scope = {
            "type": kind,
            "extensions": {} if context is None else {"connexion_context": context},
            "echo.operation": SimpleNamespace(rate_limits=limits),
            "echo.client": ClientInfo("203.0.113.7", secure=False),
        }
        asyncio.run(RateLimitMiddleware(application, limiter=limiter)(scope, receive, send))
        assert passed == [(scope, receive, send)]
        return [scope["echo.operation"]]

    @pytest.mark.parametrize(("context", "user"), [({"user": "ada"}, "ada"), ({}, None), (None, None)])
    def test_counts_whose_request_it_is(self, context: Any, user: str | None) -> None:
        asked: list[Any] = []

        class Limiter:
            async def check_request(self, *what: Any) -> None:
                asked.append(what)

        [operation] = self.ask(Limiter(), "http", context, "login")
        assert asked == [(operation, "203.0.113.7", user)]

    @pytest.mark.parametrize(("kind", "limits"), [("http", ()), ("lifespan", ("login",))])
    def test_counts_nothing_that_has_no_limit(self, kind: str, limits: tuple[str, ...]) -> None:
        self.ask(None, kind, None, *limits)
