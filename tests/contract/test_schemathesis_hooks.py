"""Which findings our own checks take back, and which stand."""

import copy
import json
import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from schemathesis import HookContext
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.openapi.checks import EnsureResourceAvailability, UseAfterFree

from echo.testing import hooks
from echo.testing.event_streams import answers, before_load_schema, event_streams
from tests.support.operations import DOCUMENT, LIBRECHAT


def case(name: str, label: str, conversation_id: str = "c", status: int = 200) -> Any:
    return SimpleNamespace(
        id=name,
        operation=SimpleNamespace(label=label),
        path_parameters={"conversationId": conversation_id},
        status=status,
        media_type=None,
    )


DELETED = case("1", hooks.DELETE_A_CONVERSATION)
POSTED = case("2", hooks.POST_A_MESSAGE)
READ = case("3", "GET /api/convos/{conversationId}")


def check(checked: Callable[..., Any], *cases: Any) -> bool | None:
    """Run a check on the last of these cases; the first is its parent."""

    class Internals:
        def find_all_cases(self) -> Any:
            return iter(cases)

        def find_parent(self, *, case_id: str) -> Any:
            return cases[0]

        def find_response(self, *, case_id: str) -> Any:
            [status] = [each.status for each in cases if each.id == case_id]
            return SimpleNamespace(status_code=status)

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


class TestUseAfterDelete:
    @pytest.fixture(autouse=True)
    def found(self, find: Callable[..., None]) -> None:
        options = {"operation": "DELETE", "message": "there", "free": "DELETE", "usage": "GET"}
        find("use_after_free", UseAfterFree(**options, deleted_case_id=DELETED.id))

    def test_a_message_creates_the_conversation_anew(self) -> None:
        assert check(hooks.use_after_delete, DELETED, POSTED, READ) is None

    @pytest.mark.parametrize(
        "cases",
        [
            (DELETED, READ),
            (POSTED, DELETED, READ),
            (DELETED, case("2", hooks.POST_A_MESSAGE, "another"), READ),
            (DELETED, case("2", "PUT /api/messages/{conversationId}/{messageId}"), READ),
            (DELETED, case("2", hooks.POST_A_MESSAGE, status=422), READ),
        ],
    )
    def test_without_one_the_finding_stands(self, cases: tuple[Any, ...]) -> None:
        with pytest.raises(UseAfterFree):
            check(hooks.use_after_delete, *cases)


class TestCreatedIsThere:
    READ = case("4", "GET /api/messages/{conversationId}/{messageId}")
    DELETED = case("3", hooks.DELETE_A_CONVERSATION)

    @pytest.fixture(autouse=True)
    def found(self, find: Callable[..., None]) -> None:
        options = {"message": "gone", "created_with": "POST", "not_available_with": "GET"}
        find("ensure_resource_availability", EnsureResourceAvailability(operation="POST", **options))

    def test_a_conversation_takes_its_messages_with_it(self) -> None:
        assert check(hooks.created_is_there, POSTED, self.DELETED, self.READ) is None

    @pytest.mark.parametrize(
        "cases",
        [
            (POSTED, READ),
            (POSTED, case("3", hooks.DELETE_A_CONVERSATION, "another"), READ),
            (POSTED, case("3", hooks.DELETE_A_CONVERSATION, status=404), READ),
        ],
    )
    def test_otherwise_the_finding_stands(self, cases: tuple[Any, ...]) -> None:
        with pytest.raises(EnsureResourceAvailability):
            check(hooks.created_is_there, *cases)


class TestInvalidIsRefused:
    MUTATION = "Invalid component: in body - violates `type` at /properties/metadata (was {}, became boolean)"

    @pytest.mark.parametrize(
        ("media_type", "was", "stands"),
        [
            ("multipart/form-data", "string", False),
            ("multipart/form-data", "integer", True),
            ("application/json", "string", True),
        ],
    )
    def test_a_text_of_a_form_is_a_text(
        self, find: Callable[..., None], media_type: str, was: str, stands: bool
    ) -> None:
        message = self.MUTATION.format(was)
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
