"""Agents as those who answer: of a model, with instructions and texts that only the model is told."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from echo.chat.attachments import Attachments
from echo.chat.edges import Edge, chain_of, edges_of
from echo.chat.place import NEW
from echo.chat.request import LABEL, SYSTEM, Asked
from echo.chat.respondent import Respondent
from echo.chat.teams import wanted_graphs, wanted_subagents
from echo.chat.wanting import wanted_of
from echo.errors import FieldError, Unprocessable
from echo.files import FileStore
from echo.settings.agents import AgentSettings
from echo.settings.endpoints import normal_name
from storage.agents.shapes import files_of
from storage.conversations.chats import ChatRepository
from storage.library.files import FileRepository

Document = Mapping[str, Any]
# The user's id and the agent's; the agent, if that user may talk with it. Raises `NotFound`.
FindAgent = Callable[[str, str], Document]
AGENTS = "agents"
# How LibreChat tells an agent that somebody made from a mere model.
MADE = "agent_"
# Of an agent's files, beside a conversation: about a hundred thousand tokens.
MAX_CONTEXT = 400_000


class AgentsAndModels:
    """Finds who answers: at the endpoint `agents` the agent that is named, at all others their models."""

    def __init__(
        self,
        find_agent: FindAgent,
        chats: ChatRepository,
        files: FileRepository,
        store: FileStore,
        rules: AgentSettings,
    ) -> None:
        self._find_agent = find_agent
        self._chats = chats
        self._files = files
        self._store = store
        self._rules = rules

    def find(self, owner: str, endpoint: str, asked: Asked) -> Respondent:
        """The agent that the request names, or else its conversation.

        Raises `NotFound` for one that is not there, or that the owner may not use, `Unprocessable` where none is
        named (`no_agent`), or where agents may not be of its endpoint (`endpoint_unavailable`).
        """
        if normal_name(endpoint) != AGENTS:
            return Respondent(endpoint, asked)
        agent_id = asked.agent_id or self._of_conversation(owner, asked.conversation_id)
        if not agent_id.startswith(MADE):
            place = FieldError("agent_id", "must name an agent")
            raise Unprocessable("The message names no agent.", code="no_agent", errors=(place,))
        agent = self._find_agent(owner, agent_id)
        provider = str(agent.get("provider"))
        if not self._rules.may_ask(provider):
            raise Unprocessable("Agents may not ask that endpoint here.", code="endpoint_unavailable")
        return Respondent(
            endpoint=provider,
            asked=asked,
            fixed=parameters_of(agent, self._texts(owner, agent)),
            # Which model that is may change with the agent.
            kept={"agent_id": agent_id, "model": None},
            shown_endpoint=AGENTS,
            # LibreChat's clients find the agent of an answer by it.
            shown_model=agent_id,
            sender=agent.get("name") or None,
            agent_id=agent_id,
            wanted=wanted_of(agent, self._rules),
            steps=own_steps(agent),
            subagents=wanted_subagents(agent) if self._rules.can("subagents") else (),
            graphs=wanted_graphs(agent_id, agent) if self._rules.can("subagents") else (),
            description=str(agent.get("description") or ""),
            edges=self._edges(agent_id, agent),
            hides_others=agent.get("hide_sequential_outputs") is True,
            ends_after_tools=agent.get("end_after_tools") is True,
            artifacts=str(agent["artifacts"]) if agent.get("artifacts") else None,
        )

    def _of_conversation(self, owner: str, conversation_id: str | None) -> str:
        if conversation_id in NEW:
            return ""
        return str(self._chats.conversation(owner, str(conversation_id)).get("agent_id") or "")

    def _edges(self, agent_id: str, agent: Document) -> tuple[Edge, ...]:
        chain = chain_of(agent_id, agent) if self._rules.can("chain") else ()
        return (*edges_of(agent), *chain)

    def _texts(self, owner: str, agent: Document) -> str:
        if not self._rules.can("context"):
            return ""
        records = self._files.of_agent(files_of(agent, ("context", "ocr")))
        return written_out(Attachments(self._files, self._store, owner).texts(records))


def parameters_of(agent: Document, texts: str) -> dict[str, Any]:
    """What an agent asks its model for: nothing of it is the client's to choose."""
    stored = agent.get("model_parameters")
    chosen = stored if isinstance(stored, Mapping) else {}
    parameters = {name: value for name, value in chosen.items() if name not in (*SYSTEM, *LABEL)}
    said = [each for each in (agent.get("instructions"), texts) if isinstance(each, str) and each.strip()]
    if said:
        parameters["instructions"] = "\n\n".join(said)
    return {**parameters, "model": agent.get("model"), "agent_id": agent.get("id")}


def own_steps(agent: Document) -> int | None:
    """An agent's own limit of steps; old documents may hold anything."""
    steps = agent.get("recursion_limit")
    is_number = isinstance(steps, int | float) and not isinstance(steps, bool) and 1 <= steps < 2**31
    return int(steps) if is_number else None  # type: ignore[arg-type]


def written_out(texts: Iterable[tuple[str, str]]) -> str:
    """Texts under their names, as far as there is room."""
    parts, left = list[str](), MAX_CONTEXT
    for name, text in texts:
        if left <= 0:
            break
        parts.append(f"# {name}\n\n{text[:left]}")
        left -= len(text)
    return "\n\n".join(["You have been given these documents.", *parts]) if parts else ""
