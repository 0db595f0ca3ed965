"""What the operations of agents do, for whom each may be."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from echo.access.kinds import DELETE, EDIT, VIEW, ResourceType
from echo.access.service import Access
from echo.agents.contact import has_support, owner_contact
from echo.agents.files import with_file, with_own_files, without_files
from echo.agents.parameters import tidy_parameters
from echo.errors import Unprocessable
from echo.handling.caller import Caller
from storage.agents.agent_lists import Wanted
from storage.agents.agents import AgentRepository
from storage.agents.categories import AgentCategoryRepository
from storage.agents.shapes import editable, files_of, with_actions
from storage.core.errors import NotFound as NoSuchDocument
from storage.core.pages import Page
from storage.core.portions import Reading
from storage.core.stop import Stop
from storage.library.files import FileRepository

Json = dict[str, Any]
Document = dict[str, Any]
AGENT, REMOTE = ResourceType.AGENT, ResourceType.REMOTE_AGENT
# So many agents are a user's own: lists and the filters behind them grow with each.
MAX_AGENTS = 1000
# Stores actions for the agent of an id; what its `actions` say of them.
GiveActions = Callable[[str], Sequence[str]]
# Of the 256 characters of a name; the rest is for the time of a copy.
NAME_ROOM = 230


class Agents:
    """Agents of their makers and of those whom they are shared with.

    What a caller may do is what grants say; an agent that the caller may not see raises `NotFound`, as one that does
    not exist, and what the caller may not do with it `Forbidden`. What the role must allow the contract says, and it
    is asked before; here only where it depends on more than the operation.
    """

    def __init__(
        self,
        access: Access,
        agents: AgentRepository,
        categories: AgentCategoryRepository,
        files: FileRepository,
    ) -> None:
        self._access = access
        self._agents = agents
        self._categories = categories
        self._files = files

    def list_page(
        self,
        caller: Caller,
        *,
        limit: int,
        needed: int = VIEW,
        category: str | None = None,
        promoted: bool | None = None,
        search: str | None = None,
        cursor: str | None = None,
        stop: Stop | None = None,
    ) -> Page:
        """Some of the agents with which the caller may do so much; see `AgentRepository.list_page`.

        None leaves a filter out; `promoted` are those that an administrator recommends, False all others.
        Each says whether everybody may see it (`isPublic`) and whether the caller may change it (`isEditable`).
        """
        if category is not None or promoted is not None:
            # As the marketplace asks; whoever chooses an agent to talk with asks for all.
            self._access.demand(caller, "MARKETPLACE", "USE")
        bits = self._access.each(caller, AGENT)
        ids = [identifier for identifier, each in bits.items() if each & needed == needed]
        wanted = Wanted(category, promoted, search)
        page = self._agents.list_page(ids, wanted, limit=limit, cursor=cursor, stop=stop)
        public = self._access.public(AGENT) if page.items else set()
        items = [
            {
                **agent,
                **({"isPublic": True} if agent["_id"] in public else {}),
                "isEditable": bool(bits[agent["_id"]] & EDIT),
            }
            for agent in page.items
        ]
        return Page(self._described(caller, items), page.next_cursor)

    def categories(self, caller: Caller) -> list[Json]:
        """The categories with how many of the agents each has that the caller may see.

        As in LibreChat `promoted` comes first, if there are any, and `all` last.
        """
        ids = [key for key, bits in self._access.each(caller, AGENT).items() if bits & VIEW]
        counts, promoted = self._agents.count(ids)
        listed = [{**each, "count": counts.get(each["value"], 0)} for each in self._categories.list()]
        recommended = {
            "value": "promoted",
            "label": "Promoted",
            "count": promoted,
            "description": "Our recommended agents",
        }
        everything = {"value": "all", "label": "All", "description": "All available agents"}
        return [*([recommended] if promoted else []), *listed, everything]

    def get(self, caller: Caller, agent_id: str) -> tuple[Document, bool]:
        """An agent, and whether the caller may change it: others see less of it."""
        identifier = self._agents.identify(agent_id)
        bits = self._access.require(caller, AGENT, identifier, VIEW)
        return self._shown(caller, self._agents.get(agent_id)), bool(bits & EDIT)

    def expanded(self, caller: Caller, agent_id: str) -> Document:
        """All of an agent, for who may change it."""
        self._may(caller, agent_id, EDIT)
        return self._shown(caller, self._agents.get(agent_id))

    def versions(self, caller: Caller, agent_id: str) -> Reading:
        """The versions of an agent, the oldest first, for who may change it."""
        self._may(caller, agent_id, EDIT)
        return self._agents.versions(agent_id)

    def create(
        self, caller: Caller, fields: Mapping[str, Any], actions: GiveActions | None = None
    ) -> Document:
        """A new agent, the caller's. Raises `Unprocessable` (`too_many_agents`).

        `actions` gives it some before anybody sees it; what they answer stands in its `actions`.
        """
        if len(self._access.accessible(caller, AGENT, DELETE)) >= MAX_AGENTS:
            raise Unprocessable(f"You may have {MAX_AGENTS} agents.", code="too_many_agents")
        agent = self._agents.make(caller.id, self._checked(caller, fields, ()))
        for kind in (AGENT, REMOTE):
            self._access.own(caller.id, kind, agent["_id"])
        if actions is not None:
            agent = with_actions(agent, actions(str(agent["id"])))
        return self._one(caller, self._agents.insert(caller.id, agent))

    def update(self, caller: Caller, agent_id: str, fields: Mapping[str, Any]) -> Document:
        """Change an agent; see `AgentRepository.update`."""
        self._may(caller, agent_id, EDIT)
        if not fields:
            return self._one(caller, self._agents.get(agent_id))
        present = files_of(self._agents.get(agent_id)) if fields.get("tool_resources") else ()
        changed = self._agents.update(caller.id, agent_id, self._checked(caller, fields, present))
        return self._one(caller, changed)

    def revert(self, caller: Caller, agent_id: str, index: int) -> Document:
        """Give an agent the fields of one of its versions."""
        self._may(caller, agent_id, EDIT)
        return self._one(caller, self._agents.revert(caller.id, agent_id, index))

    def duplicate(self, caller: Caller, agent_id: str, actions: GiveActions | None = None) -> Document:
        """A copy of an agent, the caller's, for who may change it; of its files those that are the caller's.

        `actions` gives it those of the original.
        """
        self._may(caller, agent_id, EDIT)
        original = self._agents.get(agent_id)
        moment = datetime.now(UTC)
        fields = editable(original)
        context = (fields.pop("tool_resources", None) or {}).get("context")
        if isinstance(context, Mapping):
            fields["tool_resources"] = {"context": context}
        time = f"{moment.month}/{moment.day}/{moment:%y, %H:%M}"
        fields["name"] = f"{(original.get('name') or '')[:NAME_ROOM]} ({time})".strip()
        fields["edges"] = _of_the_copy(fields.get("edges"), agent_id)
        return self.create(caller, fields, actions)

    def delete(self, caller: Caller, agent_id: str) -> None:
        """Delete an agent and all grants on it."""
        identifier = self._may(caller, agent_id, DELETE)
        self._agents.delete(agent_id)
        for kind in (AGENT, REMOTE):
            self._access.forget(kind, [identifier])

    def add_file(self, caller: Caller, agent_id: str, resource: str, file_id: str) -> None:
        """Give an agent a file of the caller's for a purpose (LibreChat's `tool_resource`).

        Raises `Unprocessable` (`too_many_agent_files`).
        """
        self._may(caller, agent_id, EDIT)
        self._agents.change_files(caller.id, agent_id, partial(with_file, name=resource, file_id=file_id))

    def remove_files(self, caller: Caller, agent_id: str, file_ids: Collection[str]) -> None:
        """Take files from an agent; the files themselves stay."""
        self.check_change(caller, agent_id)
        self._agents.change_files(caller.id, agent_id, partial(without_files, file_ids=file_ids))

    def forget_files(self, owner: str, file_ids: Sequence[str]) -> None:
        """Take files that their owner has deleted from all agents that have them."""
        self._agents.forget_files(owner, file_ids)

    def file_ids(self, caller: Caller, agent_id: str) -> list[str]:
        """The files of an agent, for who may change it; for all others there are none, as in LibreChat."""
        agent, may_edit = self.get(caller, agent_id)
        return files_of(agent) if may_edit else []

    def avatar(self, caller: Caller, agent_id: str) -> str | None:
        """Where the picture of an agent is, for who may see the agent; None where there is none to be seen."""
        try:
            agent = self._agents.get(agent_id)
        except NoSuchDocument:
            return None
        seen = self._access.allowed(caller, "AGENTS", "USE") and (
            self._access.bits(caller, AGENT, agent["_id"]) & VIEW
        )
        picture = agent.get("avatar")
        path = picture.get("filepath") if seen and isinstance(picture, Mapping) else None
        return path.partition("?")[0] if isinstance(path, str) else None

    def check_change(self, caller: Caller, agent_id: str) -> None:
        """Raise `NotFound` or `Forbidden` unless the caller may change an agent, by right and by role."""
        self._access.demand(caller, "AGENTS", "USE", "CREATE")
        self._may(caller, agent_id, EDIT)

    def for_chat(self, owner: str, agent_id: str) -> Document:
        """An agent that a user talks with, all of it. Raises `NotFound` for one that the user may not see."""
        caller = Caller(owner, session_id="", email="", username="", provider="", role="")
        agent = self._agents.get(agent_id)
        self._access.require(caller, AGENT, agent["_id"], VIEW)
        return agent

    def for_programs(self, owner: str, agent_id: str) -> Document:
        """The same for a program of the user's: also one that was shared for programs only."""
        caller = Caller(owner, session_id="", email="", username="", provider="", role="")
        agent = self._agents.get(agent_id)
        if not self._access.bits(caller, REMOTE, agent["_id"]) & VIEW:
            self._access.require(caller, AGENT, agent["_id"], VIEW)
        return agent

    def list_for_programs(self, caller: Caller, *, limit: int, cursor: str | None = None) -> Page:
        """Some of those that `for_programs` gives, as stored; the last changed first."""
        kinds = (self._access.each(caller, kind) for kind in (AGENT, REMOTE))
        ids = {identifier for bits in kinds for identifier, each in bits.items() if each & VIEW}
        return self._agents.list_page([*ids], Wanted(), limit=limit, cursor=cursor)

    def _may(self, caller: Caller, agent_id: str, needed: int) -> Any:
        identifier = self._agents.identify(agent_id)
        self._access.require(caller, AGENT, identifier, needed)
        return identifier

    def _checked(
        self, caller: Caller, fields: Mapping[str, Any], present: Collection[str]
    ) -> Mapping[str, Any]:
        parameters, resources = fields.get("model_parameters"), fields.get("tool_resources")
        changed: Json = {} if parameters is None else {"model_parameters": tidy_parameters(parameters)}
        if resources:
            changed["tool_resources"] = with_own_files(self._files, caller.id, resources, present)
        return {**fields, **changed}

    def _shown(self, caller: Caller, agent: Document) -> Document:
        return self._one(caller, {**agent, "isPublic": self._access.is_public(AGENT, agent["_id"])})

    def _one(self, caller: Caller, agent: Document) -> Document:
        return self._described(caller, [agent])[0]

    def _described(self, caller: Caller, agents: list[Document]) -> list[Document]:
        """With whom to turn to, and with the author only to the author."""
        authors: set[Any] = {each.get("author") for each in agents if not has_support(each)}
        names: Mapping[Any, Document] = self._agents.names_of(authors) if authors else {}
        described = []
        for agent in agents:
            contact = {} if has_support(agent) else owner_contact(agent, names.get(agent.get("author")) or {})
            shown = {**agent, "owner_contact": contact} if contact else dict(agent)
            if str(agent.get("author")) != caller.id:
                shown.pop("author", None)
            described.append(shown)
        return described


def _of_the_copy(edges: Any, original: str) -> list[Any]:
    """Edges of an agent as its copy has them: an empty text stands for itself."""
    found = []
    for edge in edges if isinstance(edges, list) else []:
        if isinstance(edge, Mapping):
            source = edge.get("from")
            own = (
                ["" if each == original else each for each in source] if isinstance(source, list) else source
            )
            found.append({**edge, "from": "" if own == original else own})
    return found
