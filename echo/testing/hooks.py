"""Schemathesis loads this module (`SCHEMATHESIS_HOOKS`): three of its checks, where they need to know what Echo is.

Each calls the original and takes back only a finding that is none. Event streams are checked event by event.
"""

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
