"""Permissions and capabilities are asked for the caller before anything of the request is read."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from echo.errors import Forbidden
from echo.http.capabilities import CapabilityMiddleware
from echo.http.permissions import PermissionMiddleware

NEEDS = {"PROMPTS": ("USE", "CREATE")}


class Asked:
    """Guards that note what they are asked, and the application behind them."""

    def __init__(self, *, known: bool = False, refuses: bool = False) -> None:
        self.log: list[Any] = []
        self._known = known
        self._refuses = refuses

    def _note(self, *what: Any) -> None:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            place = "thread"
        else:
            place = "loop"
        self.log.append((place, *what))

    def check_remembered(self, owner: str, needs: Any) -> bool:
        self._note("remembered", owner, needs)
        return self._known

    def check(self, owner: str, needs: Any) -> None:
        self._note("check", owner, needs)
        if self._refuses:
            raise Forbidden

    def demand(self, user_id: str, *capabilities: str) -> None:
        self._note("demand", user_id, *capabilities)
        if self._refuses:
            raise Forbidden

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.log.append((scope["type"], receive, send))


async def receive() -> Any:
    raise AssertionError("nothing is read")


async def send(_message: Any) -> None:
    raise AssertionError("nothing is answered")


PASSED = ("http", receive, send)


def ask(middleware: Any, asked: Asked, user: str | None, kind: str = "http", **operation: Any) -> list[Any]:
    context = {} if user is None else {"connexion_context": {"user": user}}
    scope = {"type": kind, "extensions": context, "echo.operation": SimpleNamespace(**operation)}
    asyncio.run(middleware(asked, guard=asked)(scope, receive, send))
    return asked.log


class TestPermissions:
    def test_are_asked_for_in_a_thread_where_nothing_is_known(self) -> None:
        assert ask(PermissionMiddleware, Asked(), "ada", permissions=NEEDS) == [
            ("loop", "remembered", "ada", NEEDS),
            ("thread", "check", "ada", NEEDS),
            PASSED,
        ]

    def test_are_asked_for_once_where_they_are_known(self) -> None:
        assert ask(PermissionMiddleware, Asked(known=True), "ada", permissions=NEEDS) == [
            ("loop", "remembered", "ada", NEEDS),
            PASSED,
        ]

    def test_that_are_missing_end_the_request(self) -> None:
        asked = Asked(refuses=True)
        with pytest.raises(Forbidden):
            ask(PermissionMiddleware, asked, "ada", permissions=NEEDS)
        assert PASSED not in asked.log

    def test_are_nothing_for_who_has_not_logged_in(self) -> None:
        assert ask(PermissionMiddleware, Asked(), None, permissions=NEEDS) == [PASSED]

    @pytest.mark.parametrize(("kind", "needs"), [("http", {}), ("lifespan", NEEDS)])
    def test_are_nothing_where_none_are_needed(self, kind: str, needs: Any) -> None:
        assert ask(PermissionMiddleware, Asked(), "ada", kind, permissions=needs) == [(kind, receive, send)]


class TestCapabilities:
    # An operation that needs one and is open to all is open to none: nobody has any.
    @pytest.mark.parametrize(("user", "asked_for"), [("ada", "ada"), (None, "")])
    def test_are_demanded_in_a_thread(self, user: str | None, asked_for: str) -> None:
        assert ask(CapabilityMiddleware, Asked(), user, capabilities=("READ", "MANAGE")) == [
            ("thread", "demand", asked_for, "READ", "MANAGE"),
            PASSED,
        ]

    def test_that_are_missing_end_the_request(self) -> None:
        asked = Asked(refuses=True)
        with pytest.raises(Forbidden):
            ask(CapabilityMiddleware, asked, "ada", capabilities=("READ",))
        assert PASSED not in asked.log

    @pytest.mark.parametrize(("kind", "needs"), [("http", ()), ("lifespan", ("READ",))])
    def test_are_nothing_where_none_are_needed(self, kind: str, needs: Any) -> None:
        assert ask(CapabilityMiddleware, Asked(), "ada", kind, capabilities=needs) == [(kind, receive, send)]
