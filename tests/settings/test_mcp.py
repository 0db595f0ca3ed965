"""`mcpServers` and `mcpSettings`: what is taken, left out and refused."""

from pathlib import Path
from typing import Any

import pytest

from echo.settings import Settings, SettingsError, load_settings
from echo.settings.librechat import mcp
from echo.settings.mcp import McpServer, McpSettings
from tests.settings.conftest import Load

EXAMPLE = """
mcpServers:
  files:
    command: npx
    args: [-y, files, "{{LIBRECHAT_USER_ID}}", "{{.Name}}"]
    env: {TEAM: "${TEAM}", SAFE: "${NESTED}"}
    cwd: /srv
    stderr: ignore
    startup: false
  web:
    type: http
    url: https://web.example/mcp?u={{LIBRECHAT_USER_EMAIL}}
    title: The web
    description: Pages
    iconPath: /web.svg
    headers: {X-Token: "Bearer {{TOKEN}}"}
    timeout: 5000
    initTimeout: 1000
    sseReadTimeout: 9000
    chatMenu: false
    serverInstructions: Be kind.
    customUserVars: {TOKEN: {title: Token, description: Yours, sensitive: false}}
  shared: {url: "http://10.0.0.1:80/sse"}
  keyed:
    type: sse
    url: https://k.example/
    apiKey: {source: user, authorization_type: custom, custom_header: X-K}
  login:
    type: streamable-http
    url: https://l.example/mcp
    oauth:
      authorization_url: https://a.example/a
      token_url: https://a.example/t
      client_id: c
      client_secret: ${SECRET}
    oauth_headers: {X-O: o}
mcpSettings: {allowedDomains: ["*.example", "http://10.0.0.1:80"], allowedAddresses: ["a:1"]}
"""
ENVIRON = {"TEAM": "desk", "NESTED": "{{TOKEN}} ${TEAM}", "SECRET": "secret-canary"}


@pytest.fixture
def read(load: Load) -> dict[str, McpServer]:
    return {each.name: each for each in load(EXAMPLE, **ENVIRON).mcp.servers}


def filled(template: Any, **values: str) -> str:
    return str(template.filled(values))


class TestServers:
    def test_that_are_processes(self, read: dict[str, McpServer]) -> None:
        files = read["files"]
        assert (files.type, files.command, files.directory, files.stderr) == (
            "stdio",
            "npx",
            "/srv",
            "ignore",
        )
        assert [filled(each, LIBRECHAT_USER_ID="u") for each in files.arguments] == [
            "-y",
            "files",
            "u",
            "{{.Name}}",
        ]
        assert files.environment["TEAM"].texts == ("desk",)
        # What a variable holds is no placeholder, and is not expanded again.
        assert files.environment["SAFE"].texts == ("{{TOKEN}} ${TEAM}",)
        assert files.environment["SAFE"].placeholders == ()
        assert (files.startup, files.personal, files.uses_oauth) == (False, True, False)

    def test_that_are_elsewhere(self, read: dict[str, McpServer]) -> None:
        web = read["web"]
        assert (web.type, web.title, web.description, web.icon_path) == (
            "streamable-http",
            "The web",
            "Pages",
            "/web.svg",
        )
        assert (web.call_seconds, web.begin_seconds, web.stream_seconds) == (5.0, 1.0, 9.0)
        assert (web.chat_menu, web.instructions) == (False, "Be kind.")
        assert web.placeholders == {"LIBRECHAT_USER_EMAIL", "TOKEN"}
        assert web.variables["TOKEN"]["sensitive"] is False
        assert filled(web.headers["X-Token"], TOKEN="t") == "Bearer t"

    def test_of_all_have_librechats_limits_where_none_are_named(self, read: dict[str, McpServer]) -> None:
        shared = read["shared"]
        assert (shared.type, shared.personal) == ("sse", False)
        assert (shared.call_seconds, shared.begin_seconds, shared.stream_seconds) == (60.0, 30.0, 300.0)

    def test_for_which_users_bring_a_key(self, read: dict[str, McpServer]) -> None:
        keyed = read["keyed"]
        assert filled(keyed.headers["X-K"], MCP_API_KEY="k") == "k"
        assert list(keyed.variables) == ["MCP_API_KEY"]

    def test_at_which_users_log_in(self, read: dict[str, McpServer]) -> None:
        login = read["login"]
        assert (login.uses_oauth, login.personal) == (True, True)
        assert login.oauth is not None
        assert login.oauth["client_secret"] == "secret-canary"
        assert "canary" not in repr(login)

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            (
                "a: {url: 'ws://a.example'}",
                "which the MCP SDK has not spoken since its version 2.0: the server is left out",
            ),
            ("a: {command: x, env: {K: '${NONE}'}}", "names NONE, which is not set: the server is left out"),
        ],
    )
    def test_that_cannot_be_are_left_out_with_a_warning(self, load: Load, text: str, told: str) -> None:
        settings = load(f"mcpServers:\n  {text}\n")
        assert settings.mcp.servers == ()
        assert any(told in notice for notice in settings.notices)

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("a: {url: 'ftp://a.example'}", "mcpServers.a.url must be an http or https URL"),
            ("a: {url: 'http://a', proxy: 'ftp://p'}", "mcpServers.a.proxy must be a URL of http, https"),
            ("a: {title: 'a-b', command: x}", "title must be of letters, digits and spaces"),
            ("a: {type: sse}", "mcpServers.a.url is missing"),
            ("a: {command: x, env: {K: '${JWT_SECRET}'}}", "must not name JWT_SECRET"),
            ("a: {command: x, customUserVars: {'a b': {title: a, description: b}}}", "must have plain names"),
            ("a/b: {command: x}", "without a slash"),
            (
                "a: {url: 'http://a', oauth: {client_secret: x}}",
                "needs client_id, authorization_url and token_url",
            ),
        ],
    )
    def test_that_are_wrong_are_refused(self, load: Load, text: str, told: str) -> None:
        with pytest.raises(SettingsError) as caught:
            load(f"mcpServers:\n  {text}\n")
        assert told in str(caught.value)

    def test_need_their_extra(self, load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(mcp, "find_spec", lambda _name: None)
        with pytest.raises(SettingsError, match=r"pip install 'echo-api\[mcp\]'"):
            load("mcpServers: {a: {command: x}}")
        assert load("mcpServers: {}").mcp == McpSettings()

    def test_what_has_no_effect_is_told(self, load: Load) -> None:
        said = "oauth: {grant_types_supported: [authorization_code]}"
        notices = load(f"mcpServers: {{a: {{url: 'http://a.example', {said}}}}}").notices
        assert "librechat.yaml: without effect in Echo: mcpServers.a.oauth.grant_types_supported." in notices

    @pytest.mark.parametrize(
        ("said", "proxy"),
        [
            ("http://p:3128", "http://p:3128"),
            ("https://u:${PASS}@p.example/", "https://u:s%40cret@p.example/"),
            ("socks://[::1]:1080", "socks5://[::1]:1080"),
            ("socks5://p", "socks5://p"),
        ],
    )
    def test_may_be_behind_a_proxy(self, load: Load, said: str, proxy: str) -> None:
        [server] = load(
            f"mcpServers: {{a: {{url: 'http://a', proxy: '{said}'}}}}", PASS="s%40cret"
        ).mcp.servers
        assert server.proxy == proxy
        assert "s%40cret" not in repr(server)


class TestRules:
    @pytest.mark.parametrize(
        ("url", "allowed", "named"),
        [
            ("https://mcp.web.example/x", True, False),
            ("https://example/", False, False),
            ("http://10.0.0.1/x", True, True),
            ("http://10.0.0.1:81/x", False, False),
            ("https://10.0.0.1/x", False, False),
            ("https://web.example.evil/", False, False),
        ],
    )
    def test_say_where_servers_may_be(self, load: Load, url: str, allowed: bool, named: bool) -> None:
        rules = load(EXAMPLE, **ENVIRON).mcp
        assert (rules.allows(url), rules.names(url)) == (allowed, named)

    def test_without_them_anywhere(self) -> None:
        assert McpSettings().allows("https://anywhere.example/")
        assert not McpSettings().names("https://anywhere.example/")

    @pytest.mark.parametrize(
        "text", ["{allowedDomains: ['a b']}", "{allowedAddresses: ['nowhere']}"], ids=["domain", "address"]
    )
    def test_that_are_wrong_are_refused(self, load: Load, text: str) -> None:
        with pytest.raises(SettingsError):
            load(f"mcpSettings: {text}\n")


def test_the_example_of_the_guide_is_taken(tmp_path: Path) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "mcp.md").read_text(encoding="utf-8")
    example = guide.partition("```yaml\n")[2].partition("```")[0]
    path = tmp_path / "librechat.yaml"
    path.write_text(f"version: 1.3.5\n{example}")
    settings: Settings = load_settings({"WEATHER_KEY": "k"}, config_file=path)
    assert [each.name for each in settings.mcp.servers] == ["files", "weather", "tickets"]
    assert settings.notices == ()


def test_a_server_in_the_users_name_needs_the_organisations_provider(load: Load) -> None:
    text = "mcpServers: {crm: {url: 'http://a.example', obo: {scopes: 'api://x'}}}"
    settings = load(text)
    assert (settings.mcp.servers[0].obo, settings.mcp.servers[0].personal) == ("api://x", True)
    told = "obo needs OPENID_ISSUER, OPENID_REUSE_TOKENS=true and CREDS_KEY: nobody has tools of crm."
    assert told in settings.notices
