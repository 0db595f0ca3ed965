"""What LibreChat's phone apps call and are strict about, replayed.

`docs/librechat-compatibility.md` says of the apps what the first lines of these classes say.
"""

import uuid
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from tests.conftest import Client, UserClient
from tests.files import samples
from tests.support.streams import kinds, parse

ANDROID = "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 Chrome/131.0.0.0 Mobile Safari/537.36"
IOS = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 LibreChatiOS/1.0"
PNG = samples.picture("PNG", (31, 17))
API = "/chat/api"
CHAT = f"{API}/agents/chat"
LOGIN = f"{API}/auth/login"


def log_in(api: Client, user: UserClient, **headers: str) -> Any:
    body = {"email": user.email, "password": user.password}
    return api.post(LOGIN, json=body, headers=headers)


def cookie_of(answer: Any) -> tuple[str, str, dict[str, str]]:
    """The one cookie of an answer, read by hand as the apps do: name, value, attributes in small letters."""
    (line,) = answer.headers.get_list("set-cookie")
    (name, value), *pairs = [part.strip().partition("=")[::2] for part in line.split(";")]
    return name, value, {key.lower(): given for key, given in pairs}


class TestServer:
    """The apps recognize Echo as a LibreChat server before anybody has logged in."""

    @pytest.mark.parametrize("agent", [ANDROID, IOS])
    def test_configuration(self, api: Client, agent: str) -> None:
        config = api.get(f"{API}/config", headers={"User-Agent": agent, "Content-Type": "application/json"})
        assert config.headers["content-type"].partition(";")[0] == "application/json"
        said = config.json()
        assert said["serverDomain"].strip()
        for name in ("emailLoginEnabled", "registrationEnabled", "passwordResetEnabled", "emailEnabled"):
            assert isinstance(said[name], bool)
        # Any value of it hides the registration.
        assert not said.get("turnstile")


class TestLogin:
    """Users log in with their password, and with a second factor."""

    @pytest.mark.parametrize("agent", [ANDROID, IOS])
    def test_answers_with_a_token_and_the_user(self, api: Client, ada: UserClient, agent: str) -> None:
        said = log_in(api, ada, **{"User-Agent": agent}).json()
        assert said["token"].count(".") == 2
        user = said["user"]
        assert (user["id"], user["email"], user["name"]) == (ada.id, ada.email, "ada")
        assert user["provider"] == "local"
        # The first user of the run is the administrator.
        assert user["role"] in {"USER", "ADMIN"}

    def test_asks_for_the_second_factor(self, api: Client, guarded: UserClient) -> None:
        said = log_in(api, guarded).json()
        assert said["twoFAPending"] is True
        assert said["tempToken"]

    def test_says_what_is_wrong_in_message(self, api: Client, ada: UserClient) -> None:
        for body in ({"email": ada.email, "password": "wrong password 1"}, {"email": ada.email}, {}):
            answer = api.post(LOGIN, json=body)
            assert answer.status_code in {400, 401, 404, 422}
            assert answer.json()["message"].strip()


class TestSession:
    """The cookie keeps the session. The apps read its line by hand, with its path and its date."""

    def test_the_cookie_is_one_line_with_a_path_and_a_date(self, api: Client, ada: UserClient) -> None:
        name, value, attributes = cookie_of(log_in(api, ada))
        assert name == "refreshToken"
        assert value
        assert attributes["path"] == "/"
        assert "domain" not in attributes
        # Over plain HTTP on this machine, where a cookie for TLS would be lost.
        assert "secure" not in attributes
        left = parsedate_to_datetime(attributes["expires"]) - datetime.now(UTC)
        assert left > timedelta(hours=1)

    def test_the_cookie_alone_renews_the_token(self, api: Client, ada: UserClient) -> None:
        _, value, _ = cookie_of(log_in(api, ada))
        cookie = {"Cookie": f"refreshToken={value}; token_provider=librechat"}
        answer = api.post(f"{API}/auth/refresh", headers={**cookie, "User-Agent": ANDROID})
        assert answer.status_code == 200
        assert answer.json()["user"]["email"] == ada.email
        assert cookie_of(answer)[0] == "refreshToken"
        token = answer.json()["token"]
        assert api.with_token(token).get(f"{API}/user").status_code == 200

    def test_a_session_that_has_ended_is_a_401(self, api: Client, ada: UserClient) -> None:
        answer = log_in(api, ada)
        _, value, _ = cookie_of(answer)
        here = api.with_token(answer.json()["token"])
        _, gone, attributes = cookie_of(here.post(f"{API}/auth/logout"))
        assert gone == ""
        assert parsedate_to_datetime(attributes["expires"]) < datetime.now(UTC)
        again = api.post(f"{API}/auth/refresh", headers={"Cookie": f"refreshToken={value}"})
        assert again.status_code == 401
        assert again.json()["message"]
        assert here.get(f"{API}/user").status_code == 401


class TestPictures:
    """The cookie alone is enough to show a picture. Users upload, list, fetch and delete files."""

    def test_upload_to_deletion(self, api: Client, ada: UserClient) -> None:
        size = {"endpoint": "openAI", "file_id": str(uuid.uuid4()), "width": "1", "height": "1"}
        upload = {"file": ("a.png", PNG, "image/png")}
        file = ada.post(f"{API}/files/images", files=upload, data=size).json()
        path = f"/chat{file['filepath']}"
        shown = api.get(path, headers={"Cookie": f"refreshToken={ada.refresh_token}", "User-Agent": ANDROID})
        assert (shown.status_code, shown.content) == (200, PNG)
        assert api.get(path).status_code in {401, 403}
        assert [each["file_id"] for each in ada.get(f"{API}/files").json()] == [file["file_id"]]
        fetched = ada.get(f"{API}/files/download/{ada.id}/{file['file_id']}")
        assert fetched.content == PNG
        named = {
            "file_id": file["file_id"],
            "filepath": file["filepath"],
            "source": "local",
            "embedded": False,
        }
        gone = ada.delete(f"{API}/files", json={"files": [named]}).json()
        assert gone["message"]
        assert ada.get(f"{API}/files").json() == []


class TestReading:
    """Echo answers everything that the apps read when they start, with the headers that they send."""

    @pytest.mark.parametrize(
        "path",
        [
            *("config", "endpoints", "models", "user", "banner", "convos?limit=25", "convos?pinned=true"),
            *("tags", "presets", "prompts/groups?limit=10", "prompts/all", "agents?requiredPermission=1"),
            *(
                "agents/categories",
                "agents/chat/active",
                "memories",
                "projects",
                "skills",
                "keys?name=openAI",
            ),
            *("roles/USER", "user/settings/favorites", "mcp/servers", "mcp/connection/status", "balance"),
            *("endpoints/token-config", "user/terms", "search/enable"),
        ],
    )
    def test_with_a_content_type_though_there_is_no_content(self, ada: UserClient, path: str) -> None:
        headers = {"Content-Type": "application/json", "User-Agent": ANDROID, "CF-Access-Client-Id": "x"}
        assert 200 <= ada.get(f"{API}/{path}", headers=headers).status_code < 300


class TestChat:
    """Users chat. The start returns JSON, the answer is a stream, and an app that comes back later gets the end."""

    def start(self, client: Client, endpoint: str = "openAI", **more: Any) -> Any:
        body = {
            "text": "Hello",
            "conversationId": None,
            "endpoint": endpoint,
            "model": "gpt-4o",
            "messageId": str(uuid.uuid4()),
            "parentMessageId": "00000000-0000-0000-0000-000000000000",
            "clientRequestId": str(uuid.uuid4()),
            "timezone": "Europe/Berlin",
            "isTemporary": False,
            "ephemeralAgent": {"web_search": False, "mcp": []},
            "generationProtocolVersion": 2,
            **more,
        }
        return client.post(f"{CHAT}/{endpoint}", json=body, headers={"User-Agent": IOS})

    def test_the_start(self, ada: UserClient) -> None:
        answer = self.start(ada)
        assert answer.status_code == 200
        assert answer.headers["content-type"].partition(";")[0] == "application/json"
        said = answer.json()
        assert said["conversationId"]
        assert said["streamId"]
        assert said["generationProtocolVersion"] == 2

    def test_the_stream_from_created_to_final(self, ada: UserClient) -> None:
        stream_id = self.start(ada).json()["streamId"]
        answer = ada.get(f"{CHAT}/stream/{stream_id}", params={"generationProtocolVersion": 2})
        events = list(parse(answer.text.splitlines()))
        created, final = events[0].data, events[-1].data
        assert created["created"] is True
        assert created["message"]["messageId"]
        assert final["final"] is True
        assert final["responseMessage"]["content"] or final["responseMessage"]["text"]
        assert final["generationProtocolVersion"] == 2

    def test_who_comes_back_after_the_end_is_told_so(self, ada: UserClient) -> None:
        stream_id = self.start(ada).json()["streamId"]
        ada.get(f"{CHAT}/stream/{stream_id}")
        again = ada.get(f"{CHAT}/stream/{stream_id}", params={"resume": "true"})
        assert again.status_code == 200
        assert kinds(parse(again.text.splitlines())) == ["sync", "final"]
        unknown = ada.get(f"{CHAT}/stream/{uuid.uuid4()}", params={"resume": "true"})
        assert unknown.status_code == 404

    def test_a_request_that_is_sent_twice_starts_one_run(self, ada: UserClient) -> None:
        said, request_id = [], str(uuid.uuid4())
        for _ in range(2):
            said.append(self.start(ada, "Fake", clientRequestId=request_id).json())
        assert said[0]["streamId"] == said[1]["streamId"]

    def test_a_stop_answers_at_once_and_ends_the_stream(self, ada: UserClient) -> None:
        started = self.start(ada, "Fake").json()
        body = {"conversationId": started["conversationId"], "endpoint": "agents", "isTemporary": False}
        assert ada.post(f"{CHAT}/abort", json=body).status_code == 200
        answer = ada.get(f"{CHAT}/stream/{started['streamId']}")
        assert list(parse(answer.text.splitlines()))[-1].data["final"] is True
        assert ada.get(f"{CHAT}/active").json()["activeJobIds"] == []


class TestEcho:
    """Echo returns presets, prompts, agents, memories and favourites exactly as it stored them."""

    def test_preset(self, ada: UserClient) -> None:
        given = {"title": "Mine", "endpoint": "openAI", "model": "gpt-4o", "temperature": 0.5}
        made = ada.post(f"{API}/presets", json={**given, "presetId": None}).json()
        assert given.items() <= made.items()
        assert ada.get(f"{API}/presets").json() == [made]
        ada.post(f"{API}/presets/delete", json={"presetId": made["presetId"]})
        assert ada.get(f"{API}/presets").json() == []

    def test_prompt(self, ada: UserClient) -> None:
        body = {"prompt": {"prompt": "Say {{x}}", "type": "text"}, "group": {"name": "Sayer"}}
        made = ada.post(f"{API}/prompts", json=body).json()
        assert (made["prompt"]["prompt"], made["group"]["name"]) == ("Say {{x}}", "Sayer")
        group_id = made["group"]["_id"]
        assert made["prompt"]["groupId"] == group_id
        assert ada.get(f"{API}/prompts/groups/{group_id}").json()["_id"] == group_id
        ada.delete(f"{API}/prompts/groups/{group_id}")
        assert ada.get(f"{API}/prompts/groups/{group_id}").status_code == 404

    def test_agent(self, ada: UserClient) -> None:
        given = {"name": "Poet", "instructions": "Rhyme.", "provider": "openAI", "model": "gpt-4o"}
        answer = ada.post(f"{API}/agents", json=given)
        assert answer.status_code == 201
        made = answer.json()
        assert given.items() <= made.items()
        read = ada.get(f"{API}/agents/{made['id']}").json()
        assert {name: read[name] for name in ("id", "_id", *given)} == {
            name: made[name] for name in ("id", "_id", *given)
        }
        ada.delete(f"{API}/agents/{made['id']}")
        assert ada.get(f"{API}/agents/{made['id']}").status_code == 404

    @pytest.mark.parametrize("key", ["likes", "favourite_tea"])
    @pytest.mark.parametrize("agent", [{}, {"agentId": "agent_1"}])
    def test_memory_by_its_key(self, ada: UserClient, key: str, agent: dict[str, str]) -> None:
        made = ada.post(f"{API}/memories", json={"key": key, "value": "tea", **agent}).json()
        assert (made["created"], made["memory"]["key"], made["memory"]["value"]) == (True, key, "tea")
        path = f"{API}/memories/{key}"
        changed = ada.patch(path, params=agent, json={"value": "green tea"}).json()
        assert changed["memory"]["value"] == "green tea"
        assert ada.delete(path, params=agent).status_code == 200
        assert ada.get(f"{API}/memories").json()["memories"] == []

    def test_favourites(self, ada: UserClient) -> None:
        path = f"{API}/user/settings/favorites"
        for favorites in (
            [{"agentId": "agent_1"}, {"model": "gpt-4o", "endpoint": "openAI"}, {"spec": "fast"}],
            [{"spec": "fast"}],
        ):
            assert ada.post(path, json={"favorites": favorites}).json() == favorites
            assert ada.get(path).json() == favorites


class TestChanges:
    """Users rename, pin, archive, fork, duplicate, bookmark and delete conversations."""

    def test_one_after_the_other(self, ada: UserClient) -> None:
        conversation_id = TestChat().start(ada, "Fake").json()["conversationId"]
        ada.post(f"{CHAT}/abort", json={"conversationId": conversation_id})
        convos = f"{API}/convos"
        for path, said in (
            ("update", {"title": "Sums"}),
            ("pin", {"pinned": True}),
            ("archive", {"isArchived": True}),
            ("archive", {"isArchived": False}),
        ):
            answer = ada.post(f"{convos}/{path}", json={"arg": {"conversationId": conversation_id, **said}})
            assert 200 <= answer.status_code < 300
            assert said.items() <= answer.json().items()
        question = ada.get(f"{API}/messages/{conversation_id}").json()[0]
        copy = ada.post(f"{convos}/duplicate", json={"conversationId": conversation_id}).json()
        body = {"conversationId": conversation_id, "messageId": question["messageId"], "option": "directPath"}
        fork = ada.post(f"{convos}/fork", json=body).json()
        ids = {each["conversation"]["conversationId"] for each in (copy, fork)} | {conversation_id}
        assert len(ids) == 3
        tags = ada.put(f"{API}/tags/convo/{conversation_id}", json={"tags": ["maths"]}).json()
        assert tags == ["maths"]
        ada.delete(convos, json={"arg": {"conversationId": conversation_id, "source": "button"}})
        assert ada.get(f"{convos}/{conversation_id}").status_code == 404
        left = ada.get(convos).json()["conversations"]
        assert {each["conversationId"] for each in left} == ids - {conversation_id}
