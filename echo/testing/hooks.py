"""Schemathesis loads this module (`SCHEMATHESIS_HOOKS`): four of its checks, where they need to know what Echo is.

Each calls the original and takes back only a finding that is none. Event streams are checked event by event.
"""

from typing import Any
from urllib.parse import unquote

import schemathesis
from schemathesis import Case, CheckContext, Response
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.openapi.checks import (
    EnsureResourceAvailability,
    ObjectLevelAuthorizationViolation,
    UseAfterFree,
)
from schemathesis.specs.openapi.checks import (
    ensure_resource_availability,
    negative_data_rejection,
    object_level_authorization,
    use_after_free,
)

from echo.testing.event_streams import before_load_schema
from echo.testing.lifetimes import was_made_anew, was_taken_away

__all__ = ("before_load_schema",)

# What Schemathesis says it has done to a form that is none the worse for it.
VALID_IN_FORMS = ("(was string, became", "Invalid component: positive test case")


@schemathesis.check
def use_after_delete(ctx: CheckContext, response: Response, case: Case[Any]) -> bool | None:
    """`use_after_free`, knowing what makes a deleted thing anew, and which things have one path."""
    try:
        return use_after_free(ctx, response, case)
    except UseAfterFree as failure:
        if was_made_anew(ctx, failure.deleted_case_id, case):
            return None
        raise


@schemathesis.check
def created_is_there(ctx: CheckContext, response: Response, case: Case[Any]) -> bool | None:
    """`ensure_resource_availability`, knowing what takes a thing away under another path than its own."""
    try:
        return ensure_resource_availability(ctx, response, case)
    except EnsureResourceAvailability:
        if was_taken_away(ctx, case):
            return None
        raise


@schemathesis.check
def others_see_nothing(ctx: CheckContext, response: Response, case: Case[Any]) -> bool | None:
    """`object_level_authorization`, knowing that an answer which repeats what was asked shows nothing of anybody's.

    That a conversation is not shared is told to whoever asks, in a body that names it.
    """
    try:
        return object_level_authorization(ctx, response, case)
    except ObjectLevelAuthorizationViolation:
        if repeats_what_was_asked(response.json(), case):
            return None
        raise


def repeats_what_was_asked(answer: Any, case: Case[Any]) -> bool:
    """Whether all that an answer says is yes, no, nothing, or a value that is in the request's path."""
    if isinstance(answer, dict | list):
        values = answer.values() if isinstance(answer, dict) else answer
        return all(repeats_what_was_asked(each, case) for each in values)
    asked = {str(each) for each in (case.path_parameters or {}).values()}
    return (
        answer is None or isinstance(answer, bool) or str(answer) in asked | {unquote(each) for each in asked}
    )


@schemathesis.check
def invalid_is_refused(ctx: CheckContext, response: Response, case: Case[Any]) -> bool | None:
    """`negative_data_rejection`, knowing two things of forms.

    Whatever takes the place of a text arrives as a text. What Schemathesis made to fit it calls invalid where there
    is a file, and a link has put something beside it: it cannot hold files against a schema.
    """
    try:
        return negative_data_rejection(ctx, response, case)
    except AcceptedNegativeData as failure:
        if case.media_type == "multipart/form-data" and any(
            sign in failure.message for sign in VALID_IN_FORMS
        ):
            return None
        raise
