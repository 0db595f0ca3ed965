import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo.database import Database as MongoDatabase

from echo.chat.specs import specs_of
from echo.errors import Unprocessable
from echo.services import Services
from tests.conftest import PASSWORD, Client, UserClient
from tests.handlers.librechat.admin.conftest import A, Granted, Noted, role_of

Stored = MongoDatabase[dict[str, Any]]
BASE = f"{A}/config/role/__base__"


@pytest.fixture(autouse=True)
def _as_before(stored: Stored, root: UserClient) -> Iterator[None]:
    yield
    stored.configs.delete_many({})
    # What a process remembers goes with the next change.
    root.put(BASE, json={"overrides": {}})
    root.delete(BASE)


def welcome(user: Client) -> Any:
    return user.get("/chat/api/config").json()["interface"].get("customWelcome")


def patch(user: UserClient, path: str = BASE, **values: Any) -> Any:
    entries = [{"fieldPath": f"interface.{name}", "value": value} for name, value in values.items()]
    return user.patch(f"{path}/fields", json={"entries": entries})


class TestEverybodysOverrides:
    def test_take_effect_for_clients_of_both_contracts(
        self, root: UserClient, ada: UserClient, noted: Noted
    ) -> None:
        answer = patch(root, customWelcome="Good morning", modelSelect=False)
        config = answer.json()["config"]
        assert (config["overrides"], config["configVersion"]) == (
            {"interface": {"customWelcome": "Good morning", "modelSelect": False}},
            1,
        )
        assert welcome(ada) == "Good morning"
        assert ada.get("/api/config").json()["interface"]["modelSelect"] is False
        entry = noted("__base__")
        assert entry["metadata"]["paths"] == "interface.customWelcome, interface.modelSelect"
        assert "Good morning" not in repr(entry)

    def test_are_shown_to_anyone_where_that_is_for_anyone(self, root: UserClient, api: Client) -> None:
        patch(root, privacyPolicy={"externalUrl": "https://example.com/privacy"})
        assert api.get("/chat/api/config").json()["interface"] == {
            "privacyPolicy": {"externalUrl": "https://example.com/privacy"}
        }

    @pytest.mark.parametrize("section", ["privacyPolicy", "termsOfService"])
    @pytest.mark.parametrize(
        "link", ["javascript:alert(1)", " JavaScript:alert(1)", "java\nscript:x", "data:,x"]
    )
    def test_plant_no_scripts(self, root: UserClient, section: str, link: str) -> None:
        answer = patch(root, **{section: {"externalUrl": link}})
        assert (answer.status_code, answer.json()["code"]) == (422, "wrong_configuration")

    def test_are_merged_into_what_there_is(self, root: UserClient, ada: UserClient) -> None:
        patch(root, customWelcome="One", feedback=False)
        config = patch(root, customWelcome="Two").json()["config"]
        assert config["overrides"]["interface"] == {"customWelcome": "Two", "feedback": False}
        assert config["configVersion"] == 2
        reset = root.delete(f"{BASE}/fields", params={"fieldPath": "interface.feedback"}).json()["config"]
        assert reset["overrides"] == {"interface": {"customWelcome": "Two"}}
        assert welcome(ada) == "Two"

    def test_can_be_replaced_switched_off_and_removed(self, root: UserClient, ada: UserClient) -> None:
        new = {"overrides": {"interface": {"customWelcome": "New"}}, "priority": 0}
        assert root.put(BASE, json=new).status_code == 201
        assert root.put(BASE, json=new).status_code == 200
        assert welcome(ada) == "New"
        off = root.patch(f"{BASE}/active", json={"isActive": False}).json()["config"]
        assert (off["isActive"], off["priority"], welcome(ada)) == (False, 0, None)
        root.patch(f"{BASE}/active", json={"isActive": True})
        assert welcome(ada) == "New"
        assert root.delete(BASE).json() == {"success": True}
        assert welcome(ada) is None
        assert root.get(BASE).status_code == root.delete(BASE).status_code == 404

    def test_take_away_what_the_file_says(
        self, make_application: Any, root: UserClient, tmp_path: Any
    ) -> None:
        file = tmp_path / "librechat.yaml"
        file.write_text("version: 1.3.5\ninterface: {customWelcome: From the file, modelSelect: false}\n")
        echo = make_application(CONFIG_PATH=str(file))
        echo.headers = root.headers
        assert welcome(echo) == "From the file"
        buried = echo.post(f"{BASE}/fields/tombstone", json={"fieldPath": "interface.customWelcome"})
        assert buried.json()["config"]["tombstones"] == ["interface.customWelcome"]
        assert welcome(echo) is None
        # Who sets a value again takes the tombstone away.
        assert patch(echo, customWelcome="Again").json()["config"]["tombstones"] == []
        assert welcome(echo) == "Again"
        shown = echo.get(f"{A}/config/base").json()["config"]["interface"]
        assert shown == {"customWelcome": "Again", "modelSelect": False}
        only = echo.get(f"{A}/config/base", params={"baseOnly": "true"}).json()["config"]["interface"]
        assert only["customWelcome"] == "From the file"


class TestOverridesForSome:
    def test_win_by_their_priority(self, root: UserClient, ada: UserClient, bob: UserClient) -> None:
        patch(root, customWelcome="Everybody")
        for kind, identifier, text, priority in (
            ("role", "USER", "Users", 20),
            ("user", ada.id, "Ada", 30),
            ("user", "0" * 24, "Nobody", 99),
        ):
            body = {"overrides": {"interface": {"customWelcome": text}}, "priority": priority}
            assert root.put(f"{A}/config/{kind}/{identifier}", json=body).status_code == 201
        assert (welcome(ada), welcome(bob), welcome(root)) == ("Ada", "Users", "Everybody")
        configs = root.get(f"{A}/config").json()["configs"]
        assert [each["priority"] for each in configs] == [10, 20, 30, 99]

    def test_reach_the_members_of_a_group(self, root: UserClient, ada: UserClient, bob: UserClient) -> None:
        group = root.post(f"{A}/groups", json={"name": secrets.token_hex(6), "memberIds": [ada.id]})
        patch(root, f"{A}/config/group/{group.json()['group']['_id']}", customWelcome="Members")
        assert (welcome(ada), welcome(bob)) == ("Members", None)

    def test_that_are_wrong_have_no_effect(self, root: UserClient, ada: UserClient, stored: Stored) -> None:
        patch(root, customWelcome="Everybody")
        wrong = {"interface": {"customWelcome": 7}, "endpoints": {"custom": "x"}}
        stored.configs.insert_one(
            {
                "principalType": "role",
                "principalId": "USER",
                "priority": 50,
                "isActive": True,
                "overrides": wrong,
            }
        )
        assert welcome(ada) == "Everybody"


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("path", "value"),
        [
            ("endpoints.openAI.titleModel", "x"),
            ("interface.prompts", False),
            ("interface.agents.use", True),
            ("interface.temporaryChatRetention", 5),
            ("rateLimits", {}),
            ("interface", {"memories": False}),
        ],
    )
    def test_is_what_counts_only_at_the_start(
        self, root: UserClient, path: str, value: Any, stored: Stored
    ) -> None:
        answer = root.patch(f"{BASE}/fields", json={"entries": [{"fieldPath": path, "value": value}]})
        assert (answer.status_code, answer.json()["code"]) == (422, "fixed_configuration")
        assert path in answer.json()["error"]
        assert stored.configs.count_documents({}) == 0

    def test_whole_files_too(self, root: UserClient) -> None:
        answer = root.put(BASE, json={"overrides": {"version": "1.3.5", "endpoints": {"custom": []}}})
        assert answer.json()["code"] == "fixed_configuration"

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("modelSelect", "yes"),
            ("customWelcome", {"$ne": 1}),
            ("privacyPolicy", {"unheard": 1}),
            ("privacyPolicy", []),
        ],
    )
    def test_is_what_does_not_fit(self, root: UserClient, name: str, value: Any) -> None:
        answer = patch(root, **{name: value})
        assert (answer.status_code, answer.json()["code"]) == (422, "wrong_configuration")

    @pytest.mark.parametrize("path", ["", ".", "a..b", "$set", "interface.$x", "a.b.", "x" * 101, "a b"])
    def test_paths_that_are_none(self, root: UserClient, path: str) -> None:
        answer = root.patch(f"{BASE}/fields", json={"entries": [{"fieldPath": path, "value": 1}]})
        assert answer.status_code == 400

    def test_a_path_twice(self, root: UserClient) -> None:
        entry = {"fieldPath": "interface.feedback", "value": True}
        assert root.patch(f"{BASE}/fields", json={"entries": [entry, entry]}).status_code == 400


class TestWhoMay:
    def test_read_and_change_one_section(self, root: UserClient, granted: Granted, stored: Stored) -> None:
        stored.configs.insert_one(
            {
                "principalType": "role",
                "principalId": "STAFF",
                "priority": 1,
                "isActive": True,
                "configVersion": 3,
                "overrides": {"interface": {"customWelcome": "Hi"}, "endpoints": {"all": {}}},
                "tombstones": ["endpoints.custom", "interface.presets"],
            }
        )
        clerk, path = granted("access:admin", "manage:configs:interface"), f"{A}/config/role/STAFF"
        seen = clerk.get(path).json()["config"]
        assert (seen["overrides"], seen["tombstones"]) == (
            {"interface": {"customWelcome": "Hi"}},
            ["interface.presets"],
        )
        assert patch(clerk, path, customWelcome="Hello").status_code == 200
        assert stored.configs.find_one({"principalId": "STAFF"})["overrides"]["endpoints"] == {"all": {}}  # type: ignore[index]
        # Nobody's but those who may change everything are the overrides for everybody, and whole documents.
        assert patch(clerk, customWelcome="Hello").status_code == 403
        assert clerk.put(path, json={"overrides": {}}).status_code == 403
        assert clerk.delete(path).status_code == 403
        assert clerk.delete(f"{path}/fields", params={"fieldPath": "endpoints.all"}).status_code == 403

    def test_only_make_and_remove_empty_ones(self, granted: Granted, stored: Stored) -> None:
        clerk, path = granted("access:admin", "assign:configs:user"), f"{A}/config/user/{'1' * 24}"
        assert clerk.put(path, json={"overrides": {}, "priority": 99}).json()["config"]["priority"] == 10
        assert clerk.put(f"{A}/config/role/USER", json={"overrides": {}}).status_code == 403
        full = {"overrides": {"interface": {"feedback": True}}}
        assert clerk.put(path, json=full).status_code == 403
        stored.configs.update_one({"principalId": "1" * 24}, {"$set": full})
        for answer in (
            clerk.put(path, json={"overrides": {}}),
            clerk.delete(path),
            clerk.patch(f"{path}/active", json={"isActive": False}),
        ):
            assert answer.status_code == 403
        stored.configs.update_one({"principalId": "1" * 24}, {"$set": {"overrides": {}}})
        assert clerk.delete(path).status_code == 200

    def test_nobody_without_any_of_it(self, granted: Granted) -> None:
        clerk = granted("access:admin")
        for path in (f"{A}/config", f"{A}/config/base", BASE):
            assert clerk.get(path).status_code == 403

    def test_loses_it_with_the_grant(self, granted: Granted, stored: Stored) -> None:
        clerk = granted("access:admin", "read:configs")
        assert clerk.get(f"{A}/config").status_code == 200
        stored.systemgrants.delete_one({"principalId": role_of(stored, clerk), "capability": "read:configs"})
        assert clerk.get(f"{A}/config").status_code == 403


class TestSecrets:
    def test_are_never_shown(
        self, make_application: Any, root: UserClient, stored: Stored, tmp_path: Any
    ) -> None:
        file = tmp_path / "librechat.yaml"
        file.write_text(
            """
version: 1.3.5
speech: {stt: {openai: {apiKey: canary-1, model: whisper-1}}}
endpoints:
  custom:
    - name: Own
      apiKey: canary-2
      baseURL: https://example.com/v1
      headers: {X-Anything: canary-5, X-Named: '${NAMED}'}
      models: {default: [m]}
"""
        )
        stored.configs.insert_one(
            {
                "principalType": "role",
                "principalId": "__base__",
                "priority": 0,
                "isActive": True,
                "overrides": {"mcpServers": {"a": {"env": {"X": "canary-6"}}}},
            }
        )
        echo = make_application(CONFIG_PATH=str(file))
        echo.headers = root.headers
        answers = [echo.get(path).text for path in (f"{A}/config/base", f"{A}/config", BASE)]
        assert "canary" not in "".join(answers)
        custom = echo.get(f"{A}/config/base").json()["config"]["endpoints"]["custom"][0]
        assert custom["apiKey"] == custom["headers"]["X-Anything"] == "********"
        assert (custom["baseURL"], custom["headers"]["X-Named"]) == ("https://example.com/v1", "${NAMED}")


class TestWhatTheServerEnforces:
    """Sections that are not only shown to clients."""

    def put(self, root: UserClient, path: str = BASE, **sections: Any) -> None:
        assert root.put(path, json={"overrides": sections}).is_success

    def test_who_may_register(self, root: UserClient, api: Client) -> None:
        self.put(root, registration={"allowedDomains": ["allowed.example"]})
        fields = {"name": "Eve", "password": PASSWORD, "confirm_password": PASSWORD}
        refused = api.post("/api/auth/register", json={**fields, "email": "eve@other.example"})
        assert (refused.status_code, refused.json()["code"]) == (403, "domain_not_allowed")
        self.put(root)
        email = f"eve-{secrets.token_hex(4)}@other.example"
        assert api.post("/api/auth/register", json={**fields, "email": email}).is_success

    def test_what_may_be_uploaded_by_whom(self, root: UserClient, ada: UserClient, bob: UserClient) -> None:
        own = f"{A}/config/user/{ada.id}"
        default = {"fileSizeLimit": 0.00001, "supportedMimeTypes": ["text/plain"]}
        self.put(root, own, fileConfig={"endpoints": {"default": default}})

        def upload(user: UserClient, content: bytes, name: str = "note.txt") -> tuple[int, str]:
            answer = user.post("/api/files", files={"file": (name, content, "text/plain")})
            return answer.status_code, answer.json().get("code", "")

        assert upload(ada, b"short") == (201, "")
        assert upload(ada, b"longer than ten bytes") == (413, "payload_too_large")
        assert upload(ada, b"a,b", "table.csv") == (415, "unsupported_file")
        assert upload(bob, b"longer than ten bytes") == upload(bob, b"a,b", "table.csv") == (201, "")
        shown = ada.get("/chat/api/files/config").json()["endpoints"]["default"]
        assert shown["supportedMimeTypes"] == ["text/plain"]

    def test_the_model_specs(self, root: UserClient, ada: UserClient, services: Services) -> None:
        spec = {"name": "fast", "label": "Fast", "preset": {"endpoint": "openAI", "model": "gpt-5"}}
        self.put(root, modelSpecs={"enforce": True, "list": [spec]})
        shown = ada.get("/chat/api/config").json()["modelSpecs"]
        assert [each["name"] for each in shown["list"]] == ["fast"]
        specs = specs_of(services.administration.live.settings(ada.id))
        with pytest.raises(Unprocessable, match="unusable_model_spec"):
            specs.choose({"model": "gpt-5"}, {}, "openAI")
        found = specs.choose({"spec": "fast"}, {}, "openAI")
        assert found is not None
        assert found.preset["model"] == "gpt-5"
