"""Actions: documents of strangers read within bounds, and calls of their operations."""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from yarl import URL

from echo.accounts.credentials_cipher import CredentialsCipher
from echo.errors import Unprocessable
from echo.settings.agents import AgentSettings
from echo.settings.tools import ActionSettings
from echo.tools.actions.credentials import ALL, encrypted, merged, without_secrets
from echo.tools.actions.document import described
from echo.tools.actions.domains import encoded, encodings, is_allowed, is_of, split_name
from echo.tools.actions.requests import request_of
from echo.tools.actions.source import ActionTools
from echo.tools.outbound import REFUSED, Outbound
from echo.tools.tool import Called, Offer, RunPlace, ToolFailure, Wanted
from tests.accounts.test_credentials_cipher import KEY, VECTOR
from tests.support.routes import Answer, Service

CIPHER = CredentialsCipher(KEY, VECTOR)
Json = dict[str, Any]


def written(paths: Json, server: str = "https://api.example.com/v1", **more: Any) -> str:
    document = {"openapi": "3.1.0", "info": {"title": "T", "version": "1"}, "servers": [{"url": server}]}
    return json.dumps({**document, "paths": paths, **more})


def parameter(name: str, place: str, **more: Any) -> Json:
    return {"name": name, "in": place, "schema": {"type": "string"}, **more}


ITEM = {
    "parameters": [parameter("id", "path")],
    "post": {
        "operationId": "makeItem",
        "summary": "Makes an item",
        "parameters": [
            parameter("q", "query"),
            parameter("X-Mode", "header"),
            parameter("Authorization", "header"),
        ],
        "requestBody": {
            "content": {
                "application/json": {
                    "schema": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
                }
            }
        },
    },
}


class TestDomains:
    @pytest.mark.parametrize(
        ("domain", "written"),
        [
            ("https://a.b.io", "a---b---io"),
            ("x.io:8080", "x---io:8080"),
            ("https://swapi.tech", "swapi---tech"),
            ("https://api.example.com", "YXBpLmV4YW"),
        ],
    )
    def test_are_named_as_librechat_names_them(self, domain: str, written: str) -> None:
        assert encoded(domain) == written

    def test_have_an_older_form_too(self) -> None:
        assert encodings("https://a.io") == ("a---io", "aHR0cHM6Ly")

    def test_end_a_tools_name(self) -> None:
        assert split_name("do_action_x_action_a---io") == ("do_action_x", "a---io")
        assert split_name("calculator") is None

    @pytest.mark.parametrize(
        ("domain", "server", "same"),
        [
            ("api.example.com", "https://api.example.com/v1", True),
            ("https://api.example.com", "https://api.example.com:443", True),
            ("api.example.com", "http://api.example.com", False),
            ("api.example.com", "https://evil.example.com", False),
            ("api.example.com:8443", "https://api.example.com", False),
            ("10.0.0.1", "http://10.0.0.1:80", True),
            ("ftp://api.example.com", "https://api.example.com", False),
        ],
    )
    def test_must_be_the_servers(self, domain: str, server: str, same: bool) -> None:
        assert is_of(domain, URL(server)) is same

    @pytest.mark.parametrize(
        ("server", "rules", "allowed"),
        [
            ("https://a.example.com", None, True),
            ("https://a.example.com", ["a.example.com"], True),
            ("https://a.example.com", ["example.com"], False),
            ("https://a.example.com", ["*.example.com"], True),
            ("https://example.com", ["*.example.com"], False),
            ("https://evilexample.com", ["*.example.com"], False),
            ("http://a.example.com", ["https://a.example.com"], False),
            ("https://a.example.com:8443", ["a.example.com:443"], False),
        ],
    )
    def test_follow_the_operators_rules(self, server: str, rules: list[str] | None, allowed: bool) -> None:
        assert is_allowed(URL(server), rules) is allowed


class TestDocuments:
    def test_become_operations(self) -> None:
        operation = described(written({"/items/{id}": ITEM})).operations["makeItem"]
        assert (operation.method, operation.path, operation.description) == (
            "POST",
            "/items/{id}",
            "Makes an item",
        )
        assert operation.places == {
            "id": "path",
            "q": "query",
            "X-Mode": "header",
            "Authorization": "header",
            "n": "body",
        }
        assert operation.schema["required"] == ["id", "n"]
        assert operation.schema["properties"]["n"] == {"type": "integer"}

    def test_may_be_yaml(self) -> None:
        text = "openapi: 3.0.0\nservers: [{url: 'https://a.io'}]\npaths:\n  /x:\n    get: {}\n"
        assert list(described(text).operations) == ["get_x"]

    def test_may_hold_themselves(self) -> None:
        node = {
            "type": "object",
            "properties": {"next": {"$ref": "#/components/schemas/Node"}, "v": {"type": "string"}},
        }
        body = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Node"}}}}
        text = written(
            {"/x": {"post": {"operationId": "x", "requestBody": body}}},
            components={"schemas": {"Node": node}},
        )
        assert described(text).operations["x"].schema["properties"] == {"next": {}, "v": {"type": "string"}}

    def test_require_only_properties_that_they_have(self) -> None:
        schema = {"properties": {"n": {}}, "required": ["n", "m", ["n"], {"n": 1}, None]}
        body = {"content": {"application/json": {"schema": schema}}}
        found = described(written({"/x": {"post": {"operationId": "x", "requestBody": body}}}))
        assert found.operations["x"].schema["required"] == ["n"]

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("", "object|neither|OpenAPI"),
            ("{", "neither JSON nor YAML"),
            ("[1]", "neither JSON nor YAML"),
            ('{"openapi": "2.0"}', "OpenAPI 3"),
            (written({}), "no paths"),
            (written({"/x": {"get": {}}}, "ftp://a.io"), "no address"),
            (written({"/x": {"get": {}}}, "https://{host}.io"), "no address"),
            (written({"/x": {"get": {}}}, "https://u:p@a.io"), "no address"),
            (written({"/x?y=1": {"get": {}}}), "paths cannot be used"),
            (written({"//evil.io/\nX": {"get": {}}}), "paths cannot be used"),
            (written({f"/{number}": {"get": {}} for number in range(129)}), "more than 128"),
            (
                written({"/x": {"post": {"requestBody": {"$ref": "http://evil.io/x.json"}}}}),
                "leads out of it",
            ),
            (written({"/x": {"post": {"requestBody": {"$ref": "#/nowhere"}}}}), "leads to nothing"),
            (" " * 10_000_000, "more than 1000000 bytes"),
            ("a: " + "[" * 5000, "neither JSON nor YAML"),
            ("{" + '"a":{' * 5000, "neither JSON nor YAML"),
            (
                "a: &a [x]\n"
                + "\n".join(f"b{n}: &b{n} [*{'a' if n == 0 else f'b{n - 1}'}, *a]" for n in range(300)),
                ".",
            ),
            ("x" * 200_000, "in YAML"),
        ],
    )
    def test_that_cannot_be_used_say_why(self, text: str, why: str) -> None:
        with pytest.raises(Unprocessable, match=why) as caught:
            described(text)
        assert caught.value.code == "invalid_action"

    def test_that_grow_without_end_are_refused_in_no_time(self) -> None:
        schemas = {
            f"L{level}": {
                "type": "object",
                "properties": {
                    f"p{each}": {"$ref": f"#/components/schemas/L{level + 1}"} for each in range(50)
                },
            }
            for level in range(14)
        }
        body = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/L0"}}}}
        text = written(
            {"/x": {"post": {"requestBody": body}}}, components={"schemas": {**schemas, "L14": {}}}
        )
        begun = time.process_time()
        with pytest.raises(Unprocessable, match="too large"):
            described(text)
        assert time.process_time() - begun < 1


class TestRequests:
    def made(self, **given: Any) -> Any:
        document = described(written({"/items/{id}": ITEM}))
        return request_of(document, document.operations["makeItem"], given, {"Authorization": "Bearer ours"})

    def test_have_arguments_where_the_document_says(self) -> None:
        request = self.made(id="a/b?c", q="x&y", n=1, **{"X-Mode": "m", "Authorization": "Bearer theirs"})
        assert str(request.url) == "https://api.example.com/v1/items/a%2Fb%3Fc"
        assert (request.method, request.query, request.body) == ("POST", {"q": "x&y"}, b'{"n":1}')
        assert request.headers == {
            "X-Mode": "m",
            "Content-Type": "application/json",
            "Accept": "application/json, text/*",
            "Authorization": "Bearer ours",
        }

    @pytest.mark.parametrize(
        "given", [{}, {"id": ".."}, {"id": "."}, {"id": ""}, {"id": "x", "X-Mode": "a\r\nHost: b"}]
    )
    def test_that_would_lead_elsewhere_are_none(self, given: Json) -> None:
        with pytest.raises(ToolFailure):
            self.made(**given)

    def test_keep_text_as_text(self) -> None:
        request = self.made(id="${JWT_SECRET}", n="{{current_user}}")
        assert str(request.url).endswith("/items/%24%7BJWT_SECRET%7D")
        assert request.body == b'{"n":"{{current_user}}"}'


class TestSecrets:
    METADATA: ClassVar[Json] = {
        "domain": "a.io",
        "auth": {"type": "service_http"},
        "api_key": "k:ü",
        "oauth_client_secret": "s",
    }

    def test_are_encrypted_as_librechat_does_it_and_never_shown(self) -> None:
        stored = encrypted(self.METADATA, CIPHER)
        assert CIPHER.decrypt(stored["api_key"]) == "k%3A%C3%BC"
        assert stored["api_key"].count(":") == 1
        assert "oauth_client_secret" not in stored
        assert not set(ALL) & set(without_secrets(stored))

    def test_do_not_go_to_another_place(self) -> None:
        stored = encrypted(self.METADATA, CIPHER)
        assert merged(stored, {"domain": "a.io"}, moved=False)["api_key"] == stored["api_key"]
        with pytest.raises(Unprocessable) as caught:
            merged(stored, {"domain": "evil.io"}, moved=True)
        assert caught.value.code == "credentials_needed"
        assert "api_key" not in merged(stored, {"domain": "evil.io", "auth": {"type": "none"}}, moved=True)


class Stored:
    """A repository of actions with these in it."""

    def __init__(self, *actions: Json) -> None:
        self._actions = actions

    def of_agents(self, agent_ids: list[str]) -> list[Json]:
        return [each for each in self._actions if each["agent_id"] in agent_ids]


Make = Callable[..., ActionTools]


@pytest.fixture
def make() -> Make:
    def made(*actions: Json, **settings: Any) -> ActionTools:
        rules = ActionSettings(**settings)
        return ActionTools(
            rules,
            AgentSettings(),
            Stored(*actions),  # type: ignore[arg-type]
            logins=None,  # type: ignore[arg-type]
            cipher=CIPHER,
            outbound=Outbound(rules.addresses),
        )

    return made


def action(service: Service, agent_id: str = "agent_1", **metadata: Any) -> Json:
    raw = written({"/x": {"get": {"operationId": "look"}}}, service.url)
    said = {"domain": service.url, "raw_spec": raw, **metadata}
    return {"action_id": "a", "agent_id": agent_id, "metadata": encrypted(said, CIPHER)}


def called(
    source: ActionTools, place: RunPlace, name: str, agent: str | None = "agent_1", **arguments: Any
) -> str:
    async def call() -> Any:
        offer: Offer = await source.offer(Wanted((name,), agent_id=agent), place)
        return (await offer.tools[0].call(Called("c", arguments))) if offer.tools else None

    output = asyncio.run(call())
    return output.content[0].text if output else "no tool"


class TestCalls:
    def name(self, service: Service) -> str:
        return f"look_action_{encoded(service.url)}"

    def test_send_the_makers_key(self, make: Make, place: RunPlace, asked_service: Service) -> None:
        asked_service.routes["/x"] = Answer({"a": 1})
        auth = {"type": "service_http", "authorization_type": "custom", "custom_auth_header": "X-Key"}
        source = make(action(asked_service, auth=auth, api_key="k"), addresses=(asked_service.host,))
        assert called(source, place, self.name(asked_service)) == '{"a": 1}'
        assert asked_service.asked[0].headers["X-Key"] == "k"

    def test_of_another_agents_action_are_not_there(
        self, make: Make, place: RunPlace, asked_service: Service
    ) -> None:
        source = make(action(asked_service), addresses=(asked_service.host,))
        for agent in ("agent_2", None):
            assert called(source, place, self.name(asked_service), agent) == "no tool"

    def test_reach_no_private_address(self, make: Make, place: RunPlace, asked_service: Service) -> None:
        with pytest.raises(ToolFailure, match=REFUSED):
            called(make(action(asked_service)), place, self.name(asked_service))
        assert asked_service.asked == []

    def test_reach_a_host_that_the_operator_names(
        self, make: Make, place: RunPlace, asked_service: Service
    ) -> None:
        asked_service.routes["/x"] = Answer(b"", 204)
        source = make(action(asked_service), domains=(asked_service.url,))
        assert "status 204" in called(source, place, self.name(asked_service))
        assert (
            called(make(action(asked_service), domains=("b.io",)), place, self.name(asked_service))
            == "no tool"
        )

    @pytest.mark.parametrize(
        ("answer", "why"),
        [
            (Answer(b"", 302, {"Location": "http://127.0.0.1/secret"}), "redirect"),
            (Answer(b"x" * 1_048_577), "larger"),
            (Answer({"e": 1}, 500), "status 500"),
        ],
    )
    def test_that_come_to_nothing_say_so(
        self, answer: Answer, why: str, make: Make, place: RunPlace, asked_service: Service
    ) -> None:
        asked_service.routes["/x"] = answer
        source = make(action(asked_service), addresses=(asked_service.host,))
        with pytest.raises(ToolFailure, match=why):
            called(source, place, self.name(asked_service))
