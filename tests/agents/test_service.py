"""What the operations of agents do, for whom each may be: each right is asked for by its own kind."""

from collections.abc import Sequence
from typing import Any, ClassVar

import pytest

from echo.access.kinds import DELETE, EDIT, VIEW, ResourceType
from echo.agents.service import Agents, _of_the_copy
from echo.errors import Forbidden, NotFound, Unprocessable
from echo.handling.caller import Caller
from storage.core.errors import NotFound as NoSuchDocument

ADA = Caller("ada", "s", "ada@example.com", "ada", "local", "USER")
AGENT, REMOTE = ResourceType.AGENT, ResourceType.REMOTE_AGENT
POET = {"_id": 1, "id": "agent_1", "name": "Poet", "author": "ada"}


class Access:
    """Grants by kind and thing; notes who asked and what was granted or forgotten."""

    def __init__(self, **bits: int) -> None:
        self._bits = {AGENT: bits.get("chat", 0), REMOTE: bits.get("program", 0)}
        self.many = 0
        self.may_use = True
        self.log: list[Any] = []

    def bits(self, caller: Caller, kind: ResourceType, identifier: Any) -> int:
        self.log.append((caller, kind, identifier))
        return self._bits[kind]

    def require(self, caller: Caller, kind: ResourceType, identifier: Any, needed: int) -> int:
        bits = self.bits(caller, kind, identifier)
        if not bits & VIEW:
            raise NotFound
        if bits & needed != needed:
            raise Forbidden
        return bits

    def each(self, _caller: Caller, kind: ResourceType) -> dict[int, int]:
        return {1: self._bits[kind], 2: VIEW, 3: EDIT}

    def accessible(self, caller: Caller, kind: ResourceType, needed: int) -> Sequence[int]:
        assert (caller, kind, needed) == (ADA, AGENT, DELETE)
        return range(self.many)

    def allowed(self, caller: Caller, kind: str, *permissions: str) -> bool:
        assert (caller, kind, permissions) == (ADA, "AGENTS", ("USE",))
        return self.may_use

    def own(self, *grant: Any) -> None:
        self.log.append(("own", *grant))

    def forget(self, *grant: Any) -> None:
        self.log.append(("forget", *grant))


class Stored:
    """One agent."""

    def __init__(self, **fields: Any) -> None:
        self.agent = {**POET, **fields}
        self.log: list[Any] = []

    def get(self, agent_id: str) -> dict[str, Any]:
        if agent_id != "agent_1":
            raise NoSuchDocument
        return self.agent

    def identify(self, agent_id: str) -> int:
        return int(self.get(agent_id)["_id"])

    def count(self, ids: Sequence[int]) -> tuple[dict[str, int], int]:
        self.log.append(list(ids))
        return {"hr": 2}, 1 if 1 in ids else 0

    def make(self, owner: str, fields: Any) -> dict[str, Any]:
        return {**fields, "_id": 9, "id": "agent_9", "author": owner, "versions": []}

    def insert(self, owner: str, agent: Any) -> Any:
        self.log.append(("insert", owner, agent))
        return agent

    def delete(self, agent_id: str) -> None:
        self.log.append(("delete", agent_id))

    def names_of(self, _authors: Any) -> dict[str, Any]:
        return {"ada": {"name": "Ada"}}


class Categories:
    def list(self) -> list[dict[str, str]]:
        return [{"value": "hr"}, {"value": "it"}]


def agents(access: Access, stored: Stored | None = None) -> Agents:
    given: Any = access, stored or Stored(), Categories(), None
    return Agents(*given)


class TestForAnswers:
    USER = Caller("ada", session_id="", email="", username="", provider="", role="")

    def test_a_chat_needs_the_right_to_chats(self) -> None:
        access = Access(chat=VIEW)
        assert agents(access).for_chat("ada", "agent_1") == POET
        assert access.log == [(self.USER, AGENT, 1)]
        with pytest.raises(NotFound):
            agents(Access(program=VIEW)).for_chat("ada", "agent_1")

    def test_a_program_needs_either(self) -> None:
        access = Access(program=VIEW)
        assert agents(access).for_programs("ada", "agent_1") == POET
        assert access.log == [(self.USER, REMOTE, 1)]
        access = Access(chat=VIEW, program=EDIT)
        assert agents(access).for_programs("ada", "agent_1") == POET
        assert access.log == [(self.USER, REMOTE, 1), (self.USER, AGENT, 1)]
        with pytest.raises(NotFound):
            agents(Access(chat=EDIT, program=EDIT)).for_programs("ada", "agent_1")
        with pytest.raises(NoSuchDocument):
            agents(access).for_programs("ada", "agent_2")


class TestCreate:
    def test_is_the_callers_for_chats_and_for_programs(self) -> None:
        access, stored = Access(), Stored()
        made = agents(access, stored).create(ADA, {"name": "New"}, lambda agent_id: [f"of {agent_id}"])
        assert access.log == [("own", "ada", AGENT, 9), ("own", "ada", REMOTE, 9)]
        [(_, owner, written)] = stored.log
        assert (owner, written["name"], written["actions"]) == ("ada", "New", ["of agent_9"])
        assert (made["id"], made["author"], made["owner_contact"]) == ("agent_9", "ada", {"name": "Ada"})

    def test_is_refused_beyond_a_thousand(self) -> None:
        access = Access()
        access.many = 999
        assert agents(access).create(ADA, {})["id"] == "agent_9"
        access.many = 1000
        with pytest.raises(Unprocessable, match=r"You may have 1000 agents\.$") as refused:
            agents(access).create(ADA, {})
        assert refused.value.code == "too_many_agents"


class TestDelete:
    def test_takes_all_grants_with_it(self) -> None:
        access, stored = Access(chat=VIEW | DELETE), Stored()
        agents(access, stored).delete(ADA, "agent_1")
        assert stored.log == [("delete", "agent_1")]
        assert access.log == [(ADA, AGENT, 1), ("forget", AGENT, [1]), ("forget", REMOTE, [1])]

    @pytest.mark.parametrize(("bits", "error"), [(VIEW | EDIT, Forbidden), (DELETE, NotFound)])
    def test_needs_the_right_to(self, bits: int, error: type[Exception]) -> None:
        access, stored = Access(chat=bits, program=VIEW | DELETE), Stored()
        with pytest.raises(error):
            agents(access, stored).delete(ADA, "agent_1")
        assert stored.log == []


class TestCategories:
    def test_count_what_the_caller_may_see(self) -> None:
        stored = Stored()
        listed = agents(Access(chat=VIEW), stored).categories(ADA)
        assert stored.log == [[1, 2]]
        assert listed == [
            {
                "value": "promoted",
                "label": "Promoted",
                "count": 1,
                "description": "Our recommended agents",
            },
            {"value": "hr", "count": 2},
            {"value": "it", "count": 0},
            {"value": "all", "label": "All", "description": "All available agents"},
        ]

    def test_are_none_of_the_recommended_without_any(self) -> None:
        assert [each["value"] for each in agents(Access()).categories(ADA)] == ["hr", "it", "all"]


class TestAvatar:
    AT: ClassVar[Any] = {"filepath": "/images/a.png?v=1"}

    def test_is_for_those_who_see_the_agent(self) -> None:
        assert agents(Access(chat=VIEW), Stored(avatar=self.AT)).avatar(ADA, "agent_1") == "/images/a.png"
        for access in (Access(chat=EDIT), Access(program=VIEW)):
            assert agents(access, Stored(avatar=self.AT)).avatar(ADA, "agent_1") is None

    def test_is_for_those_who_may_use_agents(self) -> None:
        access = Access(chat=VIEW)
        access.may_use = False
        assert agents(access, Stored(avatar=self.AT)).avatar(ADA, "agent_1") is None

    @pytest.mark.parametrize("avatar", [None, "x", {}, {"filepath": None}, {"filepath": 7}])
    def test_may_not_be_there(self, avatar: Any) -> None:
        assert agents(Access(chat=VIEW), Stored(avatar=avatar)).avatar(ADA, "agent_1") is None
        assert agents(Access(chat=VIEW)).avatar(ADA, "agent_2") is None


class TestFiles:
    HELD: ClassVar[Any] = {"context": {"file_ids": ["f1", "f2"]}}

    @pytest.mark.parametrize(("bits", "files"), [(VIEW, []), (VIEW | EDIT, ["f1", "f2"])])
    def test_are_for_those_who_may_change_it(
        self, monkeypatch: pytest.MonkeyPatch, bits: int, files: list[str]
    ) -> None:
        access = Access(chat=bits)
        monkeypatch.setattr(access, "is_public", lambda *_: False, raising=False)
        assert agents(access, Stored(tool_resources=self.HELD)).file_ids(ADA, "agent_1") == files


@pytest.mark.parametrize(
    ("edges", "copied"),
    [
        ([{"from": "agent_1", "to": "b"}], [{"from": "", "to": "b"}]),
        ([{"from": "a", "to": "agent_1"}], [{"from": "a", "to": "agent_1"}]),
        ([{"from": ["agent_1", "a"], "to": "b"}], [{"from": ["", "a"], "to": "b"}]),
        ([{"from": ["a"], "more": 1}, "x", None], [{"from": ["a"], "more": 1}]),
        ([{"to": "b"}], [{"from": None, "to": "b"}]),
        (None, []),
        ("x", []),
    ],
)
def test_edges_of_a_copy_begin_at_the_copy(edges: Any, copied: Any) -> None:
    assert _of_the_copy(edges, "agent_1") == copied
