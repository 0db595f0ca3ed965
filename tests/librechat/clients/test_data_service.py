"""LibreChat's own data service, `librechat-data-provider`, gets what it wants of an Echo: function by function."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from tests.librechat.clients.functions import PAST_THE_SERVICE, Function, read_functions
from tests.librechat.compatibility import PAGE, make_page
from tests.librechat.models import Models

FUNCTIONS = read_functions()
NOT_THERE = {(404, "no_such_path"), (405, "method_not_allowed")}
# Paths that mean something else: the endpoint of a chat, a prompt's id.
TAKEN_FOR_ANOTHER = {
    "enqueueAgentQueuedTurn": (422, "endpoint_unavailable"),
    "getRandomPrompts": (404, "not_found"),
}
# What LibreChat refuses just so: files on its disk have no address elsewhere, and nobody mailed these tokens.
REFUSED_ALIKE = {
    "getFileDownloadURL": (501, "no_download_url"),
    # Nobody has begun a login.
    "getMCPOAuthStatus": (404, "not_found"),
    # Of this Echo, which has no service for it.
    "textToSpeech": (404, "not_found"),
    "resetPassword": (400, "invalid_link"),
    "verifyEmail": (400, "invalid_link"),
}


@pytest.fixture(scope="module")
def driven(models: Models, address: str) -> dict[str, Any]:
    return models.drive_service(f"{address}/")


@pytest.fixture(scope="module")
def calls(driven: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """By function, what it asked and what it got."""
    found = defaultdict(list)
    for call in driven["calls"]:
        found[call["function"]].append(call)
    return found


def test_the_table_has_every_function(driven: dict[str, Any]) -> None:
    names = [each.name for each in FUNCTIONS]
    assert sorted(names) == sorted({*driven["functions"], *PAST_THE_SERVICE})


def test_no_answer_lacks_what_the_next_step_needs(driven: dict[str, Any]) -> None:
    assert driven["lacking"] == []


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda each: each.name)
def test_the_outcome(calls: dict[str, list[dict[str, Any]]], function: Function) -> None:
    assert calls[function.name]
    for call in calls[function.name]:
        assert function.is_of(call["method"], call["path"]), call
        if function.outcome == "missing":
            allowed = {TAKEN_FOR_ANOTHER[function.name]} if function.name in TAKEN_FOR_ANOTHER else NOT_THERE
            assert (call["status"], call["code"]) in allowed, call
        elif function.name in REFUSED_ALIKE:
            assert (call["status"], call["code"]) == REFUSED_ALIKE[function.name], call
        else:
            assert not function.call or 200 <= call["status"] < 300, call


def test_a_reason_is_given_for_what_does_not_work() -> None:
    assert {each.outcome for each in FUNCTIONS} <= {"works", "switched off", "missing"}
    assert [each for each in FUNCTIONS if bool(each.reason) is (each.outcome == "works")] == []


def test_the_page_says_so() -> None:
    page = Path(PAGE).read_text(encoding="utf-8")
    assert page == make_page(), "write it anew: python -m tests.librechat.compatibility"
