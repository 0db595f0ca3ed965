"""Small servers that speak each provider's protocol, byte for byte as its documentation says.

with openai_server(Reply(["Hel", "lo"])) as server:
    ...  # server.url, server.requests
"""

from tests.support.providers.openai import openai_server
from tests.support.providers.replies import Behaviour, Reply
from tests.support.providers.server import (
    CUT,
    Answer,
    ProviderServer,
    Received,
    event_stream,
    json_answer,
)

__all__ = [
    "CUT",
    "Answer",
    "Behaviour",
    "ProviderServer",
    "Received",
    "Reply",
    "event_stream",
    "json_answer",
    "openai_server",
]
