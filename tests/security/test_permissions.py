"""What the role of a caller must have: for every operation of both contracts, written out, taken away, given back."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from bson import ObjectId

from echo.access import remembered
from storage.core.database import Database
from tests.conftest import MakeUser, UserClient
from tests.security.conftest import send
from tests.support.operations import ALL_OPERATIONS, Op

USE, MAKE = ("USE",), ("USE", "CREATE")
# What operations need; all others need nothing.
NEEDED: dict[tuple[str, tuple[str, ...]], tuple[str, ...]] = {
    ("REMOTE_AGENTS", USE): (
        *("create_api_key", "delete_api_key", "get_api_key", "list_api_keys", "update_api_key"),
        *("librechat.create_api_key", "librechat.delete_api_key"),
        *("librechat.get_api_key", "librechat.list_api_keys"),
        *("count_anthropic_tokens", "create_anthropic_message", "create_chat_completion"),
        *("create_embeddings", "create_image", "create_image_edit", "create_response"),
        *("create_speech", "create_transcription", "create_translation", "delete_response"),
        *("cancel_response", "get_response", "get_v1_model", "list_response_input_items", "list_v1_models"),
        *(
            "librechat.create_agent_completion",
            "librechat.create_agent_response",
            "librechat.get_agent_response",
        ),
        *("librechat.get_remote_agent", "librechat.list_remote_agents", "librechat.list_response_agents"),
    ),
    ("BOOKMARKS", USE): (
        *("librechat.list_tags", "librechat.create_tag", "librechat.update_tag"),
        *("librechat.delete_tag", "librechat.set_conversation_tags"),
    ),
    ("PROMPTS", USE): (
        *("librechat.list_prompts", "librechat.list_all_prompt_groups", "librechat.list_prompt_groups"),
        *("librechat.get_prompt_group", "librechat.add_prompt", "librechat.use_prompt_group"),
        "librechat.get_prompt",
    ),
    ("PROMPTS", MAKE): (
        *("librechat.create_prompt_group", "librechat.update_prompt_group"),
        *("librechat.delete_prompt_group", "librechat.delete_prompt", "librechat.set_production_prompt"),
    ),
    ("MEMORIES", ("USE", "READ")): ("librechat.list_memories",),
    ("MEMORIES", ("USE", "CREATE")): ("librechat.create_memory",),
    ("MEMORIES", ("USE", "UPDATE")): ("librechat.update_memory", "librechat.delete_memory"),
    ("MEMORIES", ("USE", "OPT_OUT")): ("librechat.update_memory_preferences",),
    ("AGENTS", USE): (
        *("librechat.list_agents", "librechat.get_agent", "librechat.get_expanded_agent"),
        *("librechat.list_agent_versions", "librechat.list_agent_files"),
    ),
    ("AGENTS", MAKE): (
        *("librechat.create_agent", "librechat.update_agent", "librechat.delete_agent"),
        *("librechat.duplicate_agent", "librechat.revert_agent", "librechat.upload_agent_avatar"),
        *("librechat.save_agent_action", "librechat.delete_agent_action"),
    ),
    ("SKILLS", USE): (
        *("librechat.list_skills", "librechat.get_skill", "librechat.list_skill_files"),
        *("librechat.get_skill_file", "librechat.upload_skill_file", "librechat.delete_skill_file"),
    ),
    ("SKILLS", MAKE): (
        *("librechat.create_skill", "librechat.import_skill"),
        *("librechat.update_skill", "librechat.delete_skill"),
    ),
    ("SHARED_LINKS", ("CREATE",)): ("librechat.create_share", "librechat.update_share"),
    ("RUN_CODE", USE): ("librechat.call_tool",),
    ("MCP_SERVERS", USE): (
        *("librechat.list_mcp_servers", "librechat.list_mcp_tools", "librechat.get_mcp_server"),
        *("librechat.reinitialize_mcp_server", "librechat.get_mcp_auth_values", "librechat.bind_mcp_oauth"),
    ),
    ("MCP_SERVERS", MAKE): (
        *("librechat.create_mcp_server", "librechat.update_mcp_server", "librechat.delete_mcp_server"),
    ),
}
NEEDS = {name: {kind: names} for (kind, names), operations in NEEDED.items() for name in operations}
SHARING = ("SHARE", "SHARE_PUBLIC")
PICKING = ("VIEW_USERS", "VIEW_GROUPS", "VIEW_ROLES")
TOOLS = dict.fromkeys(("WEB_SEARCH", "RUN_CODE", "FILE_SEARCH", "MCP_SERVERS", "SKILLS"), USE)
CHAT = {"AGENTS": USE, "TEMPORARY_CHAT": USE, "MULTI_CONVO": USE, **TOOLS}
# What they need only for some requests. Sharing has tests of its own: `tests/handlers/librechat/test_permissions.py`.
NEEDS_IF: dict[str, dict[str, tuple[str, ...]]] = {
    "start_chat": {"AGENTS": USE, "TEMPORARY_CHAT": USE},
    "librechat.start_chat": CHAT,
    "librechat.start_agent_chat": CHAT,
    "librechat.list_agents": {"MARKETPLACE": USE},
    "librechat.upload_file": {"AGENTS": MAKE},
    "librechat.upload_image": {"AGENTS": MAKE},
    "librechat.delete_files": {"AGENTS": MAKE},
    "librechat.search_principals": {"PEOPLE_PICKER": PICKING},
    "librechat.update_resource_permissions": {
        **dict.fromkeys(("AGENTS", "PROMPTS", "SKILLS", "SHARED_LINKS"), SHARING),
        "PEOPLE_PICKER": PICKING,
    },
}
# Whatever these are for, what is asked for does not exist: only who may ask is of interest.
IDS = {"id": "asst_x", "userId": "0" * 24}
AGENT = {"agent_id": "agent_" + "x" * 21}


@dataclass(frozen=True)
class Case:
    """A request to an operation of `NEEDS_IF`, and the permission that it needs."""

    kind: str
    name: str
    method: str
    path: str
    options: Mapping[str, Any]


def chat(kind: str, path: str, **body: Any) -> Case:
    return Case(kind, "USE", "POST", path, {"json": {"text": "Hi", "endpoint": "x", **body}})


def upload(path: str, name: str, resource: str) -> Case:
    data = {"tool_resource": resource, **AGENT}
    return Case("AGENTS", "CREATE", "POST", path, {"files": {"file": (name, b"x")}, "data": data})


OURS, THEIRS = "/api/agents/chat", "/chat/api/agents/chat"
BESIDE = {"endpoint": "x", "model": "y"}
TOGGLES = {
    "WEB_SEARCH": {"web_search": True},
    "RUN_CODE": {"execute_code": True},
    "FILE_SEARCH": {"file_search": True},
    "MCP_SERVERS": {"mcp": ["files"]},
    "SKILLS": {"skills": True},
}
FILES = {"files": [], "tool_resource": "context", **AGENT}
SEARCH, AGENTS = "/chat/api/permissions/search-principals", "/chat/api/agents"
CASES = [
    *(chat("AGENTS", f"{base}/agents") for base in (OURS, THEIRS)),
    chat("AGENTS", THEIRS, endpoint="agents", **AGENT),
    chat("AGENTS", f"{THEIRS}/x", addedConvo={"endpoint": "agents", **AGENT}),
    *(chat("TEMPORARY_CHAT", f"{base}/x", isTemporary=True) for base in (OURS, THEIRS)),
    *(chat("MULTI_CONVO", path, addedConvo=BESIDE) for path in (f"{THEIRS}/x", THEIRS)),
    *(chat(kind, f"{THEIRS}/x", ephemeralAgent=toggles) for kind, toggles in TOGGLES.items()),
    Case("MARKETPLACE", "USE", "GET", AGENTS, {"params": {"category": "sales"}}),
    Case("MARKETPLACE", "USE", "GET", AGENTS, {"params": {"promoted": 1}}),
    *(Case("AGENTS", name, "DELETE", "/chat/api/files", {"json": FILES}) for name in MAKE),
    upload("/chat/api/files", "a.txt", "context"),
    upload("/chat/api/files/images", "a.png", "image_edit"),
    *(
        Case("PEOPLE_PICKER", name, "GET", SEARCH, {"params": {"q": "nobody", "types": kind}})
        for name, kind in zip(PICKING, ("user", "group", "role"), strict=True)
    ),
]
Put = Callable[[str, str, bool], None]


@pytest.fixture(scope="module", autouse=True)
def _changes_count_at_once() -> Iterator[None]:
    """What tests write behind the server's back is not waited for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(remembered, "CHECK_SECONDS", 0.0)
        yield


@pytest.fixture
def limited(make_user: MakeUser, app_database: Database) -> Iterator[UserClient]:
    """A user of a role of the operator's own, which may do everything."""
    user = make_user("limited")
    role = f"ROLE {user.id}"
    app_database.collection("users").update_one({"_id": ObjectId(user.id)}, {"$set": {"role": role}})
    roles = app_database.collection("roles")
    admin = roles.find_one({"name": "ADMIN"}) or {}
    roles.insert_one({"name": role, "permissions": admin["permissions"]})
    yield user
    roles.delete_one({"name": role})


@pytest.fixture
def put(limited: UserClient, app_database: Database) -> Put:
    """Takes a permission from the role, or gives it back."""

    def change(kind: str, name: str, value: bool) -> None:
        path = f"permissions.{kind}.{name}"
        app_database.collection("roles").update_one({"name": f"ROLE {limited.id}"}, {"$set": {path: value}})

    return change


def needs_of(op: Op, name: str) -> dict[str, tuple[str, ...]]:
    return {kind: tuple(names) for kind, names in op.raw.get(name, {}).items()}


class TestTheContracts:
    def test_say_what_each_operation_needs(self) -> None:
        found = {op.id: needs_of(op, "x-echo-permission") for op in ALL_OPERATIONS}
        assert {name: needs for name, needs in found.items() if needs} == NEEDS

    def test_say_what_some_requests_need(self) -> None:
        found = {op.id: needs_of(op, "x-echo-permission-if") for op in ALL_OPERATIONS}
        assert {name: needs for name, needs in found.items() if needs} == NEEDS_IF

    def test_need_the_same_of_every_program(self) -> None:
        of_programs = {op.id for op in ALL_OPERATIONS if op.template.startswith("/v1/")}
        assert of_programs <= set(NEEDED["REMOTE_AGENTS", USE])

    def test_ask_nobody_who_has_not_logged_in(self) -> None:
        assert all(op.secured for op in ALL_OPERATIONS if needs_of(op, "x-echo-permission"))


@pytest.mark.parametrize(
    ("kind", "name"),
    sorted({(kind, name) for needs in NEEDS.values() for kind in needs for name in needs[kind]}),
)
def test_without_the_permission_each_operation_that_needs_it_refuses(
    limited: UserClient, put: Put, kind: str, name: str
) -> None:
    concerned = [op for op in ALL_OPERATIONS if name in NEEDS.get(op.id, {}).get(kind, ())]
    put(kind, name, False)
    for op in concerned:
        answer = send(limited, op, IDS)
        assert (answer.status_code, code_of(answer)) == (403, "insufficient_permissions"), op.id
    put(kind, name, True)
    for op in concerned:
        assert send(limited, op, IDS).status_code != 403, op.id


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind} {case.method} {case.path}")
def test_without_the_permission_each_request_that_needs_it_is_refused(
    limited: UserClient, put: Put, case: Case
) -> None:
    assert limited.request(case.method, case.path, **case.options).status_code != 403
    put(case.kind, case.name, False)
    answer = limited.request(case.method, case.path, **case.options)
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_permissions")


def test_a_question_to_a_model_needs_nothing(limited: UserClient, app_database: Database) -> None:
    role = {"name": f"ROLE {limited.id}"}
    app_database.collection("roles").update_one(role, {"$set": {"permissions": {}}})
    asked = {
        "text": "Hi",
        "ephemeralAgent": {"web_search": False, "mcp": ["sys__clear__sys"], "artifacts": ""},
    }
    answer = limited.post("/chat/api/agents/chat/Fake", json=asked)
    assert answer.status_code == 200, answer.text


def code_of(answer: Any) -> str:
    body = answer.json()
    return str(body.get("code") or body["error"]["code"])
