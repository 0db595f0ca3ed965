"""Who answers a request: the model that it names, or someone who was made for it, such as an agent.

Whoever that is, a run asks a model of an endpoint. What is found here says which, and what of it is not the client's
to choose.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from echo.chat.edges import Edge
from echo.chat.request import Asked
from echo.chat.teams import Graph
from echo.tools.tool import NOTHING, Wanted


@dataclass(frozen=True)
class Respondent:
    """An answerer.

    `endpoint` is the one that is asked, `shown_endpoint` the one that conversation and messages name, and
    `shown_model` the model that the answer names; None where they are the same. `fixed` are parameters by LibreChat's
    names beside which no others count, `kept` is what the conversation is given, and `agent_id` what events and usage
    call the answerer. `wanted` are the tools that it is to have, `steps` the most that its answer may take, where it
    has a limit of its own, `artifacts` LibreChat's mode of them. `edges` lead to
    other agents; with `hides_others` readers get the last one's words only. With `ends_after_tools` the model is not
    asked again once tools have answered. `subagents` are those that it may give tasks to, `graphs` teams of them;
    `description` says what it is for.
    """

    endpoint: str
    asked: Asked
    fixed: Mapping[str, Any] | None = None
    kept: Mapping[str, Any] = field(default_factory=dict)
    shown_endpoint: str | None = None
    shown_model: str | None = None
    sender: str | None = None
    icon_url: str | None = None
    agent_id: str | None = None
    wanted: Wanted = NOTHING
    steps: int | None = None
    artifacts: str | None = None
    edges: tuple[Edge, ...] = ()
    graphs: tuple[Graph, ...] = ()
    hides_others: bool = False
    ends_after_tools: bool = False
    subagents: tuple[str, ...] = ()
    description: str = ""


class Respondents(Protocol):
    """Finds who answers."""

    def find(self, owner: str, endpoint: str, asked: Asked) -> Respondent:
        """Who answers a request to this endpoint.

        Raises `storage.core.errors.NotFound` for one that is not there or not the owner's to ask.
        """
