"""A run that is ready to begin."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from echo.chat.summaries import Summarising, Summing
from echo.chat.teams import Subagent, Team
from echo.providers.chat import ChatProvider, ChatRequest, Credentials
from echo.tools.limits import USUAL, LoopLimits
from echo.tools.tool import NOTHING, Wanted
from storage.conversations.chat_shapes import Begun


@dataclass(frozen=True)
class Asking:
    """What one model is asked. `counts` are of `echo.chat.context.Fit`.

    `agent_id` tells the answers of several models apart; `group` is LibreChat's number of answers side by side, None
    where one model answers alone.
    """

    provider: ChatProvider = field(repr=False)
    request: ChatRequest = field(repr=False)
    credentials: Credentials | None
    counts: Mapping[str, int]
    agent_id: str
    provider_name: str
    # The tools that it is to have, and how far it may go with them.
    wanted: Wanted = NOTHING
    limits: LoopLimits = USUAL
    # LibreChat's, filled in for this user and this request.
    placeholders: Mapping[str, str] = field(default_factory=dict, repr=False)
    # Who else takes part in the answer: the members are `Asking` too.
    team: Team | None = None
    ends_after_tools: bool = False
    # What is left out of the request, to be summarised first.
    summing: Summing | None = None
    # How what there is no room for any more is summarised while it works.
    summarising: Summarising | None = None
    # Whom it may give tasks to, by their kinds.
    subagents: Mapping[str, Subagent] = field(default_factory=dict)
    # The endpoint that is asked, where conversation and messages name another.
    endpoint: str | None = None
    group: int | None = None


@dataclass(frozen=True)
class Prepared:
    """All that a run needs, and what of it is stored when it begins.

    `askings` is at least one; the first model's answer is what a conversation goes on from. `about` tells followers
    what no event says: `responseMessageId`, `conversationId`, `endpoint`, `sender`, `model`, `iconURL`, in `before`
    the parts of an answer that goes on, and in `isEdited` that the client has those already.
    """

    run_id: str
    owner: str
    conversation_id: str
    question: Mapping[str, Any]
    begun: Begun
    askings: tuple[Asking, ...]
    about: Mapping[str, Any]
    titling: bool
    client_request_id: str | None = None
    # Of an answer that goes on: what stands beside it already.
    attachments: tuple[Mapping[str, Any], ...] = ()
    predecessor: int | None = None
    # Whether the client shows what an answer cost.
    tells_cost: bool = False

    @property
    def first(self) -> Asking:
        """The model whose answer the conversation goes on from."""
        return self.askings[0]
