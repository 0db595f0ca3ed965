"""Actions of agents, by LibreChat's contract: documents kept, secrets hidden, logins at services."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest
from bson import ObjectId

from echo.services import Services
from echo.tools.outbound import Outbound
from tests.conftest import Client, UserClient
from tests.handlers.conftest import Stored
from tests.handlers.librechat.sharing import EDIT, VIEW, grant
from tests.support.routes import Answer, Service, service

PATH = "/chat/api/agents/actions"
Json = dict[str, Any]


def document(server: str = "https://weather.example.com") -> str:
    paths = {"/now": {"get": {"operationId": "getWeather"}}, "/then": {"get": {"operationId": "getPast"}}}
    return json.dumps({"openapi": "3.1.0", "servers": [{"url": server}], "paths": paths})


def body(*names: str, **metadata: Any) -> Json:
    said = {"domain": "https://weather.example.com", "raw_spec": document(), **metadata}
    return {
        "functions": [{"type": "function", "function": {"name": name}} for name in names],
        "metadata": said,
    }


KEY = {"auth": {"type": "service_http", "authorization_type": "bearer"}, "api_key": "secret-key"}


@pytest.fixture
def agent_id(ada: UserClient) -> str:
    made = ada.post(
        "/chat/api/agents",
        json={"name": "A", "provider": "openAI", "model": "gpt-4o", "tools": ["calculator"]},
    )
    return str(made.json()["id"])


class TestDuplicateAgent:
    def test_copies_actions_without_any_secret(
        self, ada: UserClient, bob: UserClient, agent_id: str, stored: Stored
    ) -> None:
        """Who may change an agent gets no key of its maker's by a copy; as in LibreChat each enters their own."""
        original, action = ada.post(f"{PATH}/{agent_id}", json=body("getWeather", **KEY)).json()
        grant(stored, "agent", original["_id"], EDIT, bob)
        answer = bob.post(f"/chat/api/agents/{agent_id}/duplicate")
        assert answer.status_code == 201
        copy, [copied] = answer.json()["agent"], answer.json()["actions"]
        assert copy["tools"] == ["calculator", "getWeather_action_d2VhdGhlci"]
        assert copy["actions"] == [f"d2VhdGhlci_action_{copied['action_id']}"]
        assert copied["action_id"] != action["action_id"]
        assert copied["metadata"] == action["metadata"]
        row = stored.actions.find_one({"action_id": copied["action_id"]})
        assert row is not None
        assert (str(row["user"]), row["agent_id"], row["metadata"]) == (
            bob.id,
            copy["id"],
            copied["metadata"],
        )
        # The first version has them too: going back to it loses nothing.
        [version] = bob.get(f"/chat/api/agents/{copy['id']}/versions").json()
        assert (copy["version"], version["actions"]) == (1, copy["actions"])
        again = {**body("getWeather", **KEY), "action_id": copied["action_id"]}
        assert bob.post(f"{PATH}/{copy['id']}", json=again).status_code == 200
        assert "api_key" in str(stored.actions.find_one({"action_id": action["action_id"]}))

    def test_copies_none_for_who_may_only_use_it(
        self, ada: UserClient, bob: UserClient, agent_id: str, stored: Stored
    ) -> None:
        original, _ = ada.post(f"{PATH}/{agent_id}", json=body("getWeather", **KEY)).json()
        grant(stored, "agent", original["_id"], VIEW, bob)
        assert bob.post(f"/chat/api/agents/{agent_id}/duplicate").status_code == 403
        assert stored.actions.count_documents({"user": ObjectId(bob.id)}) == 0


class TestSave:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.post(f"{PATH}/agent_x", json=body("getWeather")).status_code == 401

    def test_gives_an_agent_its_tools_and_shows_no_secret(
        self, ada: UserClient, agent_id: str, stored: Stored
    ) -> None:
        answer = ada.post(f"{PATH}/{agent_id}", json=body("getWeather", **KEY, junk=1))
        assert answer.status_code == 200
        agent, action = answer.json()
        assert agent["tools"] == ["calculator", "getWeather_action_d2VhdGhlci"]
        assert agent["actions"] == [f"d2VhdGhlci_action_{action['action_id']}"]
        assert action["metadata"] == {
            "domain": "https://weather.example.com",
            "raw_spec": document(),
            "auth": {"type": "service_http", "authorization_type": "bearer"},
        }
        document_ = stored.actions.find_one({"action_id": action["action_id"]})
        assert document_ is not None
        assert (str(document_["user"]), document_["agent_id"]) == (ada.id, agent_id)
        assert "secret-key" not in str(document_)
        listed = ada.get(PATH)
        assert [each["action_id"] for each in listed.json()] == [action["action_id"]]
        assert "secret" not in listed.text

    def test_changes_an_action(self, ada: UserClient, agent_id: str, stored: Stored) -> None:
        action_id = ada.post(f"{PATH}/{agent_id}", json=body("getWeather", **KEY)).json()[1]["action_id"]
        before = stored.actions.find_one({"action_id": action_id})
        again = {**body("getPast", auth=KEY["auth"]), "action_id": action_id}
        agent, _ = ada.post(f"{PATH}/{agent_id}", json=again).json()
        assert agent["tools"] == ["calculator", "getPast_action_d2VhdGhlci"]
        after = stored.actions.find_one({"action_id": action_id})
        assert before
        assert after
        assert after["metadata"]["api_key"] == before["metadata"]["api_key"]
        moved = body(
            "getPast",
            auth=KEY["auth"],
            domain="https://evil.example.com",
            raw_spec=document("https://evil.example.com"),
        )
        refused = ada.post(f"{PATH}/{agent_id}", json={**moved, "action_id": action_id})
        assert (refused.status_code, refused.json()["code"]) == (422, "credentials_needed")

    @pytest.mark.parametrize(
        ("changed", "code"),
        [
            ({"raw_spec": "no document"}, "invalid_action"),
            ({"domain": "https://other.example.com"}, "invalid_action"),
            (
                {"domain": "http://127.0.0.1", "raw_spec": document("http://127.0.0.1")},
                "action_domain_refused",
            ),
            (
                {"domain": "http://rag_api:8000", "raw_spec": document("http://rag_api:8000")},
                "action_domain_refused",
            ),
            (
                {
                    "auth": {
                        "type": "oauth",
                        "authorization_url": "javascript:alert(1)",
                        "client_url": "https://a.io",
                    }
                },
                "invalid_action",
            ),
            (
                {
                    "auth": {
                        "type": "oauth",
                        "authorization_url": "https://a.io",
                        "client_url": "http://10.0.0.1",
                    }
                },
                "action_domain_refused",
            ),
        ],
    )
    def test_refuses_what_may_not_be_asked(
        self, changed: Json, code: str, ada: UserClient, agent_id: str, stored: Stored
    ) -> None:
        answer = ada.post(f"{PATH}/{agent_id}", json=body("getWeather", **changed))
        assert (answer.status_code, answer.json()["code"]) == (422, code)
        assert stored.actions.count_documents({"agent_id": agent_id}) == 0

    def test_refuses_functions_that_the_document_does_not_have(self, ada: UserClient, agent_id: str) -> None:
        assert (
            ada.post(f"{PATH}/{agent_id}", json=body("getWeather", "drop")).json()["code"] == "invalid_action"
        )

    def test_refuses_a_document_of_ten_megabytes(self, ada: UserClient, agent_id: str) -> None:
        answer = ada.post(f"{PATH}/{agent_id}", json=body("getWeather", raw_spec="x" * 10_000_000))
        assert answer.status_code == 413

    def test_others_find_neither_agent_nor_action(
        self, ada: UserClient, bob: UserClient, agent_id: str
    ) -> None:
        action_id = ada.post(f"{PATH}/{agent_id}", json=body("getWeather", **KEY)).json()[1]["action_id"]
        assert bob.post(f"{PATH}/{agent_id}", json=body("getWeather")).status_code == 404
        assert bob.delete(f"{PATH}/{agent_id}/{action_id}").status_code == 404
        assert bob.get(PATH).json() == []
        own = bob.post(
            "/chat/api/agents", json={"name": "B", "provider": "openAI", "model": "gpt-4o"}
        ).json()["id"]
        stolen = {**body("getWeather"), "action_id": action_id}
        assert bob.post(f"{PATH}/{own}", json=stolen).status_code == 404


class TestDelete:
    def test_takes_the_tools_with_it(self, ada: UserClient, agent_id: str, stored: Stored) -> None:
        action_id = ada.post(f"{PATH}/{agent_id}", json=body("getWeather")).json()[1]["action_id"]
        answer = ada.delete(f"{PATH}/{agent_id}/{action_id}")
        assert (answer.status_code, answer.json()) == (200, {"message": "Action deleted successfully"})
        agent = ada.get(f"/chat/api/agents/{agent_id}/expanded").json()
        assert (agent["tools"], agent["actions"]) == (["calculator"], [])
        assert stored.actions.count_documents({"agent_id": agent_id}) == 0

    def test_happens_with_the_agent(self, ada: UserClient, agent_id: str, stored: Stored) -> None:
        ada.post(f"{PATH}/{agent_id}", json=body("getWeather"))
        ada.delete(f"/chat/api/agents/{agent_id}")
        assert stored.actions.count_documents({"agent_id": agent_id}) == 0


@pytest.fixture(scope="module")
def token_service() -> Iterator[Service]:
    with service() as running:
        yield running


class TestLogin:
    AUTH: ClassVar[Json] = {
        "type": "oauth",
        "authorization_url": "https://login.example.com/authorize",
        "client_url": "https://login.example.com/token",
        "scope": "read",
        "token_exchange_method": "basic_auth_header",
    }

    @pytest.fixture
    def provider(
        self, token_service: Service, services: Services, monkeypatch: pytest.MonkeyPatch
    ) -> Service:
        """What gives tokens, reached by the logins."""
        monkeypatch.setattr(services.actions.logins, "_outbound", Outbound((token_service.host,)))
        return token_service.reset()

    @pytest.fixture
    def action(self, ada: UserClient, agent_id: str, stored: Stored, provider: Service) -> Json:
        """An action whose tokens come from the small server, which no document could name."""
        given = body(
            "getWeather", auth=self.AUTH, oauth_client_id="client", oauth_client_secret="client-secret"
        )
        action_id = ada.post(f"{PATH}/{agent_id}", json=given).json()[1]["action_id"]
        change = {"metadata.auth.client_url": f"{provider.url}/token"}
        stored.actions.update_one({"action_id": action_id}, {"$set": change})
        provider.routes["/token"] = Answer({"access_token": "at", "refresh_token": "rt", "expires_in": 3600})
        found = stored.actions.find_one({"action_id": action_id})
        assert found is not None
        return found

    @pytest.fixture
    def both(self, ada: UserClient, bob: UserClient) -> tuple[UserClient, UserClient]:
        return ada, bob

    def come_back(
        self, api: Client, action: Json, state: str | None, cookie: str | None, code: str = "code"
    ) -> str:
        headers = {"Cookie": cookie.partition(";")[0]} if cookie else {}
        answer = api.get(
            f"/chat/api/actions/{action['action_id']}/oauth/callback",
            params={"code": code, **({"state": state} if state else {})},
            headers=headers,
            follow_redirects=False,
        )
        assert answer.status_code == 302
        return str(answer.headers["Location"])

    def test_keeps_tokens_of_the_user_who_began_it(
        self,
        api: Client,
        both: tuple[UserClient, UserClient],
        action: Json,
        services: Services,
        provider: Service,
    ) -> None:
        ada, bob = both
        logins = services.actions.logins
        address = urlsplit(logins.address(ada.id, action))
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        assert (address.netloc, query["client_id"], query["scope"]) == ("login.example.com", "client", "read")
        assert "client-secret" not in address.query
        state = query["state"]
        path = f"/chat/api/actions/{action['action_id']}/oauth/bind"
        cookies = {each.id: each.post(path).headers["Set-Cookie"] for each in (ada, bob)}
        assert "HttpOnly" in cookies[ada.id]
        assert "SameSite=Lax" in cookies[ada.id]
        # Neither without a cookie, nor by another's browser, nor with a state that is none.
        for told, cookie in ((state, None), (state, cookies[bob.id])):
            assert self.come_back(api, action, told, cookie).endswith(
                "/oauth/error?error=csrf_validation_failed"
            )
        for told in (None, "x", state + "x"):
            assert self.come_back(api, action, told, cookies[ada.id]).endswith("error=invalid_state")
        another = logins.address(ada.id, {**action, "action_id": "another"})
        [strange] = parse_qs(urlsplit(another).query)["state"]
        assert self.come_back(api, action, strange, cookies[ada.id]).endswith("error=invalid_state")
        assert api.get("/chat/api/actions/another/oauth/callback").status_code == 404
        assert provider.asked == []
        assert "/oauth/success?" in self.come_back(api, action, state, cookies[ada.id])
        [asked] = provider.asked
        assert parse_qs(asked.body.decode())["redirect_uri"] == [query["redirect_uri"]]
        assert asked.headers["Authorization"].startswith("Basic ")
        assert asyncio.run(logins.token(ada.id, action)) == "at"
        assert asyncio.run(logins.token(bob.id, action)) is None

    def test_is_kept_encrypted(
        self, ada: UserClient, action: Json, services: Services, stored: Stored
    ) -> None:
        asyncio.run(services.actions.logins._exchange(ada.id, action, {"grant_type": "authorization_code"}))
        tokens = list(stored.tokens.find({"identifier": {"$regex": action["action_id"]}}))
        assert {each["type"] for each in tokens} == {"oauth", "oauth_refresh"}
        assert not {"at", "rt"} & {each["token"] for each in tokens}

    def test_is_renewed(
        self, ada: UserClient, action: Json, services: Services, stored: Stored, provider: Service
    ) -> None:
        logins = services.actions.logins
        asyncio.run(logins._exchange(ada.id, action, {"grant_type": "authorization_code", "code": "c"}))
        stored.tokens.delete_one({"type": "oauth", "identifier": f"{ada.id}:{action['action_id']}"})
        provider.routes["/token"] = Answer({"access_token": "newer"})
        assert asyncio.run(logins.token(ada.id, action)) == "newer"
        assert parse_qs(provider.asked[-1].body.decode())["refresh_token"] == ["rt"]

    def test_is_renewed_once_for_calls_at_once(
        self, ada: UserClient, action: Json, services: Services, stored: Stored, provider: Service
    ) -> None:
        """A service may take a token for renewing only once."""
        logins = services.actions.logins
        asyncio.run(logins._exchange(ada.id, action, {"grant_type": "authorization_code", "code": "c"}))
        stored.tokens.delete_one({"type": "oauth", "identifier": f"{ada.id}:{action['action_id']}"})
        provider.routes["/token"] = Answer({"access_token": "newer"})
        before = len(provider.asked)

        async def both() -> list[str | None]:
            return await asyncio.gather(*(logins.token(ada.id, action) for _ in range(2)))

        assert asyncio.run(both()) == ["newer", "newer"]
        assert len(provider.asked) == before + 1

    def test_ends_where_the_service_refuses(
        self, api: Client, ada: UserClient, action: Json, services: Services, provider: Service
    ) -> None:
        provider.routes["/token"] = Answer({"error": "invalid_grant"}, 400)
        [state] = parse_qs(urlsplit(services.actions.logins.address(ada.id, action)).query)["state"]
        cookie = ada.post(f"/chat/api/actions/{action['action_id']}/oauth/bind").headers["Set-Cookie"]
        assert self.come_back(api, action, state, cookie).endswith("error=callback_failed")
