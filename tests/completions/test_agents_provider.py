"""An agent as a provider: its instructions, its own model, and the ids of what it says."""

from types import SimpleNamespace
from typing import Any

import pytest

from echo.chat.request import Asked
from echo.chat.respondent import Respondent
from echo.chat.variables import Variables
from echo.completions.agents import AgentModels, AgentProvider
from echo.errors import Forbidden, NotFound
from echo.handling.caller import Caller, KeyGrant
from echo.tools.tool import Wanted
from storage.core.errors import NotFound as NotStored

ADA = Caller("ada", "s", "ada@example.com", "ada", "local", "USER")


class Parts:
    """What agents need, as far as it is asked here; notes what it is asked."""

    def __init__(self, *, allowed: bool = True, artifacts: bool = False, found: Any = None) -> None:
        self.log: list[Any] = []
        self.rules = SimpleNamespace(can=lambda name: artifacts and name == "artifacts")
        self.summarisers = SimpleNamespace(of=self._of)
        self.respondents = SimpleNamespace(find=self._find)
        self._allowed = allowed
        self._found = found

    def check(self, owner: str, needs: Any) -> None:
        self.log.append((owner, needs))
        if not self._allowed:
            raise Forbidden

    def listed(self, caller: Caller, most: int) -> list[str]:
        self.log.append((caller, most))
        return ["agent_1", "agent_2"]

    def _of(self, *asked: Any) -> str:
        self.log.append(asked)
        return "summarising"

    def _find(self, *asked: Any) -> Any:
        self.log.append(asked)
        if self._found is None:
            raise NotStored
        return self._found


def models(parts: Parts) -> AgentModels:
    given: Any = parts
    return AgentModels(given)


class TestProvider:
    def made(self, found: Respondent, **parts: Any) -> tuple[AgentProvider, Parts]:
        given = Parts(**parts)
        variables = Variables(lambda: {"_id": "ada", "name": "Ada"})
        chosen: Any = SimpleNamespace(name="openAI")
        made = models(given).provider(ADA, found, chosen, variables)
        assert (made.side.chosen, made.whom.variables, made.whom.owner) == (chosen, variables, "ada")
        assert (made.spending, made.summarising) == (None, "summarising")
        return made, given

    def test_has_the_agents_model_and_name(self) -> None:
        wanted = Wanted(names=("look",))
        fixed = {"model": "gpt-4", "promptPrefix": "For {{current_user}}.", "temperature": 0.5}
        found = Respondent("openAI", Asked(), fixed=fixed, sender="Poet", agent_id="agent_1", wanted=wanted)
        made, _ = self.made(found)
        side = made.side
        assert (side.model, side.sender, side.agent_id, side.wanted) == ("gpt-4", "Poet", "agent_1", wanted)
        assert (side.settled.system, side.settled.temperature, side.respondent) == ("For Ada.", 0.5, found)

    def test_may_have_neither(self) -> None:
        made, _ = self.made(Respondent("openAI", Asked(), agent_id="agent_1"))
        assert (made.side.model, made.side.sender, made.side.settled.system) == ("", "agent_1", None)

    def test_is_told_of_artifacts_where_there_may_be_some(self) -> None:
        found = Respondent(
            "openAI", Asked(), fixed={"promptPrefix": "Rhyme."}, agent_id="agent_1", artifacts="default"
        )
        told = self.made(found, artifacts=True)[0].side.settled.system
        assert told is not None
        assert told.startswith("Rhyme.\n\n")
        assert "artifact" in told
        assert self.made(found)[0].side.settled.system == "Rhyme."

    def test_has_ids_of_its_own_each_time(self) -> None:
        found = Respondent("openAI", Asked(), agent_id="agent_1")
        both = [self.made(found) for _ in range(2)]
        ids = {str(each) for made, _ in both for each in made.whom.ids.values()}
        assert len(ids) == 4
        for made, parts in both:
            assert sorted(made.whom.ids) == ["conversationId", "messageId"]
            assert parts.log == [("ada", made.side, made.whom.variables, made.whom.ids["messageId"])]

    def test_is_paid_for_by_one_request(self) -> None:
        made, _ = self.made(Respondent("openAI", Asked(), agent_id="agent_1"))
        spending: Any = "spending"
        assert made.paying(spending).spending == "spending"
        assert made.spending is None


class TestNames:
    def test_are_of_those_that_the_key_opens(self) -> None:
        parts = Parts()
        assert models(parts).names(ADA) == ["agent_1", "agent_2"]
        assert parts.log == [("ada", {"AGENTS": ("USE",)}), (ADA, 1000)]
        few = Caller(**{**vars(ADA), "key": KeyGrant("key", ("agents/agent_2",))})
        assert models(Parts()).names(few) == ["agent_2"]

    def test_are_none_without_the_right(self) -> None:
        assert models(Parts(allowed=False)).names(ADA) == []


class TestFind:
    FOUND = Respondent("openAI", Asked(), agent_id="agent_1")

    @pytest.mark.parametrize("name", ["agent_1", "agents/agent_1"])
    def test_is_the_agent_of_that_id(self, name: str) -> None:
        parts, read = Parts(found=self.FOUND), []

        def user() -> dict[str, Any]:
            read.append(True)
            return {}

        assert models(parts).find(ADA, name, Variables(user)) is self.FOUND
        assert parts.log == [
            ("ada", {"AGENTS": ("USE",)}),
            ("ada", "agents", Asked(agent_id="agent_1")),
        ]
        assert read == [True]

    def test_is_none_that_is_not_there_or_not_opened(self) -> None:
        few = Caller(**{**vars(ADA), "key": KeyGrant("key", ("agents/agent_2",))})
        for caller, parts in ((ADA, Parts()), (few, Parts(found=self.FOUND))):
            with pytest.raises(NotFound, match=r"There is no such agent\.$") as refused:
                models(parts).find(caller, "agent_1", Variables(dict))
            assert refused.value.code == "model_not_found"

    def test_needs_the_right(self) -> None:
        with pytest.raises(Forbidden):
            models(Parts(allowed=False, found=self.FOUND)).find(ADA, "agent_1", Variables(dict))
