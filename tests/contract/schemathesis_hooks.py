"""Schemathesis loads this module (`SCHEMATHESIS_HOOKS`): its checks, where they need to know what Echo is."""

from collections.abc import Iterable, Iterator
from itertools import dropwhile, takewhile

import schemathesis
from schemathesis import Case, CheckContext, Response
from schemathesis.openapi.checks import UseAfterFree
from schemathesis.specs.openapi.checks import use_after_free

POST_A_MESSAGE = "POST /api/messages/{conversationId}"


@schemathesis.check
def use_after_delete(ctx: CheckContext, response: Response, case: Case) -> bool | None:
    """`use_after_free`, knowing that a message posted to a deleted conversation's id creates the conversation anew.

    Schemathesis sees a new creation only where its path begins like the deleted one's.
    """
    try:
        return use_after_free(ctx, response, case)
    except UseAfterFree as failure:
        between = _between(ctx.internals.find_all_cases(), failure.deleted_case_id, case.id)
        if any(_created_anew(ctx, posted, case) for posted in between):
            return None
        raise


def _between(cases: Iterable[Case], first: str | None, last: str) -> Iterator[Case]:
    return takewhile(lambda case: case.id != last, dropwhile(lambda case: case.id != first, cases))


def _created_anew(ctx: CheckContext, posted: Case, used: Case) -> bool:
    answer = ctx.internals.find_response(case_id=posted.id)
    return (
        posted.operation.label == POST_A_MESSAGE
        and answer is not None
        and answer.status_code < 300
        and posted.path_parameters["conversationId"] == used.path_parameters.get("conversationId")
    )
