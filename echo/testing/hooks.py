"""Schemathesis loads this module (`SCHEMATHESIS_HOOKS`): three of its checks, where they need to know what Echo is.

Each calls the original and takes back only a finding that is none. Event streams are checked event by event.
"""

from collections.abc import Iterable, Iterator
from itertools import dropwhile, takewhile
from typing import Any

import schemathesis
from schemathesis import Case, CheckContext, Response
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.openapi.checks import EnsureResourceAvailability, UseAfterFree
from schemathesis.specs.openapi.checks import (
    ensure_resource_availability,
    negative_data_rejection,
    use_after_free,
)

from echo.testing.event_streams import before_load_schema

__all__ = ("before_load_schema",)

POST_A_MESSAGE = "POST /api/messages/{conversationId}"
DELETE_A_CONVERSATION = "DELETE /api/convos/{conversationId}"


@schemathesis.check
def use_after_delete(ctx: CheckContext, response: Response, case: Case[Any]) -> bool | None:
    """`use_after_free`, knowing that a message posted to a deleted conversation's id creates the conversation anew.

    Schemathesis sees a new creation only where its path begins like the deleted one's.
    """
    try:
        return use_after_free(ctx, response, case)
    except UseAfterFree as failure:
        if _happened(ctx, POST_A_MESSAGE, failure.deleted_case_id, case):
            return None
        raise


@schemathesis.check
def created_is_there(ctx: CheckContext, response: Response, case: Case[Any]) -> bool | None:
    """`ensure_resource_availability`, knowing that a conversation takes its messages with it.

    Schemathesis sees a deletion only where its path begins like the created one's.
    """
    try:
        return ensure_resource_availability(ctx, response, case)
    except EnsureResourceAvailability:
        created = ctx.internals.find_parent(case_id=case.id)
        if created and _happened(ctx, DELETE_A_CONVERSATION, created.id, case):
            return None
        raise


@schemathesis.check
def invalid_is_refused(ctx: CheckContext, response: Response, case: Case[Any]) -> bool | None:
    """`negative_data_rejection`, knowing that in a form whatever takes the place of a text arrives as a text."""
    try:
        return negative_data_rejection(ctx, response, case)
    except AcceptedNegativeData as failure:
        if case.media_type == "multipart/form-data" and "(was string, became" in failure.message:
            return None
        raise


def _happened(ctx: CheckContext, label: str, since: str | None, last: Case[Any]) -> bool:
    """Whether such an operation on the same conversation succeeded between two requests."""
    for case in _between(ctx.internals.find_all_cases(), since, last.id):
        answer = ctx.internals.find_response(case_id=case.id)
        if (
            case.operation.label == label
            and answer is not None
            and answer.status_code < 300
            and case.path_parameters["conversationId"] == last.path_parameters.get("conversationId")
        ):
            return True
    return False


def _between(cases: Iterable[Case[Any]], first: str | None, last: str) -> Iterator[Case[Any]]:
    return takewhile(lambda case: case.id != last, dropwhile(lambda case: case.id != first, cases))
