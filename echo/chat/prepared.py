"""A run that is ready to begin."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from echo.providers.chat import ChatProvider, ChatRequest, Credentials
from storage.conversations.chat_shapes import Begun


@dataclass(frozen=True)
class Prepared:
    """All that a run needs, and what of it is stored when it begins.

    `counts` are of `echo.chat.context.Fit`. `about` tells followers what no event says: `responseMessageId`,
    `conversationId`, `endpoint`, `sender`, `model`, `iconURL`, and in `before` the parts of an answer that goes on.
    """

    run_id: str
    owner: str
    conversation_id: str
    question: Mapping[str, Any]
    begun: Begun
    provider: ChatProvider = field(repr=False)
    request: ChatRequest = field(repr=False)
    credentials: Credentials | None
    counts: Mapping[str, int]
    agent_id: str
    provider_name: str
    about: Mapping[str, Any]
    titling: bool
    client_request_id: str | None = None
