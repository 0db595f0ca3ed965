"""Logging in at a server: the SDK's own provider on the other side, and a browser that a test plays."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from bson import ObjectId

from echo.settings.mcp import McpServer
from echo.tools.mcp import logins, token_storage
from echo.tools.mcp.failures import LoginNeeded
from echo.tools.mcp.manager import Use
from echo.tools.mcp.resolving import reach
from echo.tools.tool import Called, Offer, RunPlace, Wanted
from tests.conftest import UserClient
from tests.support.mcp.guarded import Provider
from tests.tools.mcp.conftest import Made, Make, over_http

SERVER = "guarded"


def run(made: Made, work: Any) -> Any:
    async def whole() -> Any:
        try:
            return await work
        finally:
            await made.service.close()

    return asyncio.run(whole())


async def browse(url: str) -> dict[str, str]:
    """What the provider sends a browser back with."""
    async with httpx2.AsyncClient() as client:
        answer = await client.get(url)
    assert answer.status_code == 302, answer.text
    query = parse_qs(urlsplit(answer.headers["location"]).query)
    return {name: values[0] for name, values in query.items()}


def cookie_of(made: Made, user: UserClient) -> str:
    line: str = made.service.logins.cookie(user.id, secure=False)
    return line.partition(";")[0].partition("=")[2]


async def log_in(made: Made, user: UserClient, server: McpServer) -> str:
    asked = await made.service.manager.log_in(Use(user.id, server))
    assert asked is not None
    answer: Any = await browse(asked.url)
    location: str = await made.service.logins.come_back(server.name, answer, cookie_of(made, user))
    return location


async def token_of(made: Made, user: UserClient, server: McpServer) -> str:
    said = await made.service.manager.call(Use(user.id, server), "token", {})
    return str(said["content"][0]["text"])


def end_token(made: Made, user: UserClient) -> None:
    """Let the user's token be about to end."""
    soon = datetime.now(UTC) + timedelta(seconds=5)
    mine = {"userId": ObjectId(user.id), "type": "mcp_oauth"}
    made.database.collection("tokens").update_one(mine, {"$set": {"expiresAt": soon}})


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logins, "LOOK_SECONDS", 0.03)


@pytest.fixture
def server(guarded_port: int) -> McpServer:
    return over_http(guarded_port, SERVER, requires_oauth=True)


class TestLogin:
    def test_in_a_run_the_user_is_shown_where_and_the_run_goes_on(
        self, make: Make, ada: UserClient, server: McpServer, provider: Provider
    ) -> None:
        made = make(server)
        told: list[tuple[str, Any]] = []
        place = RunPlace(ada.id, "c", "m", tell=lambda name, payload: told.append((name, payload)))

        async def user() -> str:
            while len(told) < 2:
                await asyncio.sleep(0.01)
            answer: Any = await browse(told[1][1]["data"]["delta"]["auth"])
            location: str = await made.service.logins.come_back(SERVER, answer, cookie_of(made, ada))
            return location

        async def work() -> tuple[Offer, str, Any]:
            wanted = Wanted((f"sys__all__sys_mcp_{SERVER}",))
            offer, location = await asyncio.gather(made.service.tools.offer(wanted, place), user())
            output = await offer.tools[0].call(Called("c1", {}))
            return offer, location, output

        offer, location, output = run(made, work())
        assert location.endswith("/oauth/success?serverName=guarded")
        assert [each.spec.name for each in offer.tools] == ["token_mcp_guarded"]
        assert output.content[0].text.startswith("Bearer access-")
        begun, delta, ended = (payload for _, payload in told)
        [call] = begun["data"]["stepDetails"]["tool_calls"]
        assert (begun["event"], call["name"]) == ("on_run_step", "oauth_mcp_guarded")
        assert (delta["event"], delta["data"]["id"]) == ("on_run_step_delta", "step_oauth_login_guarded")
        assert "auth" not in ended["data"]["delta"]
        assert provider.challenges[-1]

    def test_tokens_are_kept_as_librechat_keeps_them_and_nothing_can_be_read(
        self, make: Make, ada: UserClient, server: McpServer
    ) -> None:
        made = make(server)
        run(made, log_in(made, ada, server))
        records = list(made.database.collection("tokens").find({"type": {"$regex": "^mcp_oauth"}}))
        mine = {each["type"]: each for each in records if str(each["userId"]) == ada.id}
        assert {kind: each["identifier"] for kind, each in mine.items()} == {
            "mcp_oauth": "mcp:guarded",
            "mcp_oauth_refresh": "mcp:guarded:refresh",
            "mcp_oauth_client": "mcp:guarded:client",
        }
        sets = {each["metadata"]["credential_set_id"] for each in mine.values()}
        about = mine["mcp_oauth_client"]["metadata"]
        assert (len(sets), about["client_source"]) == (1, "dynamic")
        assert about["token_endpoint"].endswith("/token")
        assert not any("access-" in str(each) or "refresh-" in each["token"] for each in mine.values())

    def test_is_of_one_user_alone(
        self, make: Make, ada: UserClient, bob: UserClient, server: McpServer
    ) -> None:
        made = make(server)

        async def work() -> tuple[str, str, str]:
            await log_in(made, ada, server)
            first = await token_of(made, ada, server)
            with pytest.raises(LoginNeeded):
                await token_of(made, bob, server)
            await log_in(made, bob, server)
            return first, await token_of(made, ada, server), await token_of(made, bob, server)

        first, again, other = run(made, work())
        assert first == again != other

    def test_whose_token_ends_gets_another_without_being_asked(
        self, make: Make, ada: UserClient, server: McpServer, provider: Provider
    ) -> None:
        made = make(server)

        async def work() -> tuple[str, str]:
            await log_in(made, ada, server)
            first = await token_of(made, ada, server)
            await made.service.manager.drop(ada.id, server)
            end_token(made, ada)
            return first, await token_of(made, ada, server)

        before = provider.refreshed
        first, second = run(made, work())
        assert first != second
        assert provider.refreshed == before + 1

    def test_one_whose_token_is_void_gets_another_or_is_asked(
        self, make: Make, ada: UserClient, server: McpServer, provider: Provider
    ) -> None:
        made = make(server)

        async def work() -> tuple[str, str]:
            await log_in(made, ada, server)
            first = await token_of(made, ada, server)
            provider.access.clear()
            await made.service.manager.drop(ada.id, server)
            second = await token_of(made, ada, server)
            provider.access.clear()
            provider.refresh.clear()
            with pytest.raises(LoginNeeded):
                await token_of(made, ada, server)
            return first, second

        first, second = run(made, work())
        assert first != second

    @pytest.mark.parametrize("reason", ["it ends", "it is void"])
    def test_two_processes_that_renew_at_once_keep_the_login(
        self, reason: str, make: Make, ada: UserClient, server: McpServer, provider: Provider
    ) -> None:
        """The provider voids everything where a token for renewing comes twice."""
        made, other = make(server), make(server)

        async def work() -> list[str]:
            try:
                await log_in(made, ada, server)
                first = await token_of(made, ada, server)
                await made.service.manager.drop(ada.id, server)
                if reason == "it ends":
                    end_token(made, ada)
                else:
                    provider.access.clear()
                both = await asyncio.gather(token_of(made, ada, server), token_of(other, ada, server))
                end_token(made, ada)
                await made.service.manager.drop(ada.id, server)
                return [first, *both, await token_of(made, ada, server)]
            finally:
                await other.service.close()

        before, provider.pause = provider.refreshed, 0.2
        try:
            first, one, two, later = run(made, work())
        finally:
            provider.pause = 0.0
        assert (one == two, provider.refreshed - before) == (True, 2)
        assert len({first, one, later}) == 3

    def test_tokens_that_are_just_being_stored_are_waited_for(
        self, make: Make, ada: UserClient, server: McpServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The client's record is the first of a new set."""
        monkeypatch.setattr(token_storage, "READS", 10_000)
        made = make(server)
        mine = {"userId": ObjectId(ada.id), "type": "mcp_oauth_client"}
        tokens = made.database.collection("tokens")

        async def work() -> bool:
            await log_in(made, ada, server)
            client = tokens.find_one(mine) or {}
            tokens.update_one(mine, {"$set": {"metadata.credential_set_id": "new"}})
            reading = asyncio.create_task(token_of(made, ada, server))
            await asyncio.wait([reading], timeout=0.05)
            tokens.update_one(mine, {"$set": {"metadata": client["metadata"]}})
            return (await reading).startswith("Bearer access-")

        assert run(made, work())

    def test_who_logs_out_while_a_token_is_renewed_stays_logged_out(
        self, make: Make, ada: UserClient, server: McpServer, provider: Provider
    ) -> None:
        made = make(server)

        async def work() -> None:
            await log_in(made, ada, server)
            end_token(made, ada)
            before = provider.refreshed
            call = asyncio.create_task(token_of(made, ada, server))
            while provider.refreshed == before:
                await asyncio.sleep(0.01)
            made.service.logins.forget(ada.id, SERVER)
            with suppress(LoginNeeded):
                await call
            with pytest.raises(LoginNeeded):
                await token_of(made, ada, server)

        provider.pause = 0.2
        try:
            run(made, work())
        finally:
            provider.pause = 0.0
        assert made.service.logins.servers(ada.id) == set()

    def test_who_logs_out_is_logged_out(self, make: Make, ada: UserClient, server: McpServer) -> None:
        made = make(server)

        async def work() -> None:
            await log_in(made, ada, server)
            await token_of(made, ada, server)
            made.keys.uninstall(ada.id, "mcp_guarded", ())
            with pytest.raises(LoginNeeded):
                await token_of(made, ada, server)

        run(made, work())

    def test_who_revokes_has_the_provider_void_the_tokens(
        self, make: Make, ada: UserClient, server: McpServer, provider: Provider
    ) -> None:
        made = make(server)

        async def work() -> None:
            made.background.begin()
            await log_in(made, ada, server)
            await asyncio.to_thread(made.keys.uninstall, ada.id, "mcp_guarded", ())
            while len(provider.revoked) < 2:
                await asyncio.sleep(0.01)
            await made.background.close()

        provider.revoked.clear()
        run(made, work())
        assert provider.revoked == ["refresh", "access"]

    def test_the_operator_says_where_users_come_back(
        self, make: Make, ada: UserClient, server: McpServer
    ) -> None:
        """Not whoever has made a server of their own."""
        address = "https://chat.example.com/chat/api/mcp/guarded/oauth/callback"
        told = replace(server, oauth={"redirect_uri": address})
        made = make(told)
        assert made.service.logins.redirect_uri(told) == address
        assert made.service.logins.redirect_uri(replace(told, source="user")) != address

        async def work() -> str:
            asked = await made.service.manager.log_in(Use(ada.id, told))
            assert asked is not None
            return parse_qs(urlsplit(asked.url).query)["redirect_uri"][0]

        assert run(made, work()) == address

    def test_an_audience_goes_along(
        self, make: Make, ada: UserClient, server: McpServer, provider: Provider
    ) -> None:
        """When users are asked, and when a token is renewed, unless the operator says otherwise."""
        told = replace(server, oauth={"audience": "api://crm"})
        seen = []
        for oauth in (
            {"audience": "api://crm"},
            {"audience": "api://crm", "forward_audience_on_refresh": False},
        ):
            told = replace(server, oauth=oauth)
            made = make(told)

            async def work(made: Made = made, told: McpServer = told) -> Any:
                asked = await made.service.manager.log_in(Use(ada.id, told))
                assert asked is not None
                answer: Any = await browse(asked.url)
                await made.service.logins.come_back(SERVER, answer, cookie_of(made, ada))
                auth = made.service.logins.auth(ada.id, told, reach(told, {}))
                await auth._initialize()
                renewal = parse_qs((await auth._refresh_token()).content.decode())
                made.service.logins.forget(ada.id, SERVER)
                return parse_qs(urlsplit(asked.url).query)["audience"], renewal.get("audience")

            seen.append(run(made, work()))
        assert seen == [(["api://crm"], ["api://crm"]), (["api://crm"], None)]

    def test_a_server_that_nobody_said_it_of_is_found_out(
        self, make: Make, ada: UserClient, guarded_port: int
    ) -> None:
        server = over_http(guarded_port, "found-out")
        made = make(server)

        async def work() -> str:
            with pytest.raises(LoginNeeded):
                await token_of(made, ada, server)
            await log_in(made, ada, server)
            return await token_of(made, ada, server)

        assert run(made, work()).startswith("Bearer access-")


class TestComingBack:
    @pytest.mark.parametrize("case", ["no cookie", "another's cookie", "another server", "another state"])
    def test_only_the_browser_that_began_is_believed(
        self, case: str, make: Make, ada: UserClient, bob: UserClient, server: McpServer
    ) -> None:
        made = make(server)

        async def work() -> tuple[str, set[str]]:
            asked = await made.service.manager.log_in(Use(ada.id, server))
            assert asked is not None
            answer: Any = await browse(asked.url)
            cookie = {"no cookie": None, "another's cookie": cookie_of(made, bob)}.get(
                case, cookie_of(made, ada)
            )
            name = "other" if case == "another server" else SERVER
            answer |= {"state": "x"} if case == "another state" else {}
            location = await made.service.logins.come_back(name, answer, cookie)
            return location, made.service.logins.servers(ada.id)

        location, servers = run(made, work())
        assert "/oauth/error?error=" in location
        assert servers == set()

    def test_who_refuses_is_not_logged_in(self, make: Make, ada: UserClient, server: McpServer) -> None:
        made = make(server)

        async def work() -> str:
            asked = await made.service.manager.log_in(Use(ada.id, server))
            assert asked is not None
            state = parse_qs(urlsplit(asked.url).query)["state"][0]
            answer: Any = {"state": state, "error": "access_denied"}
            location: str = await made.service.logins.come_back(SERVER, answer, cookie_of(made, ada))
            return location

        assert run(made, work()).endswith("/oauth/error?error=access_denied")
        assert made.service.logins.find(ada.id, SERVER)["status"] == "FAILED"  # type: ignore[index]

    def test_two_who_ask_at_once_get_the_same_login(
        self, make: Make, ada: UserClient, server: McpServer
    ) -> None:
        made = make(server)

        async def work() -> tuple[Any, Any]:
            first = await made.service.manager.log_in(Use(ada.id, server))
            return first, await made.service.manager.log_in(Use(ada.id, server))

        first, second = run(made, work())
        assert first.url == second.url
