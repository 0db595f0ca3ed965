"""What an administrator's capability covers: LibreChat's rules (`capabilities.ts`)."""

import pytest

from echo.access.capabilities import covers, expanded, is_capability


@pytest.mark.parametrize(
    ("held", "needed", "is_covered"),
    [
        ([], "read:users", False),
        (["read:users"], "read:users", True),
        (["manage:users"], "read:users", True),
        (["read:users"], "manage:users", False),
        (["manage:users"], "read:groups", False),
        (["access:admin"], "read:users", False),
        # There is nothing to read of servers of tools by themselves.
        (["manage:mcpservers"], "read:mcpservers", False),
        (["manage:configs"], "manage:configs:mcp", True),
        (["manage:configs"], "read:configs:mcp", True),
        (["read:configs"], "read:configs:mcp", True),
        (["read:configs"], "manage:configs:mcp", False),
        (["manage:configs:mcp"], "manage:configs:mcp", True),
        (["manage:configs:mcp"], "read:configs:mcp", True),
        (["manage:configs:mcp"], "read:configs:interface", False),
        (["manage:configs:mcp"], "read:configs", False),
        (["manage:configs:mcp"], "assign:configs:mcp", False),
        (["read:configs:mcp"], "manage:configs:mcp", False),
        (["assign:configs"], "assign:configs:group", True),
        (["assign:configs:group"], "assign:configs:role", False),
        (["assign:configs:group"], "assign:configs", False),
    ],
)
def test_what_covers_what(held: list[str], needed: str, is_covered: bool) -> None:
    assert covers(held, needed) is is_covered


def test_what_comes_with_what() -> None:
    assert expanded(["manage:roles", "access:admin", "manage:configs:mcp"]) == {
        *("manage:roles", "read:roles", "access:admin", "manage:configs:mcp"),
    }


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("read:audit_log", True),
        ("manage:mcpservers", True),
        ("read:mcpservers", False),
        ("read:configs:mcpServers", True),
        ("manage:configs:a_1", True),
        ("assign:configs:user", True),
        ("assign:configs:mcp", False),
        ("read:configs:", False),
        ("read:configs:a b", False),
        ("read:configs:" + "a" * 101, False),
        ("read:users:x", False),
        ("xread:configs:a", False),
        ("", False),
    ],
)
def test_what_is_one(text: str, is_one: bool) -> None:
    assert is_capability(text) is is_one
