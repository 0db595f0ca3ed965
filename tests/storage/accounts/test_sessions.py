"""Sessions: alive until they expire or end, with a refresh token that works once."""

import secrets
from datetime import UTC, datetime, timedelta

import pytest
from bson import ObjectId

from storage.accounts import sessions as module
from storage.accounts.sessions import Origin, SessionRepository
from storage.core.database import Database
from storage.core.errors import Conflict, NotFound
from storage.core.repository import now
from tests.support.chats import new_owner
from tests.support.threads import THREADS, together

HOUR = timedelta(hours=1)
IMPOSSIBLE_IDS = ["", "1", "x" * 24, "\ud800", "\0", "0" * 24]


@pytest.fixture
def sessions(database: Database) -> SessionRepository:
    return SessionRepository(database)


@pytest.fixture
def owner() -> str:
    return new_owner()


def log_in(sessions: SessionRepository, owner: str, *, lasts: timedelta = HOUR) -> str:
    made = sessions.create(owner, refresh_token_hash="first", expires_at=datetime.now(UTC) + lasts)
    return str(made["_id"])


class TestCreate:
    def test_stores_what_librechat_reads(
        self, sessions: SessionRepository, owner: str, database: Database
    ) -> None:
        expiry = datetime(2099, 1, 1, tzinfo=UTC)
        session_id = secrets.token_hex(12)
        sessions.create(owner, refresh_token_hash="a" * 64, expires_at=expiry, session_id=session_id)
        assert list(database.collection("sessions").find()) == [
            {
                "_id": ObjectId(session_id),
                "user": ObjectId(owner),
                "refreshTokenHash": "a" * 64,
                "expiration": expiry,
                "__v": 0,
            }
        ]

    def test_a_taken_id_is_a_conflict(self, sessions: SessionRepository, owner: str) -> None:
        session_id = log_in(sessions, owner)
        with pytest.raises(Conflict):
            sessions.create(
                new_owner(),
                refresh_token_hash="x",
                expires_at=datetime.now(UTC) + HOUR,
                session_id=session_id,
            )


class TestIsActive:
    def test_from_the_login_to_the_end(self, sessions: SessionRepository, owner: str) -> None:
        session_id = log_in(sessions, owner)
        assert sessions.active([(owner, session_id)])
        assert sessions.get(owner, session_id)["refreshTokenHash"] == "first"
        sessions.delete(owner, session_id)
        assert not sessions.active([(owner, session_id)])

    def test_not_after_it_has_expired(self, sessions: SessionRepository, owner: str) -> None:
        # MongoDB removes such documents once a minute only.
        session_id = log_in(sessions, owner, lasts=-timedelta(seconds=1))
        assert not sessions.active([(owner, session_id)])
        with pytest.raises(NotFound):
            sessions.get(owner, session_id)

    def test_not_for_another_owner(self, sessions: SessionRepository, owner: str) -> None:
        assert not sessions.active([(new_owner(), log_in(sessions, owner))])

    @pytest.mark.parametrize("session_id", IMPOSSIBLE_IDS)
    def test_not_with_an_unknown_or_impossible_id(
        self, sessions: SessionRepository, owner: str, session_id: str
    ) -> None:
        log_in(sessions, owner)
        assert not sessions.active([(owner, session_id)])
        assert not sessions.active([(session_id, session_id)])


class TestRotate:
    def test_the_new_token_counts_and_the_old_one_no_longer(
        self, sessions: SessionRepository, owner: str
    ) -> None:
        session_id = log_in(sessions, owner)
        rotated = sessions.rotate(owner, session_id, old_hash="first", new_hash="second")
        assert rotated == sessions.get(owner, session_id)
        assert rotated is not None
        assert rotated["refreshTokenHash"] == "second"
        assert sessions.rotate(owner, session_id, old_hash="first", new_hash="third") is None
        # That the session is still there tells a used token from an unknown session.
        assert sessions.active([(owner, session_id)])
        assert sessions.rotate(owner, session_id, old_hash="second", new_hash="third") is not None

    def test_keeps_the_expiry(self, sessions: SessionRepository, owner: str) -> None:
        session_id = log_in(sessions, owner)
        before = sessions.get(owner, session_id)["expiration"]
        sessions.rotate(owner, session_id, old_hash="first", new_hash="second")
        assert sessions.get(owner, session_id)["expiration"] == before

    def test_of_eight_at_once_one_succeeds(self, sessions: SessionRepository, owner: str) -> None:
        session_id = log_in(sessions, owner)
        outcomes = together(
            lambda number: sessions.rotate(owner, session_id, old_hash="first", new_hash=f"new {number}")
        )
        winners = [outcome for outcome in outcomes if outcome is not None]
        assert len(winners) == 1
        assert outcomes.count(None) == THREADS - 1
        assert sessions.get(owner, session_id) == winners[0]

    def test_not_an_expired_session(self, sessions: SessionRepository, owner: str) -> None:
        session_id = log_in(sessions, owner, lasts=-timedelta(seconds=1))
        assert sessions.rotate(owner, session_id, old_hash="first", new_hash="second") is None

    def test_not_another_owners(self, sessions: SessionRepository, owner: str) -> None:
        session_id = log_in(sessions, owner)
        assert sessions.rotate(new_owner(), session_id, old_hash="first", new_hash="second") is None
        assert sessions.get(owner, session_id)["refreshTokenHash"] == "first"


class TestDelete:
    def test_ends_the_session_once(self, sessions: SessionRepository, owner: str) -> None:
        session_id = log_in(sessions, owner)
        assert sessions.delete(owner, session_id)
        assert not sessions.delete(owner, session_id)

    def test_not_another_owners(self, sessions: SessionRepository, owner: str) -> None:
        session_id = log_in(sessions, owner)
        assert not sessions.delete(new_owner(), session_id)
        assert sessions.active([(owner, session_id)])

    @pytest.mark.parametrize("session_id", IMPOSSIBLE_IDS)
    def test_an_unknown_or_impossible_id_is_none(
        self, sessions: SessionRepository, owner: str, session_id: str
    ) -> None:
        assert not sessions.delete(owner, session_id)


class TestDeleteAll:
    def test_ends_the_owners_and_no_others(self, sessions: SessionRepository, owner: str) -> None:
        mine = [log_in(sessions, owner) for _ in range(3)]
        other = new_owner()
        theirs = log_in(sessions, other)
        assert sessions.delete_all(owner) == 3
        assert not sessions.active([(owner, session_id) for session_id in mine])
        assert sessions.active([(other, theirs)])


class TestDeleteOthers:
    def test_ends_all_of_the_owner_but_one(self, sessions: SessionRepository, owner: str) -> None:
        kept, *ended = [log_in(sessions, owner) for _ in range(3)]
        other = new_owner()
        theirs = log_in(sessions, other)
        assert sessions.delete_others(owner, kept) == 2
        assert sessions.active([(owner, each) for each in (kept, *ended)]) == {(owner, kept)}
        assert sessions.active([(other, theirs)])

    def test_ends_all_where_there_is_none_to_keep(self, sessions: SessionRepository, owner: str) -> None:
        for _ in range(2):
            log_in(sessions, owner)
        assert sessions.delete_others(owner, "") == 2


class TestFromWhere:
    def test_is_noted_at_the_login_and_with_each_use(
        self, sessions: SessionRepository, owner: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        moment = now()
        monkeypatch.setattr(module, "now", lambda: moment)
        end = moment + HOUR
        made = sessions.create(
            owner, refresh_token_hash="x", expires_at=end, where=Origin("203.0.113.7", "d" * 301)
        )
        session_id, first = str(made["_id"]), moment
        used = {"createdAt": first, "usedAt": first, "address": "203.0.113.7", "device": "d" * 300}
        assert sessions.get(owner, session_id) == made
        assert {name: made[name] for name in used} == used
        moment += timedelta(minutes=1)
        sessions.note_use(owner, session_id, Origin("203.0.113.8", "phone"))
        used |= {"usedAt": moment, "address": "203.0.113.8", "device": "phone"}
        assert sessions.get(owner, session_id) == {**made, **used}

    def test_is_noted_of_the_owners_session_alone(self, sessions: SessionRepository, owner: str) -> None:
        session_id, other = log_in(sessions, owner), log_in(sessions, owner)
        sessions.note_use(new_owner(), session_id, Origin("203.0.113.7", "x"))
        sessions.note_use(owner, other, Origin("203.0.113.7", "x"))
        assert "address" not in sessions.get(owner, session_id)


class TestList:
    def test_is_of_the_owners_that_have_not_ended_without_secrets(
        self, sessions: SessionRepository, owner: str
    ) -> None:
        session_id = log_in(sessions, owner)
        log_in(sessions, owner, lasts=-timedelta(seconds=1))
        log_in(sessions, new_owner())
        [row] = sessions.list(owner)
        assert row.keys() == {"_id", "user", "expiration", "__v"}
        assert str(row["_id"]) == session_id

    def test_has_the_last_used_first_and_of_those_that_were_not_the_longest(
        self, sessions: SessionRepository, owner: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        short, long, early, late = (log_in(sessions, owner, lasts=hours * HOUR) for hours in (1, 2, 4, 3))
        for minutes, session_id in ((1, early), (2, late)):
            moment = now() + timedelta(minutes=minutes)
            monkeypatch.setattr(module, "now", lambda at=moment: at)
            sessions.note_use(owner, session_id, Origin("203.0.113.7", "x"))
        assert [str(each["_id"]) for each in sessions.list(owner)] == [late, early, long, short]

    def test_is_of_the_last_hundred(
        self, sessions: SessionRepository, owner: str, database: Database
    ) -> None:
        end = datetime.now(UTC) + HOUR
        rows = [{"user": ObjectId(owner), "expiration": end, "refreshTokenHash": "x"} for _ in range(101)]
        database.collection("sessions").insert_many(rows)
        assert len(sessions.list(owner)) == 100
