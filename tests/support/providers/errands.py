"""What the servers answer beside chats, as each provider's reference writes it: embeddings, sound, pictures."""

import base64
import re
import struct
from typing import Any

from tests.support.providers.server import Answer, Received, json_answer

GOOGLE_CALL = re.compile(r"/v1beta/models/([^/:]+):batchEmbedContents")


def vector(text: Any, dimensions: int | None) -> list[float]:
    """Of a text or a list of tokens: each number can be had exactly in 32 bits."""
    return [len(text) / 4, *(-0.5 for _ in range((dimensions or 3) - 1))]


def openai_answer(received: Received, operation: str) -> Answer | None:
    """OpenAI's answer for what stands below the base, None for what it does not have."""
    answers = {"embeddings": embeddings}
    return answers[operation](received) if operation in answers else None


def embeddings(received: Received) -> Answer:
    asked = received.json
    given = asked["input"]
    inputs = [given] if isinstance(given, str) or isinstance(given[0], int) else given
    vectors = [vector(each, asked.get("dimensions")) for each in inputs]
    if asked.get("encoding_format") == "base64":
        values: list[Any] = [base64.b64encode(struct.pack(f"<{len(v)}f", *v)).decode() for v in vectors]
    else:
        values = vectors
    data = [{"object": "embedding", "index": index, "embedding": each} for index, each in enumerate(values)]
    usage = {"prompt_tokens": 4 * len(inputs), "total_tokens": 4 * len(inputs)}
    return json_answer({"object": "list", "data": data, "model": asked["model"], "usage": usage})


def google_answer(received: Received) -> Answer | None:
    """Google's answer, None for what is no such request."""
    called = GOOGLE_CALL.fullmatch(received.path)
    if called is None:
        return None
    requests = received.json["requests"]
    assert len(requests) <= 100
    assert {each["model"] for each in requests} == {f"models/{called[1]}"}
    values = [
        {"values": vector(each["content"]["parts"][0]["text"], each.get("outputDimensionality"))}
        for each in requests
    ]
    return json_answer({"embeddings": values})
