"""Several processes, which say the same of a server: each is a service of its own, on one database."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from echo.handling.caller import Caller
from echo.settings.mcp import McpServer
from echo.tools.mcp import logins
from echo.tools.mcp.failures import LoginNeeded
from echo.tools.mcp.manager import Use
from echo.tools.mcp.standings import State
from storage.accounts.mcp_states import McpStateRepository
from storage.core.repository import now
from tests.conftest import UserClient
from tests.tools.mcp.conftest import Made, Make, over_http
from tests.tools.mcp.test_logins import browse, cookie_of

OPEN = State("connected", oauth=False, authorization="not_required")
SHUT = State("disconnected", oauth=False, authorization="not_required")


def caller(user: UserClient) -> Caller:
    return Caller(user.id, user.session_id, user.email, "ada", "local", "USER")


async def becomes(made: Made, user: UserClient, name: str, wanted: State) -> bool:
    """Whether a process comes to say this of a server; a fault is waited for until the test's end."""
    while await asyncio.to_thread(made.service.standings.state, caller(user), name) != wanted:
        await asyncio.sleep(0.01)
    return True


def run(work: Any, *several: Made) -> Any:
    async def whole() -> Any:
        try:
            async with asyncio.timeout(30):
                return await work
        finally:
            for each in several:
                await each.service.close()

    return asyncio.run(whole())


def test_a_connection_of_one_is_told_by_all(
    make: Make, ada: UserClient, bob: UserClient, http_port: int
) -> None:
    """One that all share to all, one of a user's to that user; and its end."""
    shared = over_http(http_port, f"shared-{ada.id}")
    personal = over_http(http_port, f"own-{ada.id}", variables={"K": {"title": "K", "description": "K"}})
    one, other = make(shared, personal), make(shared, personal)
    one.keys.install(ada.id, f"mcp_{personal.name}", {"K": "k"})

    async def work() -> None:
        for server in (shared, personal):
            assert other.service.standings.state(caller(ada), server.name) == SHUT
            await one.service.manager.tools(Use(ada.id, server))
            assert await becomes(other, ada, server.name, OPEN)
        assert other.service.standings.states(caller(bob))[shared.name] == OPEN
        assert other.service.standings.state(caller(bob), personal.name) == SHUT
        await one.service.manager.drop(ada.id, personal)
        assert await becomes(other, ada, personal.name, SHUT)
        assert other.service.standings.state(caller(ada), shared.name) == OPEN
        await one.service.close()
        assert other.service.standings.state(caller(ada), shared.name) == SHUT

    run(work(), one, other)


def test_what_one_that_has_died_said_is_over_soon_and_what_one_that_lives_said_is_not(
    make: Make, ada: UserClient, http_port: int
) -> None:
    server = over_http(http_port, f"shared-{ada.id}")
    one, other = make(server), make(server)
    states = one.database.collection(McpStateRepository.collection_name)

    async def work() -> None:
        await one.service.manager.tools(Use(ada.id, server))
        assert await becomes(other, ada, server.name, OPEN)
        states.update_one({"server": server.name}, {"$set": {"expiresAt": now() - timedelta(seconds=1)}})
        assert other.service.standings.state(caller(ada), server.name) == SHUT
        await one.service.manager.reports.keep()
        assert other.service.standings.state(caller(ada), server.name) == OPEN
        # MongoDB has removed it, as the process was stopped for a while.
        states.delete_one({"server": server.name})
        await one.service.manager.reports.keep()
        assert await becomes(other, ada, server.name, OPEN)

    run(work(), one, other)


def test_a_login_is_told_by_all_from_its_discovery_to_its_end(
    make: Make, ada: UserClient, guarded_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logins, "LOOK_SECONDS", 0.03)
    server = over_http(guarded_port, f"closed-{ada.id}")
    one, other = make(server), make(server)

    async def work() -> None:
        assert other.service.standings.state(caller(ada), server.name) == SHUT
        with pytest.raises(LoginNeeded):
            await one.service.manager.tools(Use(ada.id, server))
        assert other.service.list(caller(ada))[server.name].oauth is True
        wanted = State("disconnected", oauth=True, authorization="needs_authorization")
        assert other.service.standings.state(caller(ada), server.name) == wanted
        # The one begins, the browser comes back to the other.
        asked = await one.service.initialize(caller(ada), server.name)
        assert asked.asked is not None
        waiting = State("connecting", oauth=True, authorization="authorizing")
        assert other.service.standings.state(caller(ada), server.name) == waiting
        again = await other.service.initialize(caller(ada), server.name)
        assert again.asked is not None
        assert again.asked.url == asked.asked.url
        answer: Any = await browse(asked.asked.url)
        location = await other.service.logins.come_back(server.name, answer, cookie_of(other, ada))
        assert "/oauth/success" in location
        done = State("connected", oauth=True, authorization="authorized")
        assert [each.service.standings.state(caller(ada), server.name) for each in (one, other)] == [
            done,
            done,
        ]
        assert (await other.service.initialize(caller(ada), server.name)).success
        other.service.logins.forget(ada.id, server.name)
        assert one.service.standings.state(caller(ada), server.name) == wanted

    run(work(), one, other)


def test_a_server_that_asks_for_no_login_any_more_is_found_out(
    make: Make, ada: UserClient, http_port: int
) -> None:
    server: McpServer = over_http(http_port, f"opened-{ada.id}")
    one, other = make(server), make(server)

    async def work() -> None:
        await one.service.manager.reports.note_login(server)
        assert other.service.get(caller(ada), server.name).oauth is True
        assert (await other.service.initialize(caller(ada), server.name)).success
        await other.service.manager.tools(Use(ada.id, server))
        assert one.service.get(caller(ada), server.name).oauth is False

    run(work(), one, other)
