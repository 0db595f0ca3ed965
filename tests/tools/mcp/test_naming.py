"""Names of tools and servers, as LibreChat writes and splits them."""

import pytest

from echo.tools.mcp.naming import aliases, function_name, key_of, login_name, normalized, split


@pytest.mark.parametrize(
    ("server", "name"),
    [
        ("files", "files"),
        ("a.b-c_d", "a.b-c_d"),
        ("My Server!", "My_Server"),
        # What LibreChat's own function makes of them.
        ("日本", "server_835047"),
        ("!!!", "server_32769"),
    ],
)
def test_servers_are_normalized(server: str, name: str) -> None:
    assert normalized(server) == name


@pytest.mark.parametrize(
    ("key", "parts"),
    [
        ("echo_mcp_web", ("echo", "web")),
        ("get_mcp_server_version_mcp_web", ("get_mcp_server_version", "web")),
        ("look_mcp_my_mcp_web", ("look", "my_mcp_web")),
        ("echo_mcp_other", None),
        ("_mcp_web", None),
        ("web", None),
    ],
)
def test_keys_are_split_at_the_longest_name_that_is_known(key: str, parts: tuple[str, str] | None) -> None:
    assert split(key, ["web", "my_mcp_web"]) == parts


def test_of_two_servers_with_one_name_one_counts() -> None:
    assert aliases(["a!", "a", "b?", "b!"]) == {"a": "a", "b": "b?"}


def test_keys_are_librechats() -> None:
    assert key_of("echo", "My Server!") == "echo_mcp_My_Server"
    assert login_name("My Server!") == "oauth_mcp_My_Server"


@pytest.mark.parametrize("tool", ["x" * 100, "a.b", "ä", "a b"])
def test_functions_have_names_that_every_provider_takes(tool: str) -> None:
    name = function_name(tool, "web")
    assert name.isascii()
    assert len(name) <= 64
    assert name.endswith("_mcp_web")
    assert name != function_name(tool + "x", "web")


def test_a_name_that_is_taken_stays() -> None:
    assert function_name("echo", "web") == "echo_mcp_web"
