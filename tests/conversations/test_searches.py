"""The searches of one process: in turn, and ended when nobody waits for them."""

import asyncio
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from echo.conversations import searches as module
from echo.conversations.searches import Searches
from echo.errors import TooManyRequests
from storage.conversations.messages import MessageRepository
from storage.core.database import Database
from storage.core.errors import TookTooLong, Unavailable
from storage.core.stop import Stop
from tests.support.chats import new_id, new_owner, put_message, shared_database
from tests.support.waiting import until

SLOW = "a" * 11 + "b"


@pytest.fixture(scope="module")
def database(mongo_uri: str) -> Iterator[Database]:
    with shared_database(mongo_uri) as database:
        yield database


@pytest.fixture(scope="module")
def ada(database: Database) -> str:
    """An owner of texts in which a search takes many seconds."""
    owner = new_owner()
    for _ in range(25):
        put_message(database, owner, new_id(), text="a" * 1_000_000)
    return owner


def running(database: Database) -> list[dict[str, Any]]:
    found = database.client.admin.aggregate([{"$currentOp": {"allUsers": False}}])
    return [each for each in found if each.get("ns", "").startswith(f"{database.name}.messages")]


def run(searches: Searches, owner: str, work: Any) -> Any:
    return asyncio.run(searches.pending(owner, work).make())


class TestOne:
    def test_gives_what_the_work_gives(self) -> None:
        assert run(Searches(5), "ada", lambda _: {"found": 1}) == {"found": 1}

    def test_raises_what_the_work_raises(self) -> None:
        def work(_: Stop) -> None:
            raise ValueError("x")

        with pytest.raises(ValueError, match="x"):
            run(Searches(5), "ada", work)

    def test_has_so_many_seconds(self, database: Database, ada: str) -> None:
        def work(stop: Stop) -> Any:
            return MessageRepository(database).list_page(ada, limit=10, search=SLOW, stop=stop)

        with pytest.raises(TookTooLong):
            run(Searches(1), ada, work)

    def test_is_ended_in_the_database_when_its_client_leaves(self, database: Database, ada: str) -> None:
        searches, ended = Searches(600), threading.Event()

        def work(stop: Stop) -> Any:
            try:
                return MessageRepository(database).list_page(ada, limit=10, search=SLOW, stop=stop)
            except TookTooLong:
                ended.set()
                raise

        async def leave() -> None:
            asked = asyncio.ensure_future(searches.pending(ada, work).make())
            await asyncio.to_thread(until, lambda: running(database))
            asked.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asked

        asyncio.run(leave())
        assert ended.is_set()
        # Left alone, it would go on for more than ten seconds.
        until(lambda: not running(database), 3)


class TestSeveral:
    def test_of_one_account_run_one_after_the_other_and_are_not_too_many(self) -> None:
        searches, release, most = Searches(600), threading.Event(), []
        under_way: list[int] = []

        def work(_: Stop) -> int:
            under_way.append(1)
            most.append(len(under_way))
            assert release.wait(60)
            under_way.pop()
            return 1

        async def ask() -> tuple[list[int], Any]:
            asked = [asyncio.ensure_future(searches.pending("ada", work).make()) for _ in range(6)]
            await asyncio.to_thread(until, lambda: under_way)
            with pytest.raises(TooManyRequests) as refused:
                await searches.pending("ada", work).make()
            # Another account has its turn meanwhile.
            other = await searches.pending("bob", lambda _: 7).make()
            release.set()
            return [*await asyncio.gather(*asked), other], refused.value

        results, refusal = asyncio.run(ask())
        assert results == [1] * 6 + [7]
        assert most == [1] * 6
        assert (refusal.code, refusal.headers["Retry-After"]) == ("too_many_searches", "1")
        assert refusal.message == "Other searches of yours are still running."

    def test_one_that_leaves_while_it_waits_never_runs(self) -> None:
        searches, release, begun = Searches(600), threading.Event(), []

        async def ask() -> int:
            first = asyncio.ensure_future(searches.pending("ada", lambda _: release.wait(60)).make())
            second = asyncio.ensure_future(searches.pending("ada", begun.append).make())
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            second.cancel()
            release.set()
            await first
            return await searches.pending("ada", lambda _: 3).make()

        assert asyncio.run(ask()) == 3
        assert begun == []

    def test_of_two_accounts_run_at_the_same_time(self) -> None:
        searches, both = Searches(600), threading.Barrier(2)

        async def ask() -> list[Any]:
            each = [searches.pending(owner, lambda _: both.wait(60)).make() for owner in ("ada", "bob")]
            return await asyncio.gather(*each)

        assert sorted(asyncio.run(ask())) == [0, 1]

    def test_leave_nothing_behind(self) -> None:
        searches, release = Searches(600), threading.Event()

        async def ask() -> None:
            asked = [
                asyncio.ensure_future(searches.pending("ada", lambda _: release.wait(60)).make())
                for _ in range(2)
            ]
            for _ in range(3):
                await asyncio.sleep(0)
            assert searches._present == {"ada": 2}
            release.set()
            await asyncio.gather(*asked)
            with pytest.raises(ValueError, match="x"):
                await searches.pending("ada", lambda _: int("x")).make()

        asyncio.run(ask())
        assert (searches._present, searches._locks) == ({}, {})


class Told:
    """In the place of a `Stop`: what was begun, and how often it was told to end."""

    made: list["Told"]
    # What the first tellings come to.
    errors: list[Exception]

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.times = 0
        self.enough = threading.Event()
        Told.made.append(self)

    def tell(self) -> None:
        self.times += 1
        if Told.errors:
            raise Told.errors.pop(0)
        if self.times == 3:
            self.enough.set()


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Told]:
    Told.made, Told.errors = [], []
    monkeypatch.setattr(module, "Stop", Told)
    return Told.made


class TestTheEnd:
    def test_is_after_so_many_seconds_of_its_own_turn(self, told: list[Told]) -> None:
        searches = Searches(7)
        given: list[Any] = []

        async def ask() -> None:
            pending = [searches.pending("ada", given.append) for _ in range(2)]
            assert told == []
            for each in pending:
                await each.make()

        asyncio.run(ask())
        assert ([each.seconds for each in told], given) == ([7, 7], told)

    @pytest.mark.parametrize("errors", [[], [Unavailable()], [Unavailable(), Unavailable()]])
    def test_is_told_until_it_has_come(
        self, monkeypatch: pytest.MonkeyPatch, told: list[Told], errors: list[Exception]
    ) -> None:
        assert module.REMINDER_SECONDS == 0.25
        monkeypatch.setattr(module, "REMINDER_SECONDS", 0.001)
        searches, begun, ended = Searches(600), threading.Event(), []
        Told.errors = [*errors]

        def work(stop: Any) -> None:
            begun.set()
            # Whoever is not told often enough waits as long as a patient test.
            ended.append(stop.enough.wait(60))
            raise TookTooLong

        async def leave() -> None:
            asked = asyncio.ensure_future(searches.pending("ada", work).make())
            await asyncio.to_thread(begun.wait, 60)
            asked.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asked
            # Its turn is over, and its thread is free.
            assert (ended, searches._present) == ([True], {})

        asyncio.run(leave())
        assert [each.times >= 3 for each in told] == [True]

    def test_waits_for_what_has_begun_when_the_process_ends(self, monkeypatch: pytest.MonkeyPatch) -> None:
        pools: list[Any] = []

        def pool(*given: Any, **more: Any) -> Any:
            pools.append((given, more))
            return SimpleNamespace(close=lambda: pools.append("closed"))

        monkeypatch.setattr(module, "Pool", pool)
        Searches(7).close()
        assert pools == [(("search", 2), {"waiting": 100}), "closed"]
