"""What runs get of servers: whose tools, with whose values, and never another's."""

import asyncio
import json
from typing import Any

import pytest
from bson import ObjectId

from echo.access import ResourceType
from echo.accounts.plugin_keys import MCP
from echo.providers.chat import Attachment, Text
from echo.services import Services
from echo.settings.mcp import HTTP, Template
from echo.tools.sources import Sources
from echo.tools.tool import Called, Offer, RunPlace, ToolFailure, Wanted
from storage.core.database import Database
from tests.conftest import MakeUser, UserClient
from tests.support.access import grant
from tests.tools.mcp.conftest import Made, Make, over_http, over_stdio

ALL = "sys__all__sys_mcp_web"
KEY = {"KEY": {"title": "Key", "description": "Yours"}}
BY_KEY = {"X-Key": Template(("k:", ""), ("KEY",)), "X-User": Template(("", ""), ("LIBRECHAT_USER_EMAIL",))}


def place(user: UserClient, **more: Any) -> RunPlace:
    return RunPlace(user.id, "c", "m", {"LIBRECHAT_USER_EMAIL": user.email}, **more)


async def offered(made: Made, user: UserClient, *names: str, **wanted: Any) -> Offer:
    return await made.service.tools.offer(Wanted(names, **wanted), place(user))


def run(made: Made, work: Any) -> Any:
    async def whole() -> Any:
        try:
            return await work
        finally:
            await made.service.close()

    return asyncio.run(whole())


async def called(offer: Offer, name: str, **arguments: Any) -> Any:
    [tool] = [each for each in offer.tools if each.spec.name == name]
    return await tool.call(Called("c1", arguments, "s1"))


def put_server(database: Database, owner: str, name: str, url: str, **config: Any) -> str:
    """A user's server as LibreChat stores it."""
    identifier = ObjectId()
    said = {"type": HTTP, "url": url, "requiresOAuth": False, **config}
    database.collection("mcpservers").insert_one(
        {
            "_id": identifier,
            "serverName": name,
            "normalizedServerName": name,
            "config": said,
            "author": ObjectId(owner),
        }
    )
    grant(
        database, "mcpServer", str(identifier), 15, {"principalType": "user", "principalId": ObjectId(owner)}
    )
    return str(identifier)


def put_agent(database: Database, author: str, server: str, *viewers: str) -> str:
    identifier = ObjectId()
    database.collection("agents").insert_one(
        {
            "_id": identifier,
            "id": f"agent_{identifier}",
            "author": ObjectId(author),
            "mcpServerNames": [server],
        }
    )
    for viewer in viewers:
        principal = {"principalType": "user", "principalId": ObjectId(viewer)}
        grant(database, ResourceType.AGENT, str(identifier), 1, principal)
    return f"agent_{identifier}"


class TestNames:
    def test_one_all_and_none_of_a_server(self, make: Make, ada: UserClient, http_port: int) -> None:
        made = make(over_http(http_port, instructions=True))

        async def work() -> list[Any]:
            one = await offered(made, ada, "echo_mcp_web", "nothing_mcp_web", "echo_mcp_other", "web_search")
            pinned = await offered(made, ada, "sys__server__sys_mcp_web")
            everything = await offered(made, ada, ALL)
            return [one, pinned, everything]

        one, pinned, everything = run(made, work())
        assert [each.spec.name for each in one.tools] == ["echo_mcp_web"]
        assert one.tools[0].spec.description == "Says it back"
        assert one.tools[0].spec.parameters["properties"]["text"]["type"] == "string"
        assert one.instructions == pinned.instructions == ("# MCP server web\nUse echo for words.",)
        assert (len(pinned.tools), len(everything.tools) > 5) == (0, True)

    def test_who_may_not_use_servers_gets_none(
        self, make: Make, ada: UserClient, http_port: int, app_database: Database
    ) -> None:
        role = f"none-{ada.id}"
        app_database.collection("roles").insert_one(
            {"name": role, "permissions": {"MCP_SERVERS": {"USE": False}}}
        )
        app_database.collection("users").update_one({"_id": ObjectId(ada.id)}, {"$set": {"role": role}})
        made = make(over_http(http_port))
        assert run(made, offered(made, ada, ALL)) == Offer()

    def test_a_server_that_is_not_there_takes_nothing_from_others(
        self, make: Make, ada: UserClient, http_port: int
    ) -> None:
        made = make(over_http(1, "gone"), over_http(http_port))
        offer = run(made, offered(made, ada, "echo_mcp_web", "sys__all__sys_mcp_gone"))
        assert [each.spec.name for each in offer.tools] == ["echo_mcp_web"]

    def test_sources_may_take_as_long_as_a_login(self, make: Make, ada: UserClient) -> None:
        made = make()
        assert made.service.tools.offer_seconds > 600
        assert run(made, Sources([made.service.tools]).offer(Wanted((ALL,)), place(ada))) == Offer()


class TestCalls:
    def test_give_texts_pictures_and_pages(self, make: Make, ada: UserClient, http_port: int) -> None:
        made = make(over_http(http_port))

        async def work() -> Any:
            return await called(await offered(made, ada, "mixed_mcp_web"), "mixed_mcp_web")

        output = run(made, work())
        text, picture = output.content
        assert isinstance(text, Text)
        assert isinstance(picture, Attachment)
        assert (picture.media_type, picture.content[:4]) == ("image/png", b"\x89PNG")
        assert "Resource Text: inside" in text.text
        [page] = output.attachments
        assert page["ui_resources"][0]["uri"] == "ui://page"

    def test_keep_pictures_as_files_of_the_user(
        self, make: Make, ada: UserClient, http_port: int, services: Services
    ) -> None:
        made = make(over_http(http_port))
        made.service.tools._keep = services.library.uploads.keep_made

        async def work() -> Any:
            return await called(await offered(made, ada, "mixed_mcp_web"), "mixed_mcp_web")

        picture, _page = run(made, work()).attachments
        assert (picture["type"], picture["width"], picture["height"]) == ("image/png", 1, 1)
        kept = made.database.collection("files").find_one({"file_id": picture["file_id"]}) or {}
        assert (str(kept["user"]), kept["context"]) == (ada.id, "image_generation")

    def test_tell_what_failed(self, make: Make, ada: UserClient, http_port: int) -> None:
        made = make(over_http(http_port, call_seconds=0.2))

        async def work() -> Any:
            offer = await offered(made, ada, ALL)
            broken = await called(offer, "broken_mcp_web")
            with pytest.raises(ToolFailure):
                await called(offer, "slow_mcp_web", key="x")
            return broken

        assert run(made, work()).is_error


def test_servers_are_connected_to_at_the_start_unless_that_is_put_off(make: Make, http_port: int) -> None:
    """Nor to one that needs to know for whom; one that is not there keeps nobody from starting."""
    put_off = over_http(http_port, "later", startup=False)
    personal = over_http(http_port, "own", variables=KEY)
    made = make(over_http(http_port), put_off, personal, over_http(1, "gone", begin_seconds=5.0))

    async def work() -> set[str]:
        await made.service.begin()
        return {server for _, server in made.service.manager.connections.states()}

    assert run(made, work()) == {"web"}


class TestUsers:
    def test_each_has_values_and_connections_of_their_own(
        self, make: Make, ada: UserClient, bob: UserClient, http_port: int
    ) -> None:
        made = make(over_http(http_port, variables=KEY, headers=BY_KEY))
        made.keys.install(ada.id, f"{MCP}web", {"KEY": "ada's {{LIBRECHAT_USER_EMAIL}} ${HOME}"})
        made.keys.install(bob.id, f"{MCP}web", {"KEY": "bob's"})

        async def seen(user: UserClient) -> tuple[str, str]:
            output = await called(await offered(made, user, "whoami_mcp_web"), "whoami_mcp_web")
            headers = json.loads(output.content[0].text)
            return headers["x-key"], headers["x-user"]

        async def work() -> Any:
            both = await asyncio.gather(seen(ada), seen(bob), seen(ada))
            keys = {key.owner for key in made.service.manager.connections._open}
            return both, keys

        (one, two, again), owners = run(made, work())
        assert one == again == ("k:ada's {{LIBRECHAT_USER_EMAIL}} ${HOME}", ada.email)
        assert two == ("k:bob's", bob.email)
        assert owners == {ada.id, bob.id}

    def test_have_processes_of_their_own_where_the_environment_is_personal(
        self, make: Make, ada: UserClient, bob: UserClient
    ) -> None:
        environment = {
            "WHO": Template(("", ""), ("LIBRECHAT_USER_EMAIL",)),
            "TOKEN": Template(("", ""), ("KEY",)),
        }
        made = make(over_stdio(variables=KEY, environment=environment))
        for user in (ada, bob):
            made.keys.install(user.id, f"{MCP}process", {"KEY": f"{user.id} $HOME ${{HOME}}"})

        async def seen(user: UserClient) -> tuple[str, str]:
            offer = await offered(made, user, "environment_mcp_process")
            output = await called(offer, "environment_mcp_process")
            variables = json.loads(output.content[0].text)
            return variables["WHO"], variables["TOKEN"]

        async def work() -> Any:
            return await asyncio.gather(seen(ada), seen(bob))

        assert run(made, work()) == [(user.email, f"{user.id} $HOME ${{HOME}}") for user in (ada, bob)]

    def test_without_values_nothing_is_offered(self, make: Make, ada: UserClient, http_port: int) -> None:
        made = make(over_http(http_port, variables=KEY, headers=BY_KEY))
        assert run(made, offered(made, ada, ALL)).tools == ()

    def test_share_a_connection_where_nothing_is_personal(
        self, make: Make, ada: UserClient, bob: UserClient, http_port: int
    ) -> None:
        made = make(over_http(http_port))

        async def work() -> int:
            await asyncio.gather(offered(made, ada, ALL), offered(made, bob, ALL))
            return len(made.service.manager.connections._open)

        assert run(made, work()) == 1


class TestServersOfUsers:
    def test_are_for_those_who_were_let_in(
        self, make: Make, make_user: MakeUser, http_port: int, app_database: Database
    ) -> None:
        ada, bob, eve = make_user("ada"), make_user("bob"), make_user("eve")
        name = f"own-{ada.id}"
        put_server(app_database, ada.id, name, f"http://127.0.0.1:{http_port}/mcp")
        shared = put_agent(app_database, ada.id, name, bob.id)
        # Eve writes Ada's server into an agent of her own.
        hers = put_agent(app_database, eve.id, name, eve.id)
        made = make(allowed_addresses=(f"127.0.0.1:{http_port}",))
        tool = f"echo_mcp_{name}"

        async def work() -> list[int]:
            cases = [(ada, None), (bob, shared), (bob, None), (eve, None), (eve, hers), (eve, shared)]
            return [len((await offered(made, user, tool, agent_id=agent)).tools) for user, agent in cases]

        assert run(made, work()) == [1, 1, 1, 0, 0, 0]

    def test_do_not_reach_private_addresses(
        self, make: Make, ada: UserClient, http_port: int, app_database: Database
    ) -> None:
        name = f"inside-{ada.id}"
        put_server(app_database, ada.id, name, f"http://127.0.0.1:{http_port}/mcp")
        made = make()
        assert run(made, offered(made, ada, f"echo_mcp_{name}")).tools == ()

    def test_get_nothing_of_a_user_or_of_the_server(
        self, make: Make, ada: UserClient, http_port: int, app_database: Database
    ) -> None:
        name = f"curious-{ada.id}"
        headers = {"X-A": "{{LIBRECHAT_USER_EMAIL}} ${JWT_SECRET}"}
        put_server(app_database, ada.id, name, f"http://127.0.0.1:{http_port}/mcp", headers=headers)
        made = make(allowed_addresses=(f"127.0.0.1:{http_port}",))

        async def work() -> Any:
            offer = await offered(made, ada, f"whoami_mcp_{name}")
            output = await offer.tools[0].call(Called("c", {}))
            return json.loads(output.content[0].text)["x-a"]

        assert run(made, work()) == "{{LIBRECHAT_USER_EMAIL}} ${JWT_SECRET}"
