"""Which models a role and groups open: in lists, chats, and under `/v1`; what is not open is as what is not there."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from bson import ObjectId
from starlette.testclient import TestClient

from echo.access import remembered
from echo.app import assemble
from echo.settings import Settings
from echo.settings.model_access import ModelRules
from storage.core.database import Database
from tests.conftest import Client, MakeUser, UserClient
from tests.files import samples
from tests.support.asgi import QuickClient
from tests.support.contract import ProjectChecker
from tests.support.operations import JSON, OPERATIONS

ROLE, GROUP = "READERS", "Physicists of the tests"
RULES = ModelRules(
    roles={ROLE: ("openAI/gpt-4o-mini", "openAI/tts-1"), "ADMIN": ("*",)}, groups={GROUP: ("Fake/*",)}
)
SPECS = [
    {"name": "open", "label": "Open", "preset": {"endpoint": "openAI", "model": "gpt-4o-mini"}},
    {"name": "shut", "label": "Shut", "preset": {"endpoint": "openAI", "model": "gpt-4o"}},
    {"name": "elsewhere", "label": "Elsewhere", "preset": {"endpoint": "Fake"}},
    {"name": "agent", "label": "Agent", "preset": {"endpoint": "agents", "agent_id": "agent_x"}},
]
# What asks a model that a body names.
ASKING = [op for op in OPERATIONS if op.template.startswith("/v1/") and JSON in op.media]
MakeReader = Callable[..., Client]


@pytest.fixture(scope="module", autouse=True)
def _changes_count_at_once() -> Iterator[None]:
    """What tests write behind the server's back is not waited for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(remembered, "CHECK_SECONDS", 0.0)
        yield


@pytest.fixture(scope="module")
def http(settings: Settings, running: TestClient) -> Iterator[TestClient]:
    """The application with rules for models, on the same database."""
    shown = replace(settings.client, model_specs={"list": SPECS})
    ruled = replace(settings, model_access=RULES, model_specs=SPECS, client=shown)
    app = assemble(ruled).asgi
    with QuickClient(app, raise_server_exceptions=False, client=("127.0.0.1", 50000)) as client:
        yield client


@pytest.fixture
def make_reader(
    http: TestClient, make_user: MakeUser, checker: ProjectChecker, app_database: Database
) -> Iterator[MakeReader]:
    """Makes a user of a role, and a client for them where the rules hold."""
    roles = app_database.collection("roles")
    user_role = roles.find_one({"name": "USER"}) or {}
    roles.insert_one({"name": ROLE, "permissions": user_role["permissions"]})

    def make(role: str = ROLE, user: UserClient | None = None) -> Client:
        user = user or make_user("reader")
        app_database.collection("users").update_one({"_id": ObjectId(user.id)}, {"$set": {"role": role}})
        return Client(http, checker, user.headers["Authorization"].removeprefix("Bearer "))

    yield make
    roles.delete_one({"name": ROLE})
    app_database.collection("groups").delete_many({"name": GROUP})


@pytest.fixture
def reader(make_reader: MakeReader) -> Client:
    return make_reader()


def v1_models(client: Client) -> list[str]:
    """Those of endpoints: agents that everybody may use are models too, and other tests make some."""
    ids = [each["id"] for each in client.get("/v1/models").json()["data"]]
    return [each for each in ids if not each.startswith("agents/")]


class TestLists:
    def test_have_what_is_open(self, reader: Client) -> None:
        for base in ("", "/chat"):
            assert reader.get(f"{base}/api/models").json() == {"openAI": ["gpt-4o-mini"]}
        assert [each["name"] for each in reader.get("/api/endpoints").json()] == ["openAI"]
        assert set(reader.get("/chat/api/endpoints").json()) == {"openAI", "agents"}
        assert set(reader.get("/chat/api/endpoints/token-config").json()["openAI"]) == {"gpt-4o-mini"}
        assert v1_models(reader) == ["openAI/gpt-4o-mini"]

    @pytest.mark.parametrize("path", ["/api/config", "/chat/api/config"])
    def test_have_the_specs_of_what_is_open(self, reader: Client, path: str) -> None:
        listed = reader.get(path).json()["modelSpecs"]["list"]
        assert [each["name"] for each in listed] == ["open", "agent"]

    def test_have_what_a_group_opens_besides(
        self, make_reader: MakeReader, make_user: MakeUser, app_database: Database
    ) -> None:
        user = make_user("member")
        app_database.collection("groups").insert_one({"name": GROUP, "memberIds": [user.id]})
        member = make_reader(user=user)
        assert member.get("/api/models").json() == {"openAI": ["gpt-4o-mini"], "Fake": ["gpt-4o"]}
        assert sorted(v1_models(member)) == ["Fake/gpt-4o", "openAI/gpt-4o-mini"]
        listed = member.get("/api/config").json()["modelSpecs"]["list"]
        assert [each["name"] for each in listed] == ["open", "elsewhere", "agent"]
        app_database.collection("groups").update_one({"name": GROUP}, {"$set": {"memberIds": []}})
        assert v1_models(member) == ["openAI/gpt-4o-mini"]

    def test_have_everything_for_a_star(self, make_reader: MakeReader) -> None:
        administrator = make_reader("ADMIN")
        found = administrator.get("/api/models").json()
        assert (found["openAI"], found["Fake"]) == (["gpt-4o", "gpt-4o-mini"], ["gpt-4o"])
        assert len(administrator.get("/api/config").json()["modelSpecs"]["list"]) == 4

    def test_have_nothing_for_a_role_that_the_rules_do_not_name(self, make_reader: MakeReader) -> None:
        nobody = make_reader("USER")
        assert nobody.get("/api/models").json() == {}
        assert nobody.get("/api/endpoints").json() == []
        assert nobody.get("/chat/api/endpoints").json() == {}
        assert v1_models(nobody) == []


def said(answer: Any) -> dict[str, Any]:
    """What an answer says, without the number that each request has."""
    return {name: value for name, value in answer.json().items() if name != "requestId"}


def chat(client: Client, endpoint: str, **body: Any) -> Any:
    return client.post(f"/chat/api/agents/chat/{endpoint}", json={"text": "Hi", **body})


class TestChats:
    def test_ask_what_is_open(self, reader: Client) -> None:
        assert chat(reader, "openAI", model="gpt-4o-mini").status_code == 200

    def test_answer_for_a_model_that_is_not_open_as_for_one_that_is_not_there(self, reader: Client) -> None:
        shut, missing = (chat(reader, "openAI", model=model) for model in ("gpt-4o", "gpt-0"))
        assert (shut.status_code, shut.json()["code"]) == (422, "unknown_model")
        assert said(shut) == said(missing)

    def test_answer_for_an_endpoint_that_is_not_open_as_for_one_that_is_not_there(
        self, reader: Client
    ) -> None:
        shut, missing = (chat(reader, endpoint, model="gpt-4o") for endpoint in ("Fake", "Nowhere"))
        assert (shut.status_code, shut.json()["code"]) == (422, "endpoint_unavailable")
        assert said(shut) == said(missing)

    def test_take_the_first_model_that_is_open(self, reader: Client) -> None:
        conversation = chat(reader, "openAI").json()["conversationId"]
        reader.get(f"/api/agents/chat/stream/{conversation}")
        assert reader.get(f"/api/convos/{conversation}").json()["model"] == "gpt-4o-mini"

    def test_do_not_ask_beside_it_what_is_not_open(self, reader: Client) -> None:
        beside = chat(
            reader, "openAI", model="gpt-4o-mini", addedConvo={"endpoint": "openAI", "model": "gpt-4o"}
        )
        assert beside.json()["code"] == "unknown_model"

    def test_do_not_ask_it_by_a_preset_or_a_spec(self, reader: Client) -> None:
        preset = reader.post("/api/presets", json={"title": "Mine", "endpoint": "openAI", "model": "gpt-4o"})
        assert chat(reader, "openAI", presetId=preset.json()["presetId"]).json()["code"] == "unknown_model"
        assert chat(reader, "openAI", spec="shut").json()["code"] == "unknown_model"

    def test_do_not_ask_it_through_an_agent_whoever_made_it(
        self, make_reader: MakeReader, app_database: Database
    ) -> None:
        maker, user = make_reader("ADMIN"), make_reader()
        made = maker.post("/chat/api/agents", json={"provider": "openAI", "model": "gpt-4o"}).json()
        grant = {"resourceType": "agent", "resourceId": ObjectId(made["_id"]), "permBits": 1}
        whom = {"principalType": "user", "principalId": ObjectId(user.get("/api/user").json()["id"])}
        app_database.collection("aclentries").insert_one({**grant, **whom})
        assert chat(maker, "agents", agent_id=made["id"]).status_code == 200
        assert chat(user, "agents", agent_id=made["id"]).json()["code"] == "unknown_model"


class TestPrograms:
    @pytest.mark.parametrize("op", ASKING, ids=lambda op: op.id)
    def test_ask_nothing_that_is_not_open(self, reader: Client, op: Any) -> None:
        answers = []
        for model in ("openAI/gpt-4o", "openAI/gpt-0", "gpt-4o", "Fake/gpt-4o"):
            answer = reader.request(op.method, op.path, json={**op.example_body(), "model": model})
            assert answer.status_code == 404, model
            answers.append(answer.json()["error"]["message"])
        assert len(set(answers)) == 1

    @pytest.mark.parametrize(
        ("path", "name", "content"),
        [
            ("/v1/audio/transcriptions", "file", samples.wav()),
            ("/v1/audio/translations", "file", samples.wav()),
            ("/v1/images/edits", "image", samples.picture("PNG", (1, 1))),
        ],
    )
    def test_nor_with_a_file(self, reader: Client, path: str, name: str, content: bytes) -> None:
        data = {"model": "openAI/gpt-4o", "prompt": "A cat"}
        answer = reader.post(path, files={name: ("a", content)}, data=data)
        assert (answer.status_code, answer.json()["code"]) == (404, "model_not_found")

    def test_find_nothing_that_is_not_open(self, reader: Client) -> None:
        assert reader.get("/v1/models/openAI%2Fgpt-4o-mini").status_code == 200
        shut, missing = (reader.get(f"/v1/models/openAI%2F{model}") for model in ("gpt-4o", "gpt-0"))
        assert (shut.status_code, shut.json()["code"]) == (404, "model_not_found")
        assert said(shut) == said(missing)

    def test_ask_what_is_open(self, reader: Client) -> None:
        asked = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]}
        assert reader.post("/v1/chat/completions", json=asked).json()["model"] == "gpt-4o-mini"
        spoken = {"model": "tts-1", "input": "Hi", "voice": "alloy"}
        assert reader.post("/v1/audio/speech", json=spoken).status_code == 200
