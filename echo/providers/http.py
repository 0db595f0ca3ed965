"""Asking a provider over HTTP: bounded in time and size, without redirects; its answers are hostile until checked."""

import json
import time
from collections.abc import Mapping
from typing import Any

import requests

from echo import trust
from echo.cut_off import cut_off
from echo.errors import BadGateway, ServiceUnavailable
from echo.observation import tracing

CONNECT_SECONDS = 3.0
READ_SECONDS = 10.0
MAX_RESPONSE_BYTES = 256 * 1024
MAX_RETRY_AFTER = 3600


# The statuses that blame what was sent (RFC 9110).
REFUSALS = frozenset(
    {
        requests.codes.bad_request,
        requests.codes.request_entity_too_large,
        requests.codes.unsupported_media_type,
        requests.codes.unprocessable_entity,
    }
)


class Refused(BadGateway):
    """The provider blames what was sent; `parameter` is the one that it names in an error of OpenAI's form."""

    def __init__(self, status_code: int, parameter: str | None) -> None:
        super().__init__()
        self.status_code = status_code
        self.parameter = parameter


def post(
    url: str,
    *,
    headers: Mapping[str, str],
    seconds: float = READ_SECONDS,
    json_body: Any = None,
    data: Mapping[str, str] | None = None,
    files: Any = None,
) -> Any:
    """The JSON that a POST is answered with.

    Raises `BadGateway` for whatever is no such answer, of its kinds `Refused` for a 400, 413, 415 or 422, and
    `ServiceUnavailable` when the provider's own limit is reached (429). None carries a word of the provider's, nor of
    the request's.
    """
    deadline = time.monotonic() + seconds
    try:
        # Credentials for the provider's host come from the settings, never from a .netrc.
        with (
            trust.session() as session,
            cut_off(session, seconds),
            session.post(
                url,
                headers={**tracing.outgoing_headers(), **headers},
                json=json_body,
                data=data,
                files=files,
                timeout=(CONNECT_SECONDS, seconds),
                allow_redirects=False,
                stream=True,
            ) as response,
        ):
            return read_answer(response, deadline)
    except (requests.RequestException, ValueError, RecursionError) as error:
        raise BadGateway from error


def read_answer(response: requests.Response, deadline: float) -> Any:
    """The body as JSON; raises as `post` does, and `ValueError` for a body that is none."""
    if response.status_code == requests.codes.too_many_requests:
        raise ServiceUnavailable(
            "The provider's limit is reached.", code="provider_busy", retry_after=retry_after(response)
        )
    if response.status_code in REFUSALS:
        raise Refused(response.status_code, _blamed(response, deadline))
    if response.status_code != requests.codes.ok:
        raise BadGateway
    return json.loads(_content(response, deadline))


def _content(response: requests.Response, deadline: float) -> bytes:
    content = b""
    for chunk in response.iter_content(8192):
        content += chunk
        if len(content) > MAX_RESPONSE_BYTES or time.monotonic() > deadline:
            raise BadGateway
    return content


def _blamed(response: requests.Response, deadline: float) -> str | None:
    """The parameter that an error names, if it names one."""
    try:
        answer = json.loads(_content(response, deadline))
    except (BadGateway, ValueError, RecursionError):
        return None
    error = answer.get("error") if isinstance(answer, dict) else None
    parameter = error.get("param") if isinstance(error, dict) else None
    return parameter if isinstance(parameter, str) else None


def retry_after(response: requests.Response) -> int:
    """The provider's `Retry-After` in seconds where it is a sensible one."""
    value = response.headers.get("Retry-After", "")
    return min(max(int(value), 1), MAX_RETRY_AFTER) if value.isascii() and value.isdigit() else 60
