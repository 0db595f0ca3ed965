"""`ECHO_MODEL_ACCESS`: which models are open to whom."""

from pathlib import Path

import pytest

from echo.settings import SettingsError
from echo.settings.model_access import EVERYTHING, ModelRules, Opened
from tests.settings.conftest import Load


@pytest.mark.parametrize(
    ("name", "endpoint", "model", "is_open"),
    [
        ("openAI/gpt-4o", "openAI", "gpt-4o", True),
        ("openAI/gpt-4o", "openAI", "gpt-4o-mini", False),
        ("openAI/gpt-4o", "azureOpenAI", "gpt-4o", False),
        ("gpt-4o", "azureOpenAI", "gpt-4o", True),
        ("gpt-4o", "openAI", "gpt-4o-mini", False),
        ("gpt-4o*", "openAI", "gpt-4o-mini", True),
        ("gpt-4o*", "openAI", "gpt-4", False),
        ("openAI/*", "openAI", "o1", True),
        ("openAI/*", "openAI/EU", "o1", False),
        ("openAI/EU/*", "openAI/EU", "o1", True),
        ("router/meta/*", "router", "meta/llama", True),
        ("router/meta/*", "router", "other/llama", False),
        # A model of that name may be anybody's: with a slash it counts only in full.
        ("meta/llama", "router", "meta/llama", False),
        ("*", "router", "meta/llama", True),
    ],
)
def test_a_name_opens(name: str, endpoint: str, model: str, is_open: bool) -> None:
    assert Opened(frozenset({name})).may_ask(endpoint, model) is is_open


@pytest.mark.parametrize(
    ("name", "all_known", "is_reached"),
    [
        ("openAI/gpt-9", True, True),
        ("gpt-4o", True, True),
        ("gpt-9", True, False),
        ("gpt-9", False, True),
        ("google/*", False, False),
        ("*", True, True),
    ],
)
def test_an_endpoint_is_reached_where_something_of_it_is_open(
    name: str, all_known: bool, is_reached: bool
) -> None:
    opened = Opened(frozenset({name}))
    assert opened.reaches("openAI", ("gpt-4o",), all_known=all_known) is is_reached


def test_without_names_nothing_is_open_and_without_rules_everything() -> None:
    nothing = Opened(frozenset())
    assert not nothing.may_ask("openAI", "gpt-4o")
    assert not nothing.reaches("openAI", ("gpt-4o",), all_known=False)
    assert EVERYTHING.may_ask("openAI", "gpt-4o")
    assert EVERYTHING.reaches("openAI", (), all_known=True)


RULES = ModelRules(
    roles={"ADMIN": ("*",), "STAFF": (), "*": ("ollama/*",)},
    groups={"Physics": ("openAI/o1",), "65f0": ("google/*",)},
)


@pytest.mark.parametrize(
    ("role", "groups", "names"),
    [
        ("ADMIN", [], {"*"}),
        ("USER", [], {"ollama/*"}),
        ("STAFF", [], set()),
        ("USER", ["Physics", "Chemistry"], {"ollama/*", "openAI/o1"}),
        ("STAFF", ["65f0", "Physics"], {"openAI/o1", "google/*"}),
    ],
)
def test_a_role_and_all_groups_open_together(role: str, groups: list[str], names: set[str]) -> None:
    assert RULES.opened(role, groups).names == names


def test_without_a_line_for_others_they_have_nothing() -> None:
    assert ModelRules({"ADMIN": ("*",)}, {}).opened("USER", []).names == frozenset()


class TestReading:
    def test_a_file(self, load: Load, tmp_path: Path) -> None:
        path = tmp_path / "models.yaml"
        path.write_text("roles:\n  '*': [ollama/*]\ngroups:\n  Physics: [o1]\n", encoding="utf-8")
        rules = load("", ECHO_MODEL_ACCESS=str(path)).model_access
        assert rules == ModelRules({"*": ("ollama/*",)}, {"Physics": ("o1",)})

    def test_its_text(self, load: Load) -> None:
        assert load("", ECHO_MODEL_ACCESS='{"roles": {"USER": ["o1"]}}').model_access == ModelRules(
            {"USER": ("o1",)}, {}
        )

    def test_none_opens_everything(self, load: Load) -> None:
        assert load("").model_access is None

    @pytest.mark.parametrize(
        ("text", "fault"),
        [
            ('{"roles": ["USER"]}', "ECHO_MODEL_ACCESS: roles: not a valid mapping type."),
            ('{"roles": {"USER": "o1"}}', "ECHO_MODEL_ACCESS: roles.USER: not a valid list."),
            ('{"rolls": {}}', "ECHO_MODEL_ACCESS: rolls: unknown field."),
            ("{roles: [", "ECHO_MODEL_ACCESS"),
            (
                "/nowhere/models.yaml",
                "ECHO_MODEL_ACCESS names a file that is not there: /nowhere/models.yaml.",
            ),
        ],
    )
    def test_what_is_no_such_thing_is_refused(self, load: Load, text: str, fault: str) -> None:
        with pytest.raises(SettingsError) as refused:
            load("", ECHO_MODEL_ACCESS=text)
        assert str(refused.value).startswith(fault)

    def test_a_name_of_no_endpoint_is_told(self, load: Load) -> None:
        rules = '{"roles": {"USER": ["opnAI/o1", "o1", "openAI/*"]}}'
        [notice] = load("", ECHO_MODEL_ACCESS=rules, OPENAI_API_KEY="sk-x").notices
        assert notice == "ECHO_MODEL_ACCESS names no endpoint of this server in: opnAI/o1."
