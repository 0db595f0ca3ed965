"""The rules hold for the project, and each of them fails where it should."""

import ast
from pathlib import Path
from textwrap import dedent

import pytest

from tests.lint import rules

ROOT = Path(__file__).parents[2]


def module(source: str) -> ast.Module:
    return ast.parse(dedent(source))


class TestTheProject:
    def test_has_no_findings(self) -> None:
        assert rules.check_project(ROOT) == []

    def test_is_really_looked_at(self) -> None:
        repositories = [
            node.name
            for path in (ROOT / "storage").rglob("*.py")
            for node in ast.parse(path.read_text()).body
            if isinstance(node, ast.ClassDef) and rules.is_repository(node)
        ]
        assert len(repositories) >= 8


class TestImports:
    @pytest.mark.parametrize(
        ("layer", "source"),
        [
            ("storage", "import echo.errors"),
            ("handlers", "from pymongo import MongoClient"),
            ("handlers", "from storage.accounts.users import UserRepository"),
            ("handlers", "def f():\n    import flask"),
            ("echo", "from handlers import users"),
            ("echo", "import bson"),
        ],
    )
    def test_across_layers_is_found(self, layer: str, source: str) -> None:
        assert list(rules.check_imports(layer, module(source)))

    @pytest.mark.parametrize(
        ("layer", "source"),
        [
            ("storage", "import pymongo"),
            ("handlers", "from storage.core.errors import NotFound"),
            ("echo", "from storage.accounts.users import UserRepository"),
        ],
    )
    def test_within_the_rules_is_not(self, layer: str, source: str) -> None:
        assert not list(rules.check_imports(layer, module(source)))


class TestOwner:
    def test_a_method_without_owner_is_found(self) -> None:
        tree = module("""
            class PresetRepository:
                def get(self, preset_id): ...
        """)
        assert list(rules.check_owner_first(tree)) == [
            "3: PresetRepository.get does not take the owner first"
        ]

    def test_an_owner_that_is_not_used_is_found(self) -> None:
        tree = module("""
            class PresetRepository:
                def get(self, owner, preset_id):
                    return self._collection.find_one({"presetId": preset_id})
        """)
        assert list(rules.check_owner_first(tree)) == ["3: PresetRepository.get does not use the owner"]


class TestHandlers:
    def test_a_handler_without_operation_and_the_reverse_are_found(self, tmp_path: Path) -> None:
        (tmp_path / "things.py").write_text("def list_things(): ...\ndef _helper(): ...\n")
        operation = {"operationId": "get_thing", "x-openapi-router-controller": "handlers.things"}
        document = {"paths": {"/things": {"get": operation}}}
        assert list(rules.check_handlers([document], tmp_path)) == [
            "openapi.json: handlers.things.get_thing has no handler",
            "handlers: handlers.things.list_things has no operation",
        ]

    def test_each_contract_may_have_a_folder_of_its_own(self, tmp_path: Path) -> None:
        names = ("handlers.things", "handlers.other.things")
        operations = [{"operationId": "list_things", "x-openapi-router-controller": name} for name in names]
        documents = [{"paths": {"/things": {"get": operation}}} for operation in operations]
        (tmp_path / "other" / "schemas").mkdir(parents=True)
        (tmp_path / "other" / "schemas" / "things.py").write_text("def helps(): ...\n")
        for file in ("things.py", "other/things.py"):
            (tmp_path / file).write_text("def list_things(): ...\n")
        assert list(rules.check_handlers(documents, tmp_path)) == []
        assert list(rules.check_handlers(documents[:1], tmp_path)) == [
            "handlers: handlers.other.things.list_things has no operation"
        ]

    def test_a_try_is_found(self) -> None:
        assert list(rules.check_no_try(module("try:\n    x()\nexcept ValueError:\n    pass")))


class TestPaths:
    def test_a_template_before_a_static_path_is_found(self) -> None:
        assert list(rules.check_paths_sorted(["/a/{id}", "/a/b"])) == ["openapi.json: /a/b is out of order"]

    def test_the_right_order_is_not(self) -> None:
        assert not list(rules.check_paths_sorted(["/a/b", "/a/{id}", "/b"]))


class TestWhatIsTheOperators:
    @pytest.mark.parametrize(
        "source", ["import storage.operator.statistics", "from storage.operator import administration"]
    )
    @pytest.mark.parametrize(
        "name", ["echo/accounts/service.py", "handlers/users.py", "storage/accounts/users.py"]
    )
    def test_is_not_for_what_answers_requests(self, name: str, source: str) -> None:
        assert list(rules.check_reach(name, module(source)))

    def test_is_for_the_command_line(self) -> None:
        tree = module("from storage.operator.administration import AccountDirectory")
        assert not list(rules.check_reach("echo/cli/users.py", tree))
