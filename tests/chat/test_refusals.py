"""The refusals whose codes LibreChat's clients of chats compare."""

from collections.abc import Callable
from typing import Any

import pytest

from echo.chat.refusals import (
    no_active_run,
    no_pending_action,
    predecessor_mismatch,
    queue_full,
    run_replaced,
    steer_conflict,
)
from echo.errors import ApiError


@pytest.mark.parametrize(
    ("refuse", "status", "code", "sentence"),
    [
        (no_active_run, 404, "no_active_run", "No answer is being made in this conversation."),
        (run_replaced, 409, "run_replaced", "Another answer is being made in this conversation."),
        (
            queue_full,
            429,
            "steer_queue_full",
            "So many messages wait for the end of this answer already.",
        ),
        (steer_conflict, 409, "steer_idempotency_conflict", "Another message has that id."),
        (no_pending_action, 404, "no_pending_action", "No answer waits for a decision."),
    ],
)
def test_have_a_code_for_each_client(
    refuse: Callable[[], ApiError], status: int, code: str, sentence: str
) -> None:
    refused = refuse()
    assert (refused.status, refused.code, refused.message) == (status, code, sentence)
    assert refused.librechat == {"code": code.upper(), "generationProtocolVersion": 2}


def test_a_full_queue_is_tried_again_after_five_seconds() -> None:
    assert queue_full().headers == {"Retry-After": "5"}


@pytest.mark.parametrize("active", [True, False])
def test_a_turn_that_comes_too_late_names_the_run_that_has_begun(active: bool) -> None:
    refused: Any = predecessor_mismatch("c", 17, active=active)
    assert (refused.status, refused.code) == (409, "generation_predecessor_mismatch")
    assert refused.message == "Another answer has begun in this conversation."
    assert refused.librechat == {
        "code": "GENERATION_PREDECESSOR_MISMATCH",
        "generationProtocolVersion": 2,
        "status": "predecessor_mismatch",
        "error": "Another answer has begun in this conversation.",
        "streamId": "c",
        "conversationId": "c",
        "generationCreatedAt": 17,
        "predecessorVerified": True,
        "active": active,
    }
