"""What a request holds and what it came to, in tokens and in money: the first, further ones, those without tokens."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest

from echo.accounts.metering import Meter, Spending
from echo.credits import OutOfCredits, Purchase
from echo.errors import BadGateway, TooManyRequests, Unauthorized
from echo.handling.caller import Caller
from storage.accounts.key_usage import KeyUsageRepository
from storage.core.database import Database
from tests.accounts.test_metering import Key
from tests.support.chats import new_owner
from tests.support.credits import make_ledger

BOUGHT = Purchase("e", "m", conversation_id="c", message_id="n")
OWN = {"e": {"m": {"prompt": 1.0, "completion": 2.0}}, "f": {"n": {"prompt": 10.0, "completion": 20.0}}}


class Desk:
    """A key and its owner's credits, and what requests with it came to."""

    def __init__(self, database: Database, *, start: float = 100_000, **limits: Any) -> None:
        self.key = Key(database, **limits)
        self.owner = self.key.owner
        self._ledger = make_ledger(database, enabled=True, start=start, own=OWN)
        self.meter = Meter(self.key.meter.usage, self._ledger, len, hold_seconds=60)
        self._rows = database.collection("transactions")

    def begin(self, caller: Caller | None = None) -> Spending:
        return self.meter.begin(caller or self.key.caller)

    def used(self, window: str = "day") -> tuple[Any, ...]:
        """Requests, tokens in and out, and dollars."""
        counts = self.key.keys.get(self.owner, self.key.id)["echoUsage"][window]
        return counts["requests"], counts["inputTokens"], counts["outputTokens"], counts["dollars"]

    def held(self) -> list[tuple[Any, ...]]:
        """Tokens and dollars of the requests that are under way."""
        usage = self.key.keys.get(self.owner, self.key.id)["echoUsage"]
        return [(each["tokens"], each["dollars"]) for each in usage["open"]]

    def held_credits(self) -> list[float]:
        return [each["amount"] for each in (self._ledger.balance(self.owner) or {}).get("echoHeld", [])]

    def credits(self) -> float:
        return float((self._ledger.balance(self.owner) or {})["tokenCredits"])

    def stored(self) -> list[dict[str, Any]]:
        """The owner's transactions, in the order in which they were made."""
        user = self.key.keys.get(self.owner, self.key.id)["userId"]
        return list(self._rows.find({"user": user}, sort=[("_id", 1)]))

    def rows(self) -> list[tuple[Any, ...]]:
        """Of each transaction the kind, the model, tokens and credits."""
        names = ("tokenType", "model", "rawAmount", "tokenValue")
        return [tuple(each[name] for name in names) for each in self.stored()]

    def keys(self) -> set[str]:
        """With which keys it was."""
        return {str(each.get("echoKey")) for each in self.stored()}


LIMITS = {"tokensPerDay": 10_000, "dollarsPerDay": 1}


@pytest.fixture
def desk(app_database: Database) -> Desk:
    return Desk(app_database, **LIMITS)


class TestWhatIsHeld:
    def test_is_what_is_read_and_what_may_be_written_in_tokens_and_money(self, desk: Desk) -> None:
        async def run() -> None:
            asking = desk.begin().reserved(["123", "45"], 10, answers=3, beside=7, purchase=BOUGHT)
            async with asking:
                # Twelve that are read, and ten of each of three answers, which cost twice as much.
                assert desk.held() == [(42, pytest.approx(0.000072))]
                assert desk.held_credits() == [72]

        asyncio.run(run())
        assert (desk.held(), desk.held_credits()) == ([], [])
        # Broken off before a word.
        assert desk.used() == (1, 0, 0, 0.0)
        assert (desk.credits(), desk.rows()) == (100_000, [])

    def test_is_nothing_of_money_where_there_is_no_purchase(self, desk: Desk) -> None:
        async def run() -> None:
            async with (spending := desk.begin()).reserved(["123"], 10):
                assert (desk.held(), desk.held_credits()) == ([(13, 0.0)], [])
                spending.told(5, 6)
                spending.worked()

        asyncio.run(run())
        assert desk.used() == (1, 5, 6, 0.0)
        assert (desk.credits(), desk.rows()) == (100_000, [])

    def test_must_have_one_token_for_each_answer(self, app_database: Database) -> None:
        """What may be written without a limit need not all be there."""
        for limit, admitted in ((7, False), (8, True)):
            desk = Desk(app_database, tokensPerDay=limit)

            async def run(desk: Desk = desk) -> list[tuple[Any, ...]]:
                async with desk.begin().reserved(["12345"], answers=3):
                    return desk.held()

            if admitted:
                assert asyncio.run(run()) == [(8, 0.0)]
            else:
                with pytest.raises(TooManyRequests) as refused:
                    asyncio.run(run())
                assert "the request alone may need 8" in refused.value.message

    def test_must_have_all_that_was_asked_for(self, app_database: Database) -> None:
        desk = Desk(app_database, tokensPerDay=24)

        async def run() -> None:
            async with desk.begin().reserved(["12345"], 10, answers=2):
                raise AssertionError

        with pytest.raises(TooManyRequests) as refused:
            asyncio.run(run())
        assert "the request alone may need 25" in refused.value.message

    def test_is_held_for_as_long_as_a_request_may_take(self, desk: Desk) -> None:
        async def run() -> float:
            async with desk.begin().reserved(["1"]):
                opened = desk.key.keys.get(desk.owner, desk.key.id)["echoUsage"]["open"][0]
                return float(opened["until"].timestamp()) - time.time()

        assert 0 < asyncio.run(run()) <= 60

    def test_of_credits_is_held_without_limits_of_the_key_as_well(self, app_database: Database) -> None:
        desk = Desk(app_database, start=9)

        async def run(text: str) -> list[float]:
            async with desk.begin().reserved([text], 1, purchase=BOUGHT):
                return desk.held_credits()

        assert asyncio.run(run("1234567")) == [9]
        with pytest.raises(OutOfCredits) as refused:
            asyncio.run(run("1234567890"))
        assert refused.value.message == "Your credits are used up: 9 are left, and this needs 10."
        assert desk.held_credits() == []


class TestWhatItCameTo:
    def test_is_written_down_by_model_and_key(self, desk: Desk) -> None:
        async def run() -> None:
            async with (spending := desk.begin()).reserved(["123"], purchase=BOUGHT):
                spending.told(20, 30)
                spending.worked()

        asyncio.run(run())
        assert desk.used() == (1, 20, 30, pytest.approx(0.00008))
        assert desk.rows() == [
            ("prompt", "m", -20, -20),
            ("completion", "m", -30, -60),
        ]
        assert desk.keys() == {desk.key.id}
        assert {(each["conversationId"], each["messageId"]) for each in desk.stored()} == {("c", "n")}
        assert desk.credits() == 100_000 - 80

    def test_is_told_apart_by_what_came_from_a_cache(self, desk: Desk) -> None:
        async def run() -> None:
            async with (spending := desk.begin()).reserved(["123"], purchase=BOUGHT):
                spending.told(20, 1, cached=5, written=3)
                spending.worked()

        asyncio.run(run())
        assert desk.used()[:3] == (1, 20, 1)
        row = desk.stored()[0]
        assert (row["inputTokens"], row["writeTokens"], row["readTokens"]) == (-12, -3, -5)

    def test_that_broke_off_keeps_what_came_from_a_cache(self, desk: Desk) -> None:
        async def run() -> None:
            async with (spending := desk.begin()).reserved(["123"], purchase=BOUGHT):
                spending.told(20, 1, cached=5, written=3)
                spending.wrote("12")
                spending.wrote("34")
                raise BadGateway

        with pytest.raises(BadGateway):
            asyncio.run(run())
        assert desk.used()[:3] == (1, 20, 4)
        row = desk.stored()[0]
        assert (row["inputTokens"], row["writeTokens"], row["readTokens"]) == (-12, -3, -5)

    def test_of_a_session_is_counted_where_credits_are(self, desk: Desk) -> None:
        async def run() -> None:
            caller = Caller(desk.owner, "session", "", "", "", "")
            async with (spending := desk.begin(caller)).reserved(["123"], purchase=BOUGHT):
                spending.wrote("12")
                spending.worked()

        asyncio.run(run())
        assert desk.rows() == [("prompt", "m", -3, -3), ("completion", "m", -2, -4)]
        assert desk.keys() == {"None"}
        assert desk.credits() == 100_000 - 7

    def test_is_not_written_down_where_nothing_counts(self, app_database: Database) -> None:
        """Neither what was asked nor what was written is kept for it."""
        owner, counted = new_owner(), list[str]()

        def count(text: str) -> int:
            counted.append(text)
            return len(text)

        ledger = make_ledger(app_database, counting=False)
        meter = Meter(KeyUsageRepository(app_database), ledger, count, hold_seconds=60)

        async def run() -> None:
            spending = meter.begin(Caller(owner, "session", "", "", "", ""))
            async with spending.reserved(["123"], purchase=BOUGHT):
                spending.wrote("12")
                spending.worked()

        asyncio.run(run())
        assert counted == []


class TestAFurtherRequest:
    def further(self, desk: Desk, purchase: Purchase | None, **more: Any) -> dict[str, Any]:
        """What is held while it is under way; it is settled by what was told, after the first one."""

        async def run() -> dict[str, Any]:
            async with (first := desk.begin()).reserved(["123"], 1, purchase=purchase):
                further = await first.another("f", "n", 50, **more)
                found = {"tokens": desk.held(), "credits": desk.held_credits()}
                first.told(3, 1)
                first.worked()
                further.told(60, 5)
                further.worked()
            await further.settle()
            return found

        return asyncio.run(run())

    def test_is_held_by_its_own_model_and_length(self, desk: Desk) -> None:
        found = self.further(desk, BOUGHT, max_tokens=7)
        assert found == {
            "tokens": [(4, pytest.approx(0.000005)), (57, pytest.approx(0.00064))],
            "credits": [5, 640],
        }

    def test_of_no_length_holds_a_usual_one(self, desk: Desk) -> None:
        assert self.further(desk, BOUGHT)["tokens"][1] == (1050, pytest.approx(0.0205))

    def test_costs_and_counts_as_one_of_its_own(self, desk: Desk) -> None:
        self.further(desk, BOUGHT)
        assert desk.used() == (2, 63, 6, pytest.approx(0.000705))
        assert desk.used("minute")[0] == 2
        assert desk.keys() == {desk.key.id}
        assert desk.rows() == [
            ("prompt", "m", -3, -3),
            ("completion", "m", -1, -2),
            ("prompt", "n", -60, -600),
            ("completion", "n", -5, -100),
        ]

    def test_of_what_has_no_price_has_none(self, desk: Desk) -> None:
        found = self.further(desk, None, max_tokens=7)
        assert found == {"tokens": [(4, 0.0), (57, 0.0)], "credits": []}
        assert desk.used() == (2, 63, 6, 0.0)
        assert desk.rows() == []

    def test_that_is_not_told_of_has_read_what_it_was_to(self, desk: Desk) -> None:
        async def run() -> None:
            async with (first := desk.begin()).reserved(["123"], 1):
                further = await first.another("f", "n", 50)
                further.worked()
                await further.settle()

        asyncio.run(run())
        assert desk.used() == (2, 50, 0, 0.0)

    def test_is_refused_by_the_limits(self, app_database: Database) -> None:
        desk = Desk(app_database, tokensPerDay=50)

        async def run() -> None:
            async with (first := desk.begin()).reserved(["123"], 1):
                with pytest.raises(TooManyRequests) as refused:
                    await first.another("f", "n", 50)
                assert "the request alone may need 51" in refused.value.message

        asyncio.run(run())
        assert desk.used()[0] == 1


class TestWithoutTokens:
    def test_a_request_counts_and_holds_no_tokens(self, app_database: Database) -> None:
        desk = Desk(app_database, requestsPerMinute=2, tokensPerDay=1)
        for _ in range(2):
            with (spending := desk.begin()).counted_here():
                assert desk.held() == [(0, 0.0)]
                assert spending.headers["x-ratelimit-limit-requests"] == "2"
        assert (desk.held(), desk.used()) == ([], (2, 0, 0, 0.0))
        with pytest.raises(TooManyRequests, match="2 requests a minute"), desk.begin().counted_here():
            raise AssertionError
        assert desk.used() == (2, 0, 0, 0.0)

    def test_a_request_that_fails_counts_too(self, app_database: Database) -> None:
        for limits in ({}, {"requestsPerMinute": 5}):
            desk = Desk(app_database, **limits)
            with pytest.raises(BadGateway), desk.begin().counted_here():
                raise BadGateway
            assert (desk.held(), desk.used()) == ([], (1, 0, 0, 0.0))

    def test_nothing_is_held_of_a_key_without_limits(self, app_database: Database) -> None:
        desk = Desk(app_database)
        with (spending := desk.begin()).counted_here():
            assert "echoUsage" not in desk.key.keys.get(desk.owner, desk.key.id)
            assert spending.headers == {}
        assert desk.used() == (1, 0, 0, 0.0)

    def test_a_session_counts_nothing(self, desk: Desk) -> None:
        with desk.begin(Caller(desk.owner, "session", "", "", "", "")).counted_here():
            pass
        assert "echoUsage" not in desk.key.keys.get(desk.owner, desk.key.id)

    def test_a_key_that_is_gone_opens_nothing(self, app_database: Database) -> None:
        desk = Desk(app_database, requestsPerMinute=5)
        desk.key.keys.delete(desk.owner, desk.key.id)
        with pytest.raises(Unauthorized), desk.begin().counted_here():
            raise AssertionError


@pytest.fixture
def _far_away(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose clock shows five and a half hours more than UTC."""
    with monkeypatch.context() as changed:
        changed.setenv("TZ", "FAR-5:30")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("_far_away")
def test_a_day_ends_at_the_same_time_wherever_the_machine_is(app_database: Database) -> None:
    desk = Desk(app_database, tokensPerDay=4)

    async def run() -> None:
        async with desk.begin().reserved(["123"], 2):
            raise AssertionError

    with pytest.raises(TooManyRequests) as refused:
        asyncio.run(run())
    left = 86_400 - time.time() % 86_400
    # In whole seconds, of which the last may have begun before.
    assert left <= int(refused.value.headers["Retry-After"]) <= left + 60
