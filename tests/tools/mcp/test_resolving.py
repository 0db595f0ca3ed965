"""Placeholders of servers, and what values cannot do."""

from typing import Any

import pytest

from echo.settings.mcp import HTTP, STDIO, McpServer, Template
from echo.tools.mcp.resolving import MissingValues, UnusableValue, is_web_url, reach

VARIABLES = {"TOKEN": {"title": "T", "description": "D"}}


def one(before: str, name: str, after: str = "") -> Template:
    return Template((before, after), (name,))


def remote(url: Template, **more: Any) -> McpServer:
    return McpServer("x", HTTP, url=url, variables=VARIABLES, **more)


class TestUrls:
    def test_a_value_is_one_piece_of_a_path(self) -> None:
        reached = reach(remote(one("https://a.example/", "TOKEN", "/mcp")), {"TOKEN": "../x?y=z#q@b.example"})
        assert reached.url == "https://a.example/..%2Fx%3Fy%3Dz%23q%40b.example/mcp"
        assert reached.own_host is False

    @pytest.mark.parametrize("value", ["10.0.0.1", "b.example:99"])
    def test_a_value_that_is_the_host_is_the_users_own(self, value: str) -> None:
        reached = reach(remote(one("http://", "TOKEN", "/mcp")), {"TOKEN": value})
        assert (reached.url, reached.own_host) == (f"http://{value}/mcp", True)

    @pytest.mark.parametrize("value", ["a b", "u:p@b.example", "b.example\\", "b.example:x", "ä.example"])
    def test_what_makes_no_url_is_refused(self, value: str) -> None:
        with pytest.raises(UnusableValue):
            reach(remote(one("http://", "TOKEN", "/mcp")), {"TOKEN": value})

    @pytest.mark.parametrize(
        "text", ["ftp://a.example", "//a.example", "http://", "javascript:alert(1)", "http://a:0x1/"]
    )
    def test_what_is_none(self, text: str) -> None:
        assert not is_web_url(text)


class TestHeaders:
    def test_names_of_people_are_encoded_and_values_are_not(self) -> None:
        headers = {"X-N": one("", "LIBRECHAT_USER_NAME"), "X-T": one("Bearer ", "TOKEN")}
        server = remote(Template(("https://a.example",), ()), headers=headers)
        reached = reach(server, {"LIBRECHAT_USER_NAME": "Žofie", "TOKEN": "t"})
        assert reached.headers == {"X-N": "b64:xb1vZmll", "X-T": "Bearer t"}

    @pytest.mark.parametrize("value", ["a\r\nX-Admin: 1", "ä", "a\0"])
    def test_a_value_that_is_more_than_one_is_refused(self, value: str) -> None:
        server = remote(Template(("https://a.example",), ()), headers={"X-T": one("", "TOKEN")})
        with pytest.raises(UnusableValue):
            reach(server, {"TOKEN": value})

    @pytest.mark.parametrize(
        ("said", "header"),
        [
            ({"authorization_type": "bearer"}, {"Authorization": "Bearer k"}),
            ({"authorization_type": "basic"}, {"Authorization": "Basic k"}),
            ({"authorization_type": "custom"}, {"X-Api-Key": "k"}),
            ({"authorization_type": "custom", "custom_header": "X-K"}, {"X-K": "k"}),
        ],
    )
    def test_the_operators_key_goes_along(self, said: dict[str, str], header: dict[str, str]) -> None:
        key = {"source": "admin", "key": "k", **said}
        server = McpServer("x", HTTP, url=Template(("https://a.example",), ()), api_key=key)
        assert reach(server, {}).headers == header


class TestProcesses:
    def test_a_value_is_one_argument_and_no_option(self) -> None:
        server = McpServer("x", STDIO, command="run", arguments=(one("", "TOKEN"), one("--t=", "TOKEN")))
        assert reach(server, {"TOKEN": "a b; rm"}).command == ("run", "a b; rm", "--t=a b; rm")
        with pytest.raises(UnusableValue):
            reach(server, {"TOKEN": "--evil"})

    def test_a_value_ends_no_variable(self) -> None:
        server = McpServer("x", STDIO, command="run", environment={"T": one("", "TOKEN")})
        with pytest.raises(UnusableValue):
            reach(server, {"TOKEN": "a\0b"})


class TestValues:
    @pytest.mark.parametrize("values", [{}, {"TOKEN": " "}])
    def test_that_are_not_set_are_named(self, values: dict[str, str]) -> None:
        with pytest.raises(MissingValues) as caught:
            reach(remote(Template(("https://a.example",), ())), values)
        assert caught.value.names == ["TOKEN"]

    def test_make_another_connection_and_are_not_told(self) -> None:
        server = remote(Template(("https://a.example",), ()), headers={"X-T": one("", "TOKEN")})
        one_, other = reach(server, {"TOKEN": "canary"}), reach(server, {"TOKEN": "b"})
        assert one_.mark != other.mark
        assert "canary" not in repr(one_) + one_.mark
