"""Model specs and agents: a spec can be of one, and where specs are enforced, of no other."""

from typing import Any

import pytest

from echo.chat.request import Asked, Settled
from echo.chat.settling import Settling
from echo.chat.specs import Specs
from echo.errors import Unprocessable
from storage.core.database import Database
from storage.library.assistants import AssistantRepository
from storage.library.presets import PresetRepository
from tests.support.chats import new_owner

MINE = {"model": "gpt-4", "instructions": "Rhyme.", "agent_id": "agent_mine"}
LISTED = [
    {
        "name": "poet",
        "iconURL": "https://icons.example/poet.png",
        "preset": {
            "endpoint": "agents",
            "agent_id": "agent_mine",
            "promptPrefix": "Be dry.",
            "temperature": 1,
        },
    },
    {"name": "clerk", "preset": {"endpoint": "openAI", "model": "gpt-4"}},
]


def settle(database: Database, *, enforced: bool, **said: Any) -> Settled:
    """What holds for an agent where a request says so much."""
    presets, assistants = PresetRepository(database), AssistantRepository(database)
    settling = Settling(presets, assistants, lambda _: Specs(LISTED, enforced=enforced))
    asked = Asked(parameters={key: value for key, value in said.items() if key != "fixed"})
    return settling.settle(new_owner(), "agents", asked, {}, said.get("fixed", MINE))


@pytest.mark.parametrize("enforced", [True, False])
def test_a_spec_gives_an_agent_its_looks_alone(app_database: Database, enforced: bool) -> None:
    settled = settle(app_database, enforced=enforced, spec="poet", temperature=0.5)
    assert (settled.model, settled.system, settled.temperature) == ("gpt-4", "Rhyme.", None)
    assert settled.icon_url == "https://icons.example/poet.png"
    assert settled.kept == {"spec": "poet", "iconURL": "https://icons.example/poet.png"}


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({}, "must name a model spec"),
        ({"spec": "clerk"}, "is of another endpoint"),
        ({"spec": "poet", "fixed": {**MINE, "agent_id": "agent_other"}}, "is of another agent"),
    ],
)
def test_enforced_specs_allow_no_other_agent(
    app_database: Database, said: dict[str, Any], reason: str
) -> None:
    with pytest.raises(Unprocessable) as refused:
        settle(app_database, enforced=True, **said)
    assert refused.value.code == "unusable_model_spec"
    assert refused.value.errors[0].message == reason


def test_otherwise_any_agent_may_be_named(app_database: Database) -> None:
    other = {**MINE, "agent_id": "agent_other"}
    assert settle(app_database, enforced=False, spec="poet", fixed=other).model == "gpt-4"
