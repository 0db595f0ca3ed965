"""Responses of programs: kept for a while, gone on from once, made in the background."""

from dataclasses import replace
from datetime import timedelta

import pytest

from storage.conversations.responses import KeptResponse, ResponseRepository
from storage.core.database import Database, Document
from storage.core.errors import Conflict, NotFound
from storage.core.repository import now

WHOLE = KeptResponse(
    "resp_1", ("resp_0",), '"in"', '{"out": 1}', "c-1", "m-1", status="queued", worker="w-1", streamed=True
)
BARE = KeptResponse("resp_2", (), '"in"', "{}")


@pytest.fixture
def responses(database: Database) -> ResponseRepository:
    return ResponseRepository(database)


def stored(database: Database, response_id: str) -> Document:
    document = database.collection("echo_responses").find_one({"_id": response_id})
    assert document is not None
    return document


def days_left(database: Database, response_id: str) -> float:
    left: timedelta = stored(database, response_id)["expiresAt"] - now()
    return round(left / timedelta(days=1), 1)


class TestAdd:
    def test_is_kept_whole(self, responses: ResponseRepository, database: Database, ada: str) -> None:
        responses.add(ada, WHOLE)
        assert responses.get(ada, "resp_1") == WHOLE
        document = stored(database, "resp_1")
        assert now() - document.pop("createdAt") < timedelta(minutes=5)
        assert days_left(database, "resp_1") == 30
        del document["expiresAt"]
        assert document == {
            "_id": "resp_1",
            "user": ada,
            "earlier": ["resp_0"],
            "input": '"in"',
            "response": '{"out": 1}',
            "continued": False,
            "conversationId": "c-1",
            "messageId": "m-1",
            "status": "queued",
            "worker": "w-1",
            "streamed": True,
        }

    def test_what_it_does_not_have_is_not_there(
        self, responses: ResponseRepository, database: Database, ada: str
    ) -> None:
        responses.add(ada, BARE)
        assert responses.get(ada, "resp_2") == BARE
        assert stored(database, "resp_2").keys() == {
            *("_id", "user", "earlier", "input", "response", "continued", "createdAt", "expiresAt")
        }

    def test_an_id_is_taken_once(self, responses: ResponseRepository, ada: str, bob: str) -> None:
        responses.add(ada, BARE)
        with pytest.raises(Conflict):
            responses.add(bob, BARE)


class TestAnotherOwner:
    def test_reads_and_changes_nothing(
        self, responses: ResponseRepository, database: Database, ada: str, bob: str
    ) -> None:
        responses.add(ada, WHOLE)
        responses.add(ada, BARE)
        before = stored(database, "resp_1"), stored(database, "resp_2")
        for wanted in ("resp_1", "resp_2", "resp_3"):
            with pytest.raises(NotFound):
                responses.get(bob, wanted)
            with pytest.raises(NotFound):
                responses.delete(bob, wanted)
            assert not responses.claim(bob, wanted)
            assert not responses.advance(bob, wanted, "in_progress", "{}")
            assert not responses.end(bob, replace(WHOLE, id=wanted, status="completed"))
        with pytest.raises(NotFound):
            responses.earlier(bob, replace(WHOLE, id="resp_4", earlier=("resp_2",)), most_characters=1000)
        assert (stored(database, "resp_1"), stored(database, "resp_2")) == before


class TestEarlier:
    def put(self, responses: ResponseRepository, owner: str) -> KeptResponse:
        """Three in a row, of six characters each; the last."""
        for number in range(3):
            earlier = tuple(f"r{each}" for each in range(number))
            responses.add(owner, KeptResponse(f"r{number}", earlier, "abcd", "{}"))
        return responses.get(owner, "r2")

    def test_are_given_the_oldest_first(self, responses: ResponseRepository, ada: str) -> None:
        last = self.put(responses, ada)
        found = responses.earlier(ada, replace(last, earlier=("r1", "r0")), most_characters=1000)
        assert found is not None
        assert [each.id for each in found] == ["r1", "r0"]

    @pytest.mark.parametrize(("most", "given"), [(18, True), (17, False)])
    def test_more_characters_than_that_are_none(
        self, responses: ResponseRepository, database: Database, ada: str, most: int, given: bool
    ) -> None:
        last = self.put(responses, ada)
        assert (responses.earlier(ada, last, most_characters=most) is not None) is given

    def test_all_are_kept_for_longer(
        self, responses: ResponseRepository, database: Database, ada: str
    ) -> None:
        last = self.put(responses, ada)
        responses.add(ada, BARE)
        soon = {"$set": {"expiresAt": now() + timedelta(days=1)}}
        database.collection("echo_responses").update_many({}, soon)
        assert responses.earlier(ada, last, most_characters=1000)
        assert [days_left(database, f"r{number}") for number in range(3)] == [30, 30, 30]
        assert days_left(database, "resp_2") == 1

    def test_one_that_is_gone_is_not_found(self, responses: ResponseRepository, ada: str) -> None:
        last = self.put(responses, ada)
        responses.delete(ada, "r0")
        with pytest.raises(NotFound):
            responses.earlier(ada, last, most_characters=1000)


class TestClaim:
    def test_is_given_once(self, responses: ResponseRepository, ada: str) -> None:
        responses.add(ada, WHOLE)
        responses.add(ada, BARE)
        assert responses.claim(ada, "resp_1")
        assert not responses.claim(ada, "resp_1")
        assert responses.claim(ada, "resp_2")


class TestInTheBackground:
    @pytest.mark.parametrize(
        ("status", "expected"),
        [("queued", True), ("in_progress", True), ("completed", False), (None, False)],
    )
    def test_is_under_way_until_it_has_ended(
        self, responses: ResponseRepository, ada: str, bob: str, status: str | None, expected: bool
    ) -> None:
        kept = replace(WHOLE, status=status)
        assert kept.is_under_way is expected
        responses.add(ada, kept)
        responses.add(bob, replace(WHOLE, id="other"))
        assert responses.under_way(["resp_1", "not there"]) == ({"resp_1"} if expected else set())

    def test_goes_on_until_it_has_ended(
        self, responses: ResponseRepository, database: Database, ada: str
    ) -> None:
        responses.add(ada, replace(BARE, status="queued"))
        assert responses.advance(ada, "resp_2", "in_progress", '{"half": 1}')
        assert responses.get(ada, "resp_2") == replace(BARE, status="in_progress", response='{"half": 1}')
        ended = replace(BARE, status="completed", response='{"all": 1}', conversation_id="c", message_id="m")
        assert responses.end(ada, ended)
        assert responses.get(ada, "resp_2") == ended
        # What has ended stays as it is.
        assert not responses.advance(ada, "resp_2", "in_progress", "{}")
        assert not responses.end(ada, replace(ended, status="failed"))
        assert responses.get(ada, "resp_2") == ended

    def test_ends_without_a_conversation(
        self, responses: ResponseRepository, database: Database, ada: str
    ) -> None:
        responses.add(ada, replace(BARE, status="in_progress"))
        assert responses.end(ada, replace(BARE, status="failed"))
        assert {"conversationId", "messageId"}.isdisjoint(stored(database, "resp_2"))

    def test_one_that_is_not_in_the_background_is_not_changed(
        self, responses: ResponseRepository, ada: str
    ) -> None:
        responses.add(ada, BARE)
        assert not responses.advance(ada, "resp_2", "queued", "x")
        assert responses.get(ada, "resp_2") == BARE


class TestDelete:
    def test_takes_that_one(self, responses: ResponseRepository, ada: str) -> None:
        responses.add(ada, WHOLE)
        responses.add(ada, BARE)
        responses.delete(ada, "resp_1")
        for attempt in (responses.get, responses.delete):
            with pytest.raises(NotFound):
                attempt(ada, "resp_1")
        assert responses.get(ada, "resp_2") == BARE


class TestIndexes:
    def test_what_has_expired_goes(self, database: Database) -> None:
        indexes = database.collection("echo_responses").index_information()
        assert indexes["expiresAt_1"]["expireAfterSeconds"] == 0
        assert indexes["user_1_conversationId_1"]["key"] == [("user", 1), ("conversationId", 1)]
