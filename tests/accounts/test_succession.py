"""Refresh tokens that are sent twice: at once they all go on, later they end the session."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from echo.accounts.succession import Succession
from echo.accounts.tokens import RefreshClaims, Tokens, hash_refresh_token
from storage.accounts.sessions import SessionRepository
from storage.core.database import Database, Document
from storage.core.errors import NotFound
from tests.support.chats import new_owner
from tests.support.threads import THREADS, together

TOKENS = Tokens("a" * 40, "b" * 40, access_seconds=60, refresh_seconds=600)
ROUNDS = 25


@pytest.fixture
def sessions(app_database: Database) -> SessionRepository:
    return SessionRepository(app_database)


@pytest.fixture
def other_sessions(application_uri: str) -> Iterator[SessionRepository]:
    """Of another process: a client of its own."""
    database = Database(application_uri)
    yield SessionRepository(database)
    database.close()


def begin(sessions: SessionRepository, token: str | None = None) -> tuple[Document, str]:
    owner, session_id = new_owner(), new_owner()
    token = token or TOKENS.make_refresh(owner, session_id)
    sessions.create(
        owner,
        refresh_token_hash=hash_refresh_token(token),
        expires_at=datetime.now(UTC) + timedelta(hours=1),
        session_id=session_id,
    )
    return sessions.get(owner, session_id), token


def follow(sessions: SessionRepository, session: Document, token: str, *, seconds: int) -> str:
    """Exchange the token as if it were so many seconds ago."""
    owner, session_id = str(session["user"]), str(session["_id"])
    successor = TOKENS.make_successor(
        token,
        RefreshClaims(owner, session_id),
        issued_at=int(time.time()) - seconds,
        session_end=session["expiration"],
    )
    assert sessions.rotate(
        owner, session_id, old_hash=hash_refresh_token(token), new_hash=hash_refresh_token(successor)
    )
    return successor


class TestAtOnce:
    def test_all_get_one_token_that_goes_on(
        self, sessions: SessionRepository, other_sessions: SessionRepository
    ) -> None:
        processes = [Succession(TOKENS, each, 30) for each in (sessions, other_sessions)]
        for _ in range(ROUNDS):
            session, token = begin(sessions)
            given = together(lambda n, t=token, s=session: processes[n % 2].exchange(t, s))  # type: ignore[misc]
            assert len(given) == THREADS
            assert len(set(given)) == 1
            [current] = set(given)
            assert current not in (None, token)
            stored = sessions.get(str(session["user"]), str(session["_id"]))
            assert stored["refreshTokenHash"] == hash_refresh_token(str(current))
            assert processes[0].exchange(str(current), stored) not in (None, current)


class TestTheGrace:
    @pytest.mark.parametrize("seconds", [-3, 0, 1, 28])
    def test_within_it_the_current_one_is_given_again(
        self, sessions: SessionRepository, seconds: int
    ) -> None:
        session, token = begin(sessions)
        current = follow(sessions, session, token, seconds=seconds)
        for _ in range(2):
            assert Succession(TOKENS, sessions, 30).exchange(token, session) == current

    @pytest.mark.parametrize(("grace", "seconds"), [(30, 31), (30, 3600), (5, 6), (0, 0)])
    def test_after_it_nothing_is(self, sessions: SessionRepository, grace: int, seconds: int) -> None:
        session, token = begin(sessions)
        follow(sessions, session, token, seconds=seconds)
        assert Succession(TOKENS, sessions, grace).exchange(token, session) is None

    def test_it_is_for_the_one_before_only(self, sessions: SessionRepository) -> None:
        session, token = begin(sessions)
        follow(sessions, session, follow(sessions, session, token, seconds=1), seconds=0)
        assert Succession(TOKENS, sessions, 30).exchange(token, session) is None

    def test_a_token_that_was_never_the_sessions_gets_nothing(self, sessions: SessionRepository) -> None:
        session, token = begin(sessions)
        follow(sessions, session, token, seconds=0)
        foreign = TOKENS.make_refresh(str(session["user"]), str(session["_id"]))
        assert Succession(TOKENS, sessions, 30).exchange(foreign, session) is None

    def test_of_a_session_that_has_ended_there_is_none(self, sessions: SessionRepository) -> None:
        session, token = begin(sessions)
        sessions.delete(str(session["user"]), str(session["_id"]))
        with pytest.raises(NotFound):
            Succession(TOKENS, sessions, 30).exchange(token, session)

    def test_another_key_comes_to_another_token(self, sessions: SessionRepository) -> None:
        session, token = begin(sessions)
        follow(sessions, session, token, seconds=0)
        others = Tokens("a" * 40, "c" * 40, access_seconds=60, refresh_seconds=600)
        assert Succession(others, sessions, 30).exchange(token, session) is None
