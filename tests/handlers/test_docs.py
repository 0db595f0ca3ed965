import re
from collections.abc import Callable
from typing import Any

import pytest

from echo import docs
from echo.errors import NotFound
from tests.conftest import Client


class TestGetOpenapi:
    def test_answers_anyone_with_the_contract(
        self, api: Client, contract_document: dict[str, object]
    ) -> None:
        served = api.get("/openapi.json").json()
        assert served["openapi"].startswith("3.1")
        assert served["paths"] == contract_document["paths"]

    def test_librechats_is_served_with_its_place(self, make_application: Callable[..., Client]) -> None:
        server = make_application(DOMAIN_SERVER="https://chat.example.com")
        served = server.get("/openapi.librechat.json").json()
        assert served["info"]["title"] == "LibreChat API, as Echo serves it"
        assert [entry["url"] for entry in served["servers"]] == ["https://chat.example.com/chat"]

    def test_both_say_where_they_are_when_librechats_has_the_root(
        self, make_application: Callable[..., Client]
    ) -> None:
        server = make_application(DOMAIN_SERVER="https://chat.example.com", ECHO_ROOT="librechat")
        ours = server.get("/openapi.json").json()
        assert ours["servers"][0]["url"] == "https://chat.example.com/echo"
        assert [entry["url"] for entry in ours["paths"]["/health"]["servers"]] == ["https://chat.example.com"]
        assert "servers" not in ours["paths"]["/api/convos"]
        librechats = server.get("/openapi.librechat.json").json()
        assert librechats["servers"][0]["url"] == "https://chat.example.com"

    def test_the_servers_own_address_comes_first(self, make_application: Callable[..., Client]) -> None:
        server = make_application(DOMAIN_SERVER="https://chat.example.com")
        addresses = [entry["url"] for entry in server.get("/openapi.json").json()["servers"]]
        assert addresses[0] == "https://chat.example.com"
        assert len(addresses) == len(set(addresses))

    def test_an_address_that_the_document_knows_is_listed_once(self) -> None:
        document = {"servers": [{"url": "/"}, {"url": "http://one"}, {"url": "http://two"}]}
        served = docs.with_server(document, "http://two")
        assert [entry["url"] for entry in served["servers"]] == ["http://two", "http://one"]
        assert [entry["url"] for entry in document["servers"]] == ["/", "http://one", "http://two"]

    def test_the_document_as_a_file_names_no_strangers_host_first(
        self, contract_document: dict[str, Any]
    ) -> None:
        addresses = [entry["url"] for entry in contract_document["servers"]]
        assert addresses == ["/", "https://echo.haiven.site", "http://echo:3080"]
        assert contract_document["info"]["title"] == "Echo API (LibreChat)"


class TestExamplesOfChats:
    """On the page each operation is tried with the first example of the document."""

    CHATS = ("/api/agents/chat/{endpoint}", "/v1/chat/completions", "/v1/messages", "/v1/responses")

    def told(self, server: Client, path: str = "/openapi.json") -> dict[str, Any]:
        paths: dict[str, Any] = server.get(path).json()["paths"]
        return paths

    def models(self, paths: dict[str, Any], path: str) -> set[str]:
        examples = paths[path]["post"]["requestBody"]["content"]["application/json"]["examples"]
        return {each["value"]["model"] for each in examples.values() if "model" in each["value"]}

    def test_are_with_the_offline_model_where_no_other_answers(
        self, make_application: Callable[..., Client]
    ) -> None:
        server = make_application(ECHO_OFFLINE_MODEL="true")
        paths = self.told(server)
        [endpoint] = paths["/api/agents/chat/{endpoint}"]["post"]["parameters"]
        assert endpoint["example"] == "Offline"
        assert [self.models(paths, path) for path in self.CHATS] == [
            {"echo"},
            {"Offline/echo"},
            {"Offline/echo"},
            {"Offline/echo"},
        ]
        # It does not embed.
        assert self.models(paths, "/v1/embeddings") == {"openAI/text-embedding-3-small"}
        librechats = self.told(server, "/openapi.librechat.json")
        body = librechats["/api/agents/chat"]["post"]["requestBody"]["content"]["application/json"]
        assert body["examples"]["first"]["value"] == {
            "text": "What is a contract?",
            "endpoint": "Offline",
            "model": "echo",
        }

    def test_are_those_of_the_document_beside_real_ones(
        self, make_application: Callable[..., Client]
    ) -> None:
        paths = self.told(make_application(ECHO_OFFLINE_MODEL="true", OPENAI_API_KEY="sk-tests-only"))
        assert self.models(paths, "/v1/chat/completions") == {"openAI/gpt-4o"}

    def test_a_parameter_that_may_be_left_out_is_not_filled_in(self, api: Client) -> None:
        """The page fills in examples: with one, no run would be found."""
        [began] = [
            each
            for each in self.told(api)["/api/agents/chat/stream/{streamId}"]["get"]["parameters"]
            if each.get("name") == "generationCreatedAt"
        ]
        assert "example" not in began


class TestGetDocs:
    def test_answers_anyone_with_a_page(self, api: Client) -> None:
        response = api.get("/docs")
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/html")

    def test_everything_that_the_page_loads_is_served_here(self, api: Client) -> None:
        addresses = re.findall(r'(?:src|href)="([^"]+)"', api.get("/docs").text)
        assert len(addresses) >= 6
        for address in addresses:
            assert "//" not in address
            assert api.get(f"/{address}").status_code == 200

    def test_nothing_in_the_page_runs_inline(self, api: Client) -> None:
        page = api.get("/docs").text
        assert not re.search(r"<script(?![^>]*\bsrc=)", page)
        assert not re.search(r"\son\w+=|<style", page)

    def test_the_policy_allows_only_the_servers_own_scripts(
        self, make_application: Callable[..., Client]
    ) -> None:
        server = make_application(DOMAIN_SERVER="https://chat.example.com/echo")
        policy = server.get("/docs").headers["content-security-policy"]
        assert "script-src 'self';" in policy
        assert "connect-src 'self' https://chat.example.com;" in policy


class TestGetDocsAsset:
    @pytest.mark.parametrize("name", [*docs.OWN_ASSETS, *docs.SWAGGER_UI_ASSETS])
    def test_answers_anyone_with_the_file(self, api: Client, name: str) -> None:
        response = api.get(f"/docs/assets/{name}")
        assert response.status_code == 200
        assert len(response.content) == int(response.headers["content-length"]) > 100
        assert "no-store" not in response.headers["cache-control"]

    def test_types_are_right(self, api: Client) -> None:
        types = {
            name: api.get(f"/docs/assets/{name}").headers["content-type"].partition(";")[0]
            for name in ("swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png", "echo.js")
        }
        assert list(types.values()) == ["text/javascript", "text/css", "image/png", "text/javascript"]

    @pytest.mark.parametrize("name", ["page.html", "__init__.py", "%2e%2e%2fserve.py", "LICENSE", "x"])
    def test_any_other_file_is_not_there(self, api: Client, name: str) -> None:
        assert api.get(f"/docs/assets/{name}").status_code in (400, 404)

    def test_no_name_leads_elsewhere(self) -> None:
        for name in ("../serve.py", "/etc/passwd", "", "echo.js/"):
            with pytest.raises(NotFound):
                docs.find_asset(name)
