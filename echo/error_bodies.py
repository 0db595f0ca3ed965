"""The one place where an error becomes a response body.

Every error response of Echo has the same JSON body: `message` for people (the floor contract promises it),
a stable `code` for programs, the HTTP `status`, and for invalid requests the list of `errors` by field.
Nobody builds an error body by hand.
"""

from dataclasses import dataclass, field
from typing import Any

import orjson

from echo.errors import ApiError

# Where programs speak to Echo as they speak to OpenAI.
OPENAI_PATHS = "/v1/"
# LibreChat's place for the same, below the place of its contract.
AGENT_PATHS = "/api/agents/v1/"
# And where as they speak to Anthropic.
ANTHROPIC_PATH = "/v1/messages"
# Where LibreChat's admin panel asks, below the place of its contract: it reads `error`.
ADMIN_PATHS = "/api/admin/"

# OpenAI's name for the kind of error that a status means; every other below 500 is an invalid request.
_OPENAI_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
# Its code that is a kind as well.
NO_QUOTA = "insufficient_quota"


def openai_error(error: ApiError) -> dict[str, Any]:
    """The `error` object of OpenAI's API, which its clients look for."""
    default = "server_error" if error.status >= 500 else "invalid_request_error"
    said = "; ".join(f"{item.field} {item.message}" for item in error.errors)
    return {
        "message": f"{error.message} ({said})" if said else error.message,
        "type": NO_QUOTA if error.code == NO_QUOTA else _OPENAI_TYPES.get(error.status, default),
        "param": error.errors[0].field if error.errors else None,
        "code": error.code,
    }


# The same of Anthropic's: https://platform.claude.com/docs/en/api/errors.
_ANTHROPIC_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
}


# A code of Anthropic's own, by which its clients know that they must send the whole conversation.
NO_THREADS = "thread_unsupported_request"


def anthropic_error(error: ApiError) -> dict[str, Any]:
    """The `error` object of Anthropic's API, with our code beside it."""
    default = "api_error" if error.status >= 500 else "invalid_request_error"
    details = {"details": {"error_code": error.code}} if error.code == NO_THREADS else {}
    return {
        "type": _ANTHROPIC_TYPES.get(error.status, default),
        "message": openai_error(error)["message"],
        "code": error.code,
        **details,
    }


def speaks_anthropic(path: str) -> bool:
    """Whether clients of Anthropic's ask at that path."""
    return path == ANTHROPIC_PATH or path.startswith(f"{ANTHROPIC_PATH}/")


@dataclass(frozen=True)
class RenderedError:
    """A complete error response: status, headers (with the content type) and the JSON body."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


def render(error: ApiError, *, request_id: str | None = None, path: str = "") -> RenderedError:
    """The response for an error; the only place that knows the shape of the body.

    Under `/v1`, and LibreChat's `/api/agents/v1`, the body says the same once more as OpenAI's clients read it, or
    as Anthropic's do.
    """
    payload: dict[str, Any] = {"message": error.message, "code": error.code, "status": error.status}
    if error.errors:
        payload["errors"] = [{"field": item.field, "message": item.message} for item in error.errors]
    if request_id:
        payload["requestId"] = request_id
    if speaks_anthropic(path):
        payload |= {"type": "error", "error": anthropic_error(error)}
        if request_id:
            payload["request_id"] = request_id
    elif path.startswith(OPENAI_PATHS) or AGENT_PATHS in path:
        payload["error"] = openai_error(error)
    elif ADMIN_PATHS in path:
        payload["error"] = error.message
    payload |= error.librechat
    return RenderedError(
        error.status, {"Content-Type": "application/json", **error.headers}, orjson.dumps(payload)
    )
