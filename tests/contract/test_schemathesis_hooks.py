"""Which findings our own checks take back, and which stand."""

import copy
import json
import re
from collections.abc import Callable
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from schemathesis import HookContext
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.openapi.checks import (
    EnsureResourceAvailability,
    ObjectLevelAuthorizationViolation,
    UseAfterFree,
)

from echo.testing import hooks, lifetimes
from echo.testing.event_streams import answers, before_load_schema, event_streams
from tests.support.operations import ALL_OPERATIONS, DOCUMENT, LIBRECHAT


def case(name: str, label: str, status: int = 200, answer: Any = None, **said: Any) -> Any:
    """A request that was sent: `said` are its `query` and `body`, and else the values in its path."""
    query, body = said.pop("query", {}), said.pop("body", None)
    return SimpleNamespace(
        id=name,
        operation=SimpleNamespace(label=label),
        path_parameters=said,
        query=query,
        body=body,
        status=status,
        answer=answer,
        transition=None,
        media_type=None,
    )


def check(checked: Callable[..., Any], *cases: Any) -> bool | None:
    """Run a check on the last of these cases; the first is its parent."""

    class Internals:
        recorder = SimpleNamespace(cases={each.id: each for each in cases})

        def find_all_cases(self) -> Any:
            return iter(cases)

        def find_parent(self, *, case_id: str) -> Any:
            return cases[0]

        def find_response(self, *, case_id: str) -> Any:
            [found] = [each for each in cases if each.id == case_id]
            return SimpleNamespace(status_code=found.status, json=lambda: found.answer)

    response = SimpleNamespace(status_code=200)
    result: bool | None = checked(SimpleNamespace(internals=Internals()), response, cases[-1])
    return result


@pytest.fixture
def find(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let Schemathesis find something."""

    def set_up(name: str, failure: Exception) -> None:
        def finds(*_: Any) -> None:
            raise failure

        monkeypatch.setattr(hooks, name, finds)

    return set_up


POST_A_MESSAGE = "POST /api/messages/{conversationId}"
DELETE_A_CONVERSATION = "DELETE /api/convos/{conversationId}"
READ = case("9", "GET /api/convos/{conversationId}", conversationId="c")
DELETED = case("1", DELETE_A_CONVERSATION, conversationId="c")
POSTED = case("2", POST_A_MESSAGE, conversationId="c")


class TestUseAfterDelete:
    @pytest.fixture(autouse=True)
    def found(self, find: Callable[..., None]) -> None:
        options = {"operation": "DELETE", "message": "there", "free": "DELETE", "usage": "GET"}
        find("use_after_free", UseAfterFree(**options, deleted_case_id="1"))

    @pytest.mark.parametrize(
        "cases",
        [
            pytest.param((DELETED, POSTED, READ), id="a message makes its conversation"),
            pytest.param(
                (
                    case("1", "DELETE /api/memories/{memoryKey}", memoryKey="likes"),
                    case("2", "PATCH /api/memories/{memoryKey}", memoryKey="x", body={"key": "likes"}),
                    case("3", "PATCH /api/memories/{memoryKey}", memoryKey="likes"),
                ),
                id="another one got its name",
            ),
            pytest.param(
                (
                    case("1", "DELETE /api/memories/{memoryKey}", memoryKey="likes"),
                    case("3", "PATCH /api/memories/{memoryKey}", memoryKey="likes", query={"agentId": "a"}),
                ),
                id="an agent's has the same name",
            ),
        ],
    )
    def test_what_is_there_anew_is_none(self, cases: tuple[Any, ...]) -> None:
        assert check(hooks.use_after_delete, *cases) is None

    @pytest.mark.parametrize(
        "cases",
        [
            (DELETED, READ),
            (POSTED, DELETED, READ),
            (DELETED, case("2", POST_A_MESSAGE, conversationId="another"), READ),
            (DELETED, case("2", "PUT /api/messages/{conversationId}/{messageId}", conversationId="c"), READ),
            (DELETED, case("2", POST_A_MESSAGE, 422, conversationId="c"), READ),
            (
                case("1", "DELETE /api/memories/{memoryKey}", memoryKey="likes", query={"agentId": "a"}),
                case("2", "PATCH /api/memories/{memoryKey}", memoryKey="x", body={"key": "dislikes"}),
                case("3", "PATCH /api/memories/{memoryKey}", memoryKey="likes", query={"agentId": "a"}),
            ),
            (
                # The deletion is not among what is known.
                case("5", DELETE_A_CONVERSATION, conversationId="c"),
                POSTED,
                READ,
            ),
        ],
    )
    def test_otherwise_the_finding_stands(self, cases: tuple[Any, ...]) -> None:
        with pytest.raises(UseAfterFree):
            check(hooks.use_after_delete, *cases)


READ_MESSAGE = case("9", "GET /api/messages/{conversationId}/{messageId}", conversationId="c", messageId="m")
PROMPT = case("1", "POST /api/prompts", answer={"prompt": {"_id": "p"}, "group": {"_id": "g", "name": "n"}})
READ_GROUP = case("9", "GET /api/prompts/groups/{groupId}", groupId="g")
DELETE_PROMPT = "DELETE /api/prompts/{promptId}"
ROLE = case("1", "POST /api/admin/roles", answer={"role": {"_id": "r", "name": "editors"}})
READ_ROLE = case("9", "PATCH /api/admin/roles/{roleName}/permissions", roleName="editors")
RENAME_ROLE = "PATCH /api/admin/roles/{roleName}"


class TestCreatedIsThere:
    @pytest.fixture(autouse=True)
    def found(self, find: Callable[..., None]) -> None:
        options = {"message": "gone", "created_with": "POST", "not_available_with": "GET"}
        find("ensure_resource_availability", EnsureResourceAvailability(operation="POST", **options))

    @pytest.mark.parametrize(
        "cases",
        [
            (POSTED, case("3", DELETE_A_CONVERSATION, conversationId="c"), READ_MESSAGE),
            (POSTED, case("3", "DELETE /api/convos", body={"arg": {"conversationId": "c"}}), READ_MESSAGE),
            (POSTED, case("3", "DELETE /api/convos/all"), READ_MESSAGE),
            (PROMPT, case("3", DELETE_PROMPT, promptId="p"), READ_GROUP),
            (ROLE, case("3", RENAME_ROLE, roleName="editors", body={"name": "writers"}), READ_ROLE),
            (case("1", "POST /api/agents/chat", answer={}), case("9", "POST /api/agents/chat/abort")),
            (
                case("1", "POST /v1/responses", answer={"id": "r"}, body={"store": False}),
                case("9", "DELETE /v1/responses/{response_id}", response_id="r"),
            ),
        ],
    )
    def test_what_went_with_another_is_none(self, cases: tuple[Any, ...]) -> None:
        assert check(hooks.created_is_there, *cases) is None

    @pytest.mark.parametrize("guessed", [True, False])
    def test_a_link_that_no_document_has_is_a_guess(self, guessed: bool) -> None:
        read = copy.copy(READ_MESSAGE)
        read.transition = SimpleNamespace(is_inferred=guessed)
        with nullcontext() if guessed else pytest.raises(EnsureResourceAvailability):
            check(hooks.created_is_there, POSTED, read)

    @pytest.mark.parametrize(
        "cases",
        [
            (POSTED, READ_MESSAGE),
            (POSTED, case("3", DELETE_A_CONVERSATION, conversationId="another"), READ_MESSAGE),
            (POSTED, case("3", DELETE_A_CONVERSATION, 404, conversationId="c"), READ_MESSAGE),
            (POSTED, case("3", "DELETE /api/convos", body={"arg": {"conversationId": "d"}}), READ_MESSAGE),
            (PROMPT, case("3", DELETE_PROMPT, promptId="q"), READ_GROUP),
            (PROMPT, case("3", "DELETE /api/convos/all"), READ_GROUP),
            (ROLE, case("3", RENAME_ROLE, roleName="others", body={"name": "writers"}), READ_ROLE),
            (case("1", "POST /api/agents/chat", answer={}), case("9", "GET /api/agents/chat/active")),
            (
                case("1", "POST /v1/responses", answer={"id": "r"}, body={"store": None}),
                case("9", "DELETE /v1/responses/{response_id}", response_id="r"),
            ),
        ],
    )
    def test_otherwise_the_finding_stands(self, cases: tuple[Any, ...]) -> None:
        with pytest.raises(EnsureResourceAvailability):
            check(hooks.created_is_there, *cases)


@pytest.mark.parametrize("table", [lifetimes.TAKEN_AWAY, lifetimes.ALL_TAKEN_AWAY, lifetimes.MADE_ANEW])
def test_all_that_is_known_of_is_in_a_document(table: dict[str, set[str]]) -> None:
    labels = {f"{op.method} {op.template}" for op in ALL_OPERATIONS}
    assert {*table, *set().union(*table.values()), *lifetimes.ENDS_BY_ITSELF} <= labels


class TestInvalidIsRefused:
    MUTATION = "Invalid component: in body - violates `type` at /properties/metadata (was {}, became boolean)"
    # What it says of a form with a file that it has made to fit, and has put a link's value into.
    MADE_TO_FIT = "Invalid data should have been rejected\nInvalid component: positive test case"

    @pytest.mark.parametrize(
        ("media_type", "message", "stands"),
        [
            ("multipart/form-data", MUTATION.format("string"), False),
            ("multipart/form-data", MUTATION.format("integer"), True),
            ("application/json", MUTATION.format("string"), True),
            ("multipart/form-data", MADE_TO_FIT, False),
            ("application/json", MADE_TO_FIT, True),
        ],
    )
    def test_a_form_that_is_none_the_worse_is_valid(
        self, find: Callable[..., None], media_type: str, message: str, stands: bool
    ) -> None:
        options = {"message": message, "status_code": 201, "expected_statuses": ["400"]}
        find("negative_data_rejection", AcceptedNegativeData(operation="POST", **options))
        sent = case("1", "POST /api/files")
        sent.media_type = media_type
        if stands:
            with pytest.raises(AcceptedNegativeData):
                check(hooks.invalid_is_refused, sent)
        else:
            assert check(hooks.invalid_is_refused, sent) is None


@pytest.mark.parametrize("document", [DOCUMENT, LIBRECHAT], ids=["own", "librechat"])
def test_events_and_links_are_said_as_schemathesis_reads_them(document: dict[str, Any]) -> None:
    mine = copy.deepcopy(document)
    described = [media["x-echo-item-schema"] for media in event_streams(mine)]
    bodies = re.findall(r'"x-echo-request-body": ', json.dumps(mine))
    streams = event_streams(mine)
    before_load_schema(HookContext(), mine)
    assert [media["itemSchema"] for media in streams] == described != []
    assert not any("schema" in media for media in streams)
    links = [link for answer in answers(mine) for link in answer.get("links", {}).values()]
    assert [link for link in links if "x-echo-request-body" in link] == []
    assert len([link for link in links if "requestBody" in link]) == len(bodies) >= 7


def test_every_operation_may_refuse_what_is_too_long() -> None:
    """A server refuses it before it knows the operation, which its document does not say at each."""
    told: dict[str, Any] = {"description": "told"}
    mine: dict[str, Any] = {
        "paths": {"/a": {"parameters": [], "get": {"responses": {"200": {}, "431": told}}, "put": {}}}
    }
    before_load_schema(HookContext(), mine)
    answers = mine["paths"]["/a"]["get"]["responses"]
    assert answers.keys() == {"200", "414", "431"}
    assert answers["431"] is told
    assert mine["paths"]["/a"]["put"] == {}


class TestOthersSeeNothing:
    LINK = "GET /api/share/link/{conversationId}"

    @pytest.fixture(autouse=True)
    def found(self, find: Callable[..., None]) -> None:
        options = {"operation": self.LINK, "message": "received", "owner": "ada", "peer": "bob"}
        find("object_level_authorization", ObjectLevelAuthorizationViolation(**options, owner_case_id="1"))

    def check(self, answer: Any) -> bool | None:
        asked = case("1", self.LINK, conversationId="c%2F1")
        response: Any = SimpleNamespace(status_code=200, json=lambda: answer)
        context: Any = SimpleNamespace()
        return hooks.others_see_nothing(context, response, asked)

    @pytest.mark.parametrize(
        "answer",
        [
            {"success": False, "shareId": None, "conversationId": "c/1"},
            {"success": False, "ids": ["c%2F1"]},
            {},
        ],
    )
    def test_an_answer_that_repeats_what_was_asked_shows_nothing(self, answer: Any) -> None:
        assert self.check(answer) is None

    @pytest.mark.parametrize(
        "answer",
        [
            {"success": True, "shareId": "s", "conversationId": "c/1"},
            {"conversationId": "c/1", "more": [{"count": 0}]},
        ],
    )
    def test_one_that_says_more_stands(self, answer: Any) -> None:
        with pytest.raises(ObjectLevelAuthorizationViolation):
            self.check(answer)
