"""`echo-api mcp`: the servers of the file, without their secrets, and whether they answer."""

import json
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run

TINY = Path(__file__).parents[1] / "support/mcp/tiny.py"
CONFIG = f"""
version: 1.3.4
mcpServers:
  tiny:
    command: {sys.executable}
    args: ["{TINY}", canary-argument]
    env: {{KEY: canary}}
    stderr: ignore
  crm:
    type: streamable-http
    url: https://crm.example/canary/mcp?key=canary
    headers: {{Authorization: Bearer canary}}
    customUserVars: {{TOKEN: {{title: T, description: D}}}}
    requiresOAuth: true
  gone: {{type: sse, url: "http://127.0.0.1:1/canary"}}
"""


@pytest.fixture
def servers(run: Run, tmp_path: Path) -> Run:
    (tmp_path / "librechat.yaml").write_text(CONFIG)
    return run


def test_lists_servers_without_secrets(servers: Run) -> None:
    shown = servers("mcp", "list")
    assert (shown.exit_code, "canary" in shown.output) == (0, False)
    assert f"tiny  stdio  {sys.executable}\n" in shown.output
    assert "crm  streamable-http  crm.example  needs TOKEN, a login\n" in shown.output
    listed = json.loads(servers("mcp", "list", "--json").stdout)
    assert [each["name"] for each in listed] == ["tiny", "crm", "gone"]


def test_tries_one(servers: Run) -> None:
    done = servers("mcp", "test", "tiny")
    assert (done.exit_code, "tiny: it answers, and has 8 tools (" in done.output) == (0, True)
    assert "  echo\n" in done.output
    found = json.loads(servers("mcp", "test", "tiny", "--json").stdout)
    assert (found["works"], found["tools"][:2]) == (True, ["echo", "environment"])


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("gone",), 1, "gone: nobody accepts connections there ("),
        (("crm",), 1, "crm: values are not set: TOKEN ("),
        (("nobody",), 78, "librechat.yaml has no MCP server nobody"),
    ],
)
def test_says_what_is_wrong(servers: Run, arguments: tuple[str, ...], code: int, told: str) -> None:
    done = servers("mcp", "test", *arguments)
    assert (done.exit_code, told in done.output, "canary" in done.output) == (code, True, False)


def test_without_any(run: Run) -> None:
    assert "librechat.yaml has no mcpServers." in run("mcp", "list").output
