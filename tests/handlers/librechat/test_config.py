"""What LibreChat's client is told of this server."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Client, UserClient
from tests.handlers.conftest import Stored


class TestConfig:
    def test_anyone_is_told_how_to_come_in(self, api: Client) -> None:
        config = api.get("/chat/api/config", params={"context": "share"}).json()
        assert config["appTitle"] == "Echo"
        assert config["serverDomain"]
        assert config["version"] == "0.8.8-rc1"
        assert config["emailLoginEnabled"] is True
        assert config["passwordResetEnabled"] is False
        assert "turnstile" not in config
        assert "balance" not in config

    def test_who_has_logged_in_is_told_more(self, ada: UserClient) -> None:
        config = ada.get("/chat/api/config").json()
        assert config["balance"] == {"enabled": False}
        assert config["allowAccountDeletion"] is True
        interface = config["interface"]
        assert [interface[name] for name in ("bookmarks", "memories", "temporaryChat")] == [True, True, True]
        assert [interface[name] for name in ("runCode", "webSearch", "fileSearch")] == [False, True, True]
        assert interface["mcpServers"] == {"use": True, "create": True, "share": False, "public": False}

    def test_the_operators_bundlers_are_told(
        self, make_application: Callable[..., Client], ada: UserClient
    ) -> None:
        assert "bundlerURL" not in ada.get("/chat/api/config").json()
        server = make_application(SANDPACK_BUNDLER_URL="https://b.example/x")
        server.headers = ada.headers
        assert server.get("/chat/api/config").json()["bundlerURL"] == "https://b.example/x"

    def test_the_build_is_told_where_the_operator_names_it(
        self, make_application: Callable[..., Client], api: Client
    ) -> None:
        assert "buildInfo" not in api.get("/chat/api/config").json()
        told = make_application(BUILD_COMMIT="0123456789abcdef", BUILD_DATE=" 2026-11-26 ")
        assert told.get("/chat/api/config").json()["buildInfo"] == {
            "commit": "0123456789abcdef",
            "commitShort": "0123456",
            "branch": None,
            "buildDate": "2026-11-26",
        }


class TestEndpoints:
    def test_are_an_object_by_name(self, ada: UserClient) -> None:
        endpoints = ada.get("/chat/api/endpoints").json()
        assert endpoints["openAI"] == {"order": 0, "userProvide": False, "userProvideURL": False}
        assert endpoints["Fake"]["type"] == "custom"

    def test_agents_may_be_of_those_that_can_be_used(self, ada: UserClient) -> None:
        endpoints = ada.get("/chat/api/endpoints").json()
        agents = endpoints.pop("agents")
        assert agents.pop("order") > max(each["order"] for each in endpoints.values())
        assert agents == {
            "userProvide": False,
            "disableBuilder": False,
            "allowedProviders": list(endpoints),
            "capabilities": [
                "tools",
                "actions",
                "web_search",
                "artifacts",
                "context",
                "file_search",
                "memory",
                "chain",
                "subagents",
                "execute_code",
            ],
        }

    def test_one_without_any_key_is_not_there(
        self, make_application: Callable[..., Client], ada: UserClient
    ) -> None:
        server = make_application(ANTHROPIC_API_KEY="user_provided")
        server.headers = ada.headers
        endpoints = server.get("/chat/api/endpoints").json()
        assert endpoints["anthropic"]["userProvide"] is True
        assert "google" not in endpoints

    def test_windows_of_models_are_told(self, ada: UserClient) -> None:
        windows = ada.get("/chat/api/endpoints/token-config").json()
        assert windows["openAI"]["gpt-4o"] == {"context": 128000}

    def test_prices_are_told_where_clients_show_them(
        self, make_application: Callable[..., Client], ada: UserClient, tmp_path: Path
    ) -> None:
        path = tmp_path / "librechat.yaml"
        path.write_text(
            "version: 1.3.5\n"
            "interface: {contextCost: true, contextUsage: false, buildInfo: false,"
            " currency: {code: EUR, rate: 0.9}}\n",
            encoding="utf-8",
        )
        server = make_application(CONFIG_PATH=str(path), BUILD_COMMIT="0123456789abcdef")
        server.headers = ada.headers
        assert server.get("/chat/api/endpoints/token-config").json()["openAI"]["gpt-4o"] == {
            "context": 128000,
            "prompt": 2.5,
            "completion": 10,
            "cacheWrite": 2.5,
            "cacheRead": 1.25,
        }
        config = server.get("/chat/api/config").json()
        told = [config["interface"][name] for name in ("contextCost", "contextUsage", "currency")]
        assert told == [True, False, {"code": "EUR", "rate": 0.9}]
        assert "buildInfo" not in config


class TestBanner:
    @pytest.fixture
    def banners(self, stored: Stored) -> Iterator[Any]:
        yield stored.banners
        stored.banners.delete_many({})

    def test_there_is_none(self, api: Client) -> None:
        answer = api.get("/chat/api/banner")
        assert (answer.status_code, answer.text) == (200, "")

    def test_of_this_hour_is_shown_to_whom_it_is_for(
        self, api: Client, ada: UserClient, banners: Any
    ) -> None:
        hour, moment = timedelta(hours=1), datetime.now(UTC)
        plain = {"type": "banner", "displayTo": None, "isPublic": False}
        banners.insert_many(
            [
                {
                    **plain,
                    "bannerId": "1",
                    "message": "over",
                    "displayFrom": moment - 3 * hour,
                    "displayTo": moment - hour,
                },
                {**plain, "bannerId": "2", "message": "to come", "displayFrom": moment + hour},
                {**plain, "bannerId": "3", "message": "now", "displayFrom": moment - hour},
                {
                    **plain,
                    "bannerId": "4",
                    "message": "for all",
                    "displayFrom": moment - 2 * hour,
                    "isPublic": True,
                },
            ]
        )
        assert ada.get("/chat/api/banner").json()["message"] == "now"
        assert api.get("/chat/api/banner").json()["message"] == "for all"
