"""Asking a provider over HTTP: bounded in time and size, without redirects; its answers are hostile until checked."""

import json
import time
from collections.abc import Mapping
from typing import Any

import requests

from echo import tracing
from echo.errors import BadGateway, ServiceUnavailable

CONNECT_SECONDS = 3.0
READ_SECONDS = 10.0
MAX_RESPONSE_BYTES = 256 * 1024
MAX_RETRY_AFTER = 3600


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

    Raises `BadGateway` for whatever is no such answer, `ServiceUnavailable` when the provider's own limit is reached
    (429). Neither carries a word of the provider's, nor of the request's.
    """
    deadline = time.monotonic() + seconds
    try:
        with requests.Session() as session:
            # Credentials for the provider's host come from the settings, never from a .netrc.
            session.trust_env = False
            with session.post(
                url,
                headers={**tracing.outgoing_headers(), **headers},
                json=json_body,
                data=data,
                files=files,
                timeout=(CONNECT_SECONDS, seconds),
                allow_redirects=False,
                stream=True,
            ) as response:
                return read_answer(response, deadline)
    except (requests.RequestException, ValueError, RecursionError) as error:
        raise BadGateway from error


def read_answer(response: requests.Response, deadline: float) -> Any:
    """The body as JSON; raises as `post` does, and `ValueError` for a body that is none."""
    if response.status_code == requests.codes.too_many_requests:
        raise ServiceUnavailable(
            "The provider's limit is reached.", code="provider_busy", retry_after=retry_after(response)
        )
    if response.status_code != requests.codes.ok:
        raise BadGateway
    content = b""
    for chunk in response.iter_content(8192):
        content += chunk
        if len(content) > MAX_RESPONSE_BYTES or time.monotonic() > deadline:
            raise BadGateway
    return json.loads(content)


def retry_after(response: requests.Response) -> int:
    """The provider's `Retry-After` in seconds where it is a sensible one."""
    value = response.headers.get("Retry-After", "")
    return min(max(int(value), 1), MAX_RETRY_AFTER) if value.isascii() and value.isdigit() else 60
