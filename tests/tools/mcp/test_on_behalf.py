"""Servers that are reached in a user's name: the organisation's provider exchanges the user's token for theirs."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from bson import ObjectId

from echo.accounts.federation.delegation import NotDelegated
from echo.accounts.federation.fetching import Fetcher, host_and_port
from echo.accounts.federation.openid import OpenIdProvider
from echo.settings.mcp import McpServer, Template
from echo.settings.sign_in import OpenIdSettings
from echo.tools.mcp.failures import NotAllowed
from echo.tools.mcp.manager import Use
from tests.conftest import UserClient
from tests.support.issuer import CLIENT, SECRET, Issuer, lying_issuer
from tests.tools.mcp.conftest import Made, Make, over_http

ON_BEHALF = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TOKENS = {"access_token": "opaque", "refresh_token": "again", "expires_in": 3600}


@pytest.fixture(scope="module")
def running_issuer() -> Iterator[Issuer]:
    with lying_issuer() as issuer:
        yield issuer


@pytest.fixture
def issuer(running_issuer: Issuer) -> Issuer:
    running_issuer.access_token, running_issuer.refresh_token = "opaque", "again"
    running_issuer.grants.clear()
    return running_issuer


@pytest.fixture
def server(http_port: int) -> McpServer:
    return over_http(http_port, "crm", obo="api://crm/.default")


@pytest.fixture
def several(make: Make, issuer: Issuer, server: McpServer) -> tuple[Made, Made]:
    """Two processes."""
    settings = OpenIdSettings(issuer.url, CLIENT, SECRET, "http://localhost/oauth/openid/callback")
    provider = OpenIdProvider(settings, Fetcher([host_and_port(issuer.url)]))
    # Of users' servers none is at such an address, unless the operator allows it.
    address = str(server.url and server.url.texts[0]).split("/")[2]
    one, other = (make(server, delegate=provider, allowed_addresses=(address,)) for _ in range(2))
    return one, other


def run(several: tuple[Made, Made], work: Callable[[], Awaitable[Any]]) -> Any:
    async def whole() -> Any:
        try:
            return await work()
        finally:
            for each in several:
                await each.service.close()

    return asyncio.run(whole())


async def sent(made: Made, user: UserClient, server: McpServer) -> str:
    """The token that the server sees."""
    said = await made.service.manager.call(Use(user.id, server), "whoami", {})
    return str(json.loads(said["content"][0]["text"]).get("authorization"))


def test_a_server_gets_the_users_token_for_it(
    several: tuple[Made, Made], ada: UserClient, bob: UserClient, server: McpServer, issuer: Issuer
) -> None:
    """Exchanged once for calls at once, and for nobody who has brought none."""
    made, _ = several
    made.service.manager._delegations.keep(ada.id, TOKENS)

    async def work() -> set[str]:
        with pytest.raises(NotDelegated):
            await sent(made, bob, server)
        return {*await asyncio.gather(*(sent(made, ada, server) for _ in range(3)))}

    assert run(several, work) == {"Bearer api://crm/.default-of-opaque"}
    assert [each["grant_type"] for each in issuer.grants] == [ON_BEHALF]


def test_two_processes_renew_what_has_ended_once(
    several: tuple[Made, Made], ada: UserClient, server: McpServer, issuer: Issuer
) -> None:
    one, other = several
    one.service.manager._delegations.keep(ada.id, {**TOKENS, "expires_in": 5})

    async def work() -> list[str]:
        return list(await asyncio.gather(sent(one, ada, server), sent(other, ada, server)))

    assert run(several, work) == ["Bearer api://crm/.default-of-opaque+"] * 2
    assert sorted(each["grant_type"] for each in issuer.grants) == ["refresh_token", ON_BEHALF, ON_BEHALF]


@pytest.mark.parametrize("failures", [[503], [503, 500], [400]], ids=["once", "twice", "for good"])
def test_a_provider_that_is_busy_is_asked_twice(
    failures: list[int], several: tuple[Made, Made], ada: UserClient, server: McpServer, issuer: Issuer
) -> None:
    made, _ = several
    made.service.manager._delegations.keep(ada.id, TOKENS)
    issuer.failures = list(failures)

    async def work() -> str:
        try:
            return await sent(made, ada, server)
        except NotDelegated as error:
            return str(error)

    told = {
        (503,): (2, "Bearer api://crm/.default-of-opaque"),
        (503, 500): (2, "The organisation's provider does not answer now."),
        (400,): (1, "The organisation's provider gives no token for this service to this user."),
    }
    said = run(several, work)
    assert (len(issuer.grants), said) == told[tuple(failures)]


def test_who_has_logged_out_has_no_token(
    several: tuple[Made, Made], ada: UserClient, server: McpServer
) -> None:
    """In the other process too, which remembers one."""
    one, other = several
    one.service.manager._delegations.keep(ada.id, TOKENS)

    async def work() -> None:
        await sent(other, ada, server)
        one.service.manager._delegations.forget(ada.id)
        with pytest.raises(NotDelegated):
            await sent(other, ada, server)

    run(several, work)


def test_a_token_goes_to_no_address_that_nobody_may_choose(
    several: tuple[Made, Made], ada: UserClient, bob: UserClient, server: McpServer, issuer: Issuer
) -> None:
    made, _ = several
    made.service.manager._delegations.keep(ada.id, TOKENS)
    own = replace(server, source="user", id="x", author=bob.id)
    chosen = replace(
        server,
        url=Template(("http://", "/mcp"), ("HOST",)),
        variables={"HOST": {"title": "H", "description": "H"}},
    )
    made.keys.install(ada.id, "mcp_crm", {"HOST": "evil.example"})

    async def work() -> None:
        for each in (own, replace(own, author=None), chosen):
            with pytest.raises(NotAllowed):
                await sent(made, ada, each)

    run(several, work)
    assert issuer.grants == []


@pytest.mark.parametrize("may", [True, False])
def test_a_server_of_a_users_gets_one_while_its_author_may_configure_that(
    several: tuple[Made, Made], ada: UserClient, bob: UserClient, server: McpServer, may: bool
) -> None:
    made, _ = several
    users, roles = (made.database.collection(name) for name in ("users", "roles"))
    role = f"delegating-{bob.id}"
    roles.insert_one({"name": role, "permissions": {"MCP_SERVERS": {"USE": True, "CONFIGURE_OBO": may}}})
    users.update_one({"_id": ObjectId(bob.id)}, {"$set": {"role": role}})
    made.service.manager._delegations.keep(ada.id, TOKENS)
    own = replace(server, source="user", id="x", author=bob.id)

    async def work() -> str:
        try:
            return await sent(made, ada, own)
        except NotAllowed:
            return "no"

    assert run(several, work) == ("Bearer api://crm/.default-of-opaque" if may else "no")
