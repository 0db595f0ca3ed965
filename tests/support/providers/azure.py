"""A server that speaks Azure OpenAI's chat completions: OpenAI's, at an address for each deployment."""

import json
import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

from tests.support.providers import openai
from tests.support.providers.errands import openai_answer
from tests.support.providers.replies import Behaviour, Reply, Script
from tests.support.providers.server import (
    Answer,
    ProviderServer,
    Received,
    event_stream,
    json_answer,
    serving,
)

CALL = re.compile(
    r"/openai/deployments/([^/]+)/([a-z/]+)\?api-version=([0-9]{4}-[0-9]{2}-[0-9]{2}(?:-preview)?)"
)
SAFE = {kind: {"filtered": False, "severity": "safe"} for kind in ("hate", "self_harm", "sexual", "violence")}


def azure_server(
    *behaviours: Behaviour, deployments: Sequence[str] = ("gpt-4o",), key: str | None = None
) -> AbstractContextManager[ProviderServer]:
    """A running resource with some deployments; each chat takes the next behaviour."""
    script = Script(behaviours, render)

    def respond(received: Received) -> Answer:
        if (given := received.headers.get("api-key")) is None or key not in (None, given):
            return json_answer({"error": {"code": "401", "message": "Access denied."}}, 401)
        called = CALL.fullmatch(received.path)
        if called is None:
            return json_answer({"error": {"code": "404", "message": "Resource not found"}}, 404)
        if called[1] not in deployments:
            return json_answer(
                {"error": {"code": "DeploymentNotFound", "message": "It does not exist."}}, 404
            )
        if called[2] == "chat/completions":
            return script.next(received)
        return openai_answer(received, called[2]) or json_answer({"error": {"code": "404"}}, 404)

    return serving(respond)


def render(reply: Reply, received: Received) -> Answer:
    """OpenAI's form, with what Azure's filter says of the prompt first."""
    request: dict[str, Any] = received.json
    if not request.get("stream"):
        return json_answer(openai.completion(reply, request))
    filtered = {
        "choices": [],
        "created": 0,
        "id": "",
        "model": "",
        "object": "",
        "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": SAFE}],
    }
    return event_stream(f"data: {json.dumps(filtered)}\n\n".encode(), *openai.stream(reply, request))
