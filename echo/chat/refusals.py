"""Refusals whose codes LibreChat's clients of chats compare, in capitals and with the version of their protocol."""

from echo.errors import ApiError, Conflict, NotFound, TooManyRequests

# What Echo's runs speak; version 1 is the same without its answers to steering.
PROTOCOL = 2
QUEUE_SECONDS = 5


def told(refused: ApiError, /, **fields: object) -> ApiError:
    """The error with what LibreChat's clients read in its body."""
    refused.librechat = {"code": refused.code.upper(), "generationProtocolVersion": PROTOCOL, **fields}
    return refused


def no_active_run() -> ApiError:
    """For a message to a run that is not there, or over: the client sends it as a turn of its own."""
    return told(NotFound("No answer is being made in this conversation.", code="no_active_run"))


def run_replaced() -> ApiError:
    """For a message to a run in whose place another one is: the client keeps it until that ends."""
    return told(Conflict("Another answer is being made in this conversation.", code="run_replaced"))


def queue_full() -> ApiError:
    """For more messages than may wait: the client keeps it."""
    message = "So many messages wait for the end of this answer already."
    return told(TooManyRequests(QUEUE_SECONDS, message, code="steer_queue_full"))


def steer_conflict() -> ApiError:
    """For another message under the id of one that waits."""
    return told(Conflict("Another message has that id.", code="steer_idempotency_conflict"))


def no_pending_action() -> ApiError:
    """For a decision that no run waits for."""
    return told(NotFound("No answer waits for a decision.", code="no_pending_action"))


def predecessor_mismatch(stream_id: str, created_at: int, *, active: bool) -> ApiError:
    """For a turn that was to follow one run while another has begun: the client follows that one."""
    message = "Another answer has begun in this conversation."
    return told(
        Conflict(message, code="generation_predecessor_mismatch"),
        status="predecessor_mismatch",
        error=message,
        streamId=stream_id,
        conversationId=stream_id,
        generationCreatedAt=created_at,
        predecessorVerified=True,
        active=active,
    )
