"""One request's spending: settled however it ends."""

import asyncio
import secrets
import threading
from typing import Any

import pytest

from echo.accounts.metering import Meter
from echo.credits import OutOfCredits, Purchase
from echo.errors import BadGateway, TooManyRequests, Unauthorized
from echo.handling.caller import Caller, KeyGrant
from storage.accounts.api_keys import ApiKeyRepository
from storage.accounts.key_usage import KeyUsageRepository
from storage.core.database import Database
from tests.support.chats import new_owner
from tests.support.credits import make_ledger
from tests.support.waiting import PATIENCE, until


class Key:
    """A key, and the meter that watches it."""

    def __init__(self, database: Database, **limits: Any) -> None:
        self.owner, self.keys = new_owner(), ApiKeyRepository(database)
        made = self.keys.create(
            self.owner,
            name="k",
            key_hash=secrets.token_hex(32),
            key_prefix="sk-1",
            expires_at=None,
            limits=limits,
        )
        self.id = str(made["_id"])
        self.meter = Meter(KeyUsageRepository(database), make_ledger(database), len, hold_seconds=60)
        grant = KeyGrant(self.id, is_counted=bool(limits))
        self.caller = Caller(self.owner, "", "", "", "", "", key_hash="x", key=grant)

    @property
    def counted(self) -> tuple[int, int, int, int]:
        """Requests, tokens in, tokens out, and how many requests are open."""
        usage = self.keys.get(self.owner, self.id)["echoUsage"]
        total = usage["total"]
        return total["requests"], total["inputTokens"], total["outputTokens"], len(usage["open"])


@pytest.fixture(params=[{}, {"tokensPerDay": 1000}], ids=["free", "limited"])
def key(request: pytest.FixtureRequest, app_database: Database) -> Key:
    return Key(app_database, **request.param)


def spend(key: Key, *, told: bool = True, fails: type[Exception] | None = None) -> None:
    async def run() -> None:
        spending = key.meter.begin(key.caller)
        async with spending.reserved(["12345"], 10):
            spending.wrote("123")
            if told:
                spending.told(7, 9)
            if fails:
                raise fails
            spending.worked()

    asyncio.run(run())


def test_the_providers_count_is_what_counts(key: Key) -> None:
    spend(key)
    assert key.counted == (1, 7, 9, 0)


def test_what_the_provider_does_not_count_is_counted_here(key: Key) -> None:
    spend(key, told=False)
    assert key.counted == (1, 5, 3, 0)


def test_what_breaks_off_is_counted_as_far_as_it_came(key: Key) -> None:
    with pytest.raises(BadGateway):
        spend(key, told=False, fails=BadGateway)
    assert key.counted == (1, 5, 3, 0)


def test_what_breaks_off_after_the_provider_told_of_its_beginning_counts_what_came(key: Key) -> None:
    """Anthropic tells at once what it has read, and at the end what it has written."""

    async def run() -> None:
        async with (spending := key.meter.begin(key.caller)).reserved(["12345"]):
            spending.told(7, 1)
            spending.wrote("123")
            raise BadGateway

    with pytest.raises(BadGateway):
        asyncio.run(run())
    assert key.counted == (1, 7, 3, 0)


def test_a_request_that_fails_before_a_word_used_nothing(key: Key) -> None:
    async def run() -> None:
        async with key.meter.begin(key.caller).reserved(["12345"]):
            raise BadGateway

    with pytest.raises(BadGateway):
        asyncio.run(run())
    assert key.counted == (1, 0, 0, 0)


def test_what_has_ended_is_what_the_provider_says_though_more_was_seen(key: Key) -> None:
    async def run() -> None:
        async with (spending := key.meter.begin(key.caller)).reserved(["12345"]):
            spending.told(7, 2)
            spending.wrote("123")
            spending.worked()

    asyncio.run(run())
    assert key.counted == (1, 7, 2, 0)


def test_what_ends_without_a_word_has_been_read(key: Key) -> None:
    """Such as an embedding: its tokens, and what was beside its texts."""

    async def run() -> None:
        async with (spending := key.meter.begin(key.caller)).reserved(["123", "45"], beside=100):
            spending.worked()

    asyncio.run(run())
    assert key.counted == (1, 105, 0, 0)


def test_a_request_that_is_cancelled_is_settled(key: Key) -> None:
    async def run() -> None:
        begun = asyncio.Event()

        async def ask() -> None:
            async with spending.reserved(["12345"]):
                spending.wrote("1")
                begun.set()
                await asyncio.Event().wait()

        spending = key.meter.begin(key.caller)
        asking = asyncio.ensure_future(ask())
        await begun.wait()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)

    asyncio.run(run())
    assert key.counted == (1, 5, 1, 0)


def test_a_request_that_is_cancelled_while_it_reserves_lets_go(app_database: Database) -> None:
    key, counting, count = Key(app_database, tokensPerDay=1000), threading.Event(), threading.Event()

    def slowly(text: str) -> int:
        counting.set()
        count.wait(PATIENCE)
        return len(text)

    async def run() -> None:
        async def ask() -> None:
            async with spending.reserved(["12345"]):
                raise AssertionError

        spending = Meter(key.meter.usage, key.meter.credits, slowly, hold_seconds=60).begin(key.caller)
        asking = asyncio.ensure_future(ask())
        await asyncio.to_thread(counting.wait, PATIENCE)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        count.set()
        await asyncio.to_thread(until, lambda: "echoUsage" in key.keys.get(key.owner, key.id))
        await asyncio.to_thread(until, lambda: key.counted[3] == 0)

    asyncio.run(run())
    assert key.counted[1:] == (0, 0, 0)


def test_to_settle_twice_counts_once(key: Key) -> None:
    async def run() -> None:
        spending = key.meter.begin(key.caller)
        async with spending.reserved(["1"]):
            spending.told(1, 1)
            await spending.settle()
            spending.told(5, 5)

    asyncio.run(run())
    assert key.counted == (1, 1, 1, 0)


def test_a_key_that_is_deleted_meanwhile_is_no_fault(key: Key) -> None:
    async def run() -> None:
        async with key.meter.begin(key.caller).reserved([]):
            key.keys.delete(key.owner, key.id)

    asyncio.run(run())


def test_a_limited_key_that_is_gone_opens_nothing(app_database: Database) -> None:
    key = Key(app_database, tokensPerDay=10)
    key.keys.delete(key.owner, key.id)
    with pytest.raises(Unauthorized) as refused:
        spend(key)
    assert refused.value.code == "invalid_api_key"


def test_a_database_that_is_away_at_the_end_takes_no_answer_away(app_database: Database) -> None:
    key, away = Key(app_database), Database("mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=10")
    key.meter = Meter(KeyUsageRepository(away), make_ledger(away), len, hold_seconds=60)
    spend(key)
    away.close()


def test_many_at_once_stay_within_the_budget(app_database: Database) -> None:
    key = Key(app_database, tokensPerDay=60)

    async def ask() -> bool:
        spending = key.meter.begin(key.caller)
        try:
            async with spending.reserved(["12345"], 5):
                await asyncio.sleep(0)
                spending.told(5, 5)
        except TooManyRequests:
            return False
        return True

    async def run() -> list[bool]:
        return await asyncio.gather(*(ask() for _ in range(30)))

    admitted = asyncio.run(run()).count(True)
    assert 1 <= admitted <= 6
    assert key.counted == (admitted, 5 * admitted, 5 * admitted, 0)


def test_an_answer_without_a_limit_holds_a_usual_length(app_database: Database) -> None:
    key = Key(app_database, tokensPerDay=10_000)

    async def run() -> list[int]:
        held = []
        for answers in (1, 3):
            async with key.meter.begin(key.caller).reserved(["12345"], answers=answers):
                held.append(key.keys.get(key.owner, key.id)["echoUsage"]["open"][0]["tokens"])
        return held

    assert asyncio.run(run()) == [1005, 3005]


def test_without_a_key_nothing_is_counted(app_database: Database) -> None:
    async def run() -> dict[str, str]:
        spending = Key(app_database).meter.begin(Caller(new_owner(), "session", "", "", "", ""))
        async with spending.reserved(["x"]):
            spending.wrote("y")
        return spending.headers

    assert asyncio.run(run()) == {}


BOUGHT = Purchase("e", "m")


def test_money_and_credits_are_taken_together(app_database: Database) -> None:
    key = Key(app_database, dollarsPerDay=0.00005)
    ledger = make_ledger(app_database, enabled=True, start=100)
    meter = Meter(key.meter.usage, ledger, len, hold_seconds=60)

    async def ask() -> None:
        async with (spending := meter.begin(key.caller)).reserved(["12345"], 10, purchase=BOUGHT):
            held = ledger.balance(key.owner) or {}
            assert held["echoHeld"][0]["amount"] == 15
            spending.told(20, 30)
            spending.worked()

    def refused() -> str:
        with pytest.raises(TooManyRequests) as error:
            asyncio.run(ask())
        return error.value.message

    asyncio.run(ask())
    # A millionth of a dollar is a credit.
    assert key.keys.get(key.owner, key.id)["echoUsage"]["day"]["dollars"] == pytest.approx(0.00005)
    assert "US dollars a day" in refused()
    # What the key refuses is not held of the credits.
    assert (ledger.balance(key.owner) or {}).get("echoHeld") is None
    ledger.put(key.owner, 4)
    assert "4 are left" in refused()


def test_without_a_key_the_users_credits_are_held_all_the_same(app_database: Database) -> None:
    owner, ledger = new_owner(), make_ledger(app_database, enabled=True, start=10)
    caller = Caller(owner, "", "", "", "", "")
    meter = Meter(KeyUsageRepository(app_database), ledger, len, hold_seconds=60)

    async def ask(text: str) -> None:
        async with (spending := meter.begin(caller)).reserved([text], purchase=BOUGHT):
            spending.wrote("12")
            spending.worked()

    asyncio.run(ask("123"))
    assert (ledger.balance(owner) or {})["tokenCredits"] == 5
    with pytest.raises(OutOfCredits):
        asyncio.run(ask("123456"))
