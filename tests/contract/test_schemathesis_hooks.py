"""What our own check of deleted conversations lets pass, and what it does not."""

from types import SimpleNamespace
from typing import Any

import pytest
from schemathesis.openapi.checks import UseAfterFree

from tests.contract import schemathesis_hooks
from tests.contract.schemathesis_hooks import POST_A_MESSAGE, use_after_delete


def case(name: str, label: str, conversation_id: str) -> Any:
    return SimpleNamespace(
        id=name,
        operation=SimpleNamespace(label=label),
        path_parameters={"conversationId": conversation_id},
        status=200,
    )


DELETED = case("1", "DELETE /api/convos/{conversationId}", "c")
POSTED = case("2", POST_A_MESSAGE, "c")
READ = case("3", "GET /api/convos/{conversationId}", "c")


def check(*cases: Any) -> bool | None:
    """Run the check on the last of these cases; the first is the deletion."""

    class Internals:
        def find_all_cases(self) -> Any:
            return iter(cases)

        def find_response(self, *, case_id: str) -> Any:
            [status] = [each.status for each in cases if each.id == case_id]
            return SimpleNamespace(status_code=status)

    context: Any = SimpleNamespace(internals=Internals())
    response: Any = SimpleNamespace(status_code=200)
    return use_after_delete(context, response, cases[-1])


@pytest.fixture(autouse=True)
def found_by_schemathesis(monkeypatch: pytest.MonkeyPatch) -> None:
    def finds(_context: Any, _response: Any, read: Any) -> None:
        raise UseAfterFree(
            operation=DELETED.operation.label,
            message="still there",
            free="DELETE",
            usage="GET",
            deleted_case_id=DELETED.id,
        )

    monkeypatch.setattr(schemathesis_hooks, "use_after_free", finds)


def test_a_message_creates_the_conversation_anew() -> None:
    assert check(DELETED, POSTED, READ) is None


@pytest.mark.parametrize(
    "cases",
    [
        (DELETED, READ),
        (POSTED, DELETED, READ),
        (DELETED, case("2", POST_A_MESSAGE, "another"), READ),
        (DELETED, case("2", "PUT /api/messages/{conversationId}/{messageId}", "c"), READ),
        (DELETED, SimpleNamespace(**vars(POSTED) | {"status": 422}), READ),
    ],
)
def test_without_one_the_finding_stands(cases: tuple[Any, ...]) -> None:
    with pytest.raises(UseAfterFree):
        check(*cases)
