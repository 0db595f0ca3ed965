"""Who may no longer be here goes: between the pieces of an answer, and while one is waited for."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from echo.accounts.standing import LOOK_SECONDS, Standing, unless
from echo.errors import ApiError, Unauthorized
from echo.handling.caller import Caller
from storage.core.errors import Unavailable

SESSION = Caller("0" * 24, "1" * 24, "ada@example.com", "ada", "local", "USER")
KEY = Caller("0" * 24, "", "ada@example.com", "ada", "local", "USER", key_hash="h")


class Answers:
    """What a guard says, one answer after the other, and the last for ever."""

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)
        self.asked: list[tuple[str, ...]] = []

    async def _next(self, *what: str) -> Any:
        self.asked.append(what)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def is_alive(self, owner: str, session_id: str) -> Any:
        return await self._next(owner, session_id)

    async def holder(self, hashed: str) -> Any:
        return await self._next(hashed)


def standing(*, sessions: Answers | None = None, keys: Answers | None = None) -> Standing:
    return Standing(sessions or Answers(), keys or Answers(), look_seconds=0.001)  # type: ignore[arg-type]


class TestCheck:
    def test_of_a_session_asks_for_that_session(self) -> None:
        sessions = Answers(True)
        asyncio.run(standing(sessions=sessions).check(SESSION))
        assert sessions.asked == [(SESSION.id, SESSION.session_id)]

    def test_of_a_key_asks_for_that_key(self) -> None:
        keys = Answers(KEY)
        asyncio.run(standing(keys=keys).check(KEY))
        assert keys.asked == [("h",)]

    @pytest.mark.parametrize(
        ("caller", "parts", "said"),
        [
            (
                SESSION,
                {"sessions": Answers(False)},
                ("session_expired", "The session has ended; log in again."),
            ),
            (
                KEY,
                {"keys": Answers(None)},
                ("invalid_api_key", "The API key is not one of this server's, or has expired."),
            ),
        ],
    )
    def test_refuses_what_has_ended(
        self, caller: Caller, parts: dict[str, Answers], said: tuple[str, str]
    ) -> None:
        with pytest.raises(Unauthorized) as caught:
            asyncio.run(standing(**parts).check(caller))
        assert caught.value.status == 401
        assert (caught.value.code, caught.value.message) == said


def test_an_end_is_felt_within_five_seconds() -> None:
    # Guards remember for three.
    assert LOOK_SECONDS == 2.0


async def numbers(closed: list[bool], seconds: float = 0.0) -> AsyncGenerator[int, None]:
    try:
        for number in range(1000):
            yield number
            await asyncio.sleep(seconds)
    finally:
        closed.append(True)


class TestWhileHere:
    def pieces(self, sessions: Answers) -> tuple[list[int], list[bool]]:
        async def collect() -> tuple[list[int], list[bool]]:
            closed: list[bool] = []
            pieces = standing(sessions=sessions).while_here(SESSION, numbers(closed, 0.0005))
            return [piece async for piece in pieces], closed

        return asyncio.run(collect())

    def test_all_pieces_come(self) -> None:
        async def collect() -> list[int]:
            pieces = standing(sessions=Answers(True)).while_here(SESSION, numbers([]))
            return [piece async for piece in pieces]

        assert asyncio.run(collect()) == list(range(1000))

    # Nobody has to go because the database is away, and one look is not enough.
    @pytest.mark.parametrize("before", [(), (True,), (Unavailable(), True, Unavailable())])
    def test_no_piece_comes_once_the_caller_must_go(self, before: tuple[Any, ...]) -> None:
        sessions = Answers(*before, False)
        found, closed = self.pieces(sessions)
        assert found == list(range(len(found)))
        assert 0 < len(found) < 1000
        assert len(sessions.asked) == len(before) + 1
        assert closed == [True]


class TestUnless:
    def test_gives_the_result_or_what_was_raised(self) -> None:
        async def ask(fail: bool) -> str:
            async def work() -> str:
                if fail:
                    raise LookupError("of the work")
                return "done"

            return await unless(asyncio.get_running_loop().create_future(), work())

        assert asyncio.run(ask(False)) == "done"
        with pytest.raises(LookupError, match="of the work"):
            asyncio.run(ask(True))

    def test_ends_the_work_with_the_refusal(self) -> None:
        ended: list[bool] = []

        async def work() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                # What it does at its end is waited for, too.
                await asyncio.sleep(0)
                ended.append(True)

        async def ask() -> None:
            refusal: asyncio.Future[ApiError] = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_soon(refusal.set_result, Unauthorized(code="session_expired"))
            await unless(refusal, work())

        with pytest.raises(Unauthorized) as caught:
            asyncio.run(ask())
        assert (caught.value.code, ended) == ("session_expired", [True])
