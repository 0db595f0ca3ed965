"""The searches of one process: in turn, and ended when nobody waits for them."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from echo.conversations.searches import Searches
from echo.errors import TooManyRequests
from storage.conversations.messages import MessageRepository
from storage.core.database import Database
from storage.core.errors import TookTooLong
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
