"""Each module is held against the tests that are its own, wherever both stand."""

from pathlib import Path

import pytest

from tests.mutants.elsewhere import ELSEWHERE
from tests.mutants.selection import NoSuchModule, by_package, modules_to_mutate, own_tests

ROOT = Path(__file__).parents[2]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in (
        "echo/app.py",
        "echo/accounts/__init__.py",
        "echo/accounts/tokens.py",
        "echo/http/client.py",
        "echo/http/cors.py",
        "storage/accounts/users.py",
        "storage/embedded/server.py",
        "storage/threads.py",
        "tests/accounts/test_tokens.py",
        "tests/accounts/test_tokens_signed.py",
        "tests/accounts/test_tokenless.py",
        "tests/chat/test_messages.py",
        "tests/http/test_bridge.py",
        "tests/http/test_client.py",
        "tests/storage/accounts/test_users.py",
        "tests/storage/test_embedded.py",
        "tests/storage/test_threads.py",
        "tests/storage/threads/test_posting.py",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


class TestModules:
    def test_are_all_of_the_packages_that_are_mutated(self, root: Path) -> None:
        assert [str(path) for path in modules_to_mutate(root)] == [
            "echo/accounts/tokens.py",
            "echo/http/client.py",
            "echo/http/cors.py",
            "storage/accounts/users.py",
            "storage/embedded/server.py",
            "storage/threads.py",
        ]

    def test_are_those_that_are_named(self, root: Path) -> None:
        assert modules_to_mutate(root, ["storage/threads.py", "echo/http/cors.py"]) == [
            Path("storage/threads.py"),
            Path("echo/http/cors.py"),
        ]

    def test_are_those_of_a_folder_that_is_named_each_once(self, root: Path) -> None:
        assert modules_to_mutate(root, ["storage/threads.py", "storage", "echo/http"]) == [
            Path("storage/threads.py"),
            Path("storage/accounts/users.py"),
            Path("storage/embedded/server.py"),
            Path("echo/http/client.py"),
            Path("echo/http/cors.py"),
        ]

    def test_go_together_by_their_package(self) -> None:
        modules = ["echo/http/client.py", "echo/http/below/cors.py", "storage/core/pages.py", "storage/a.py"]
        packages = by_package(Path(module) for module in modules)
        assert {str(package): list(map(str, found)) for package, found in packages.items()} == {
            "echo/http": ["echo/http/client.py", "echo/http/below/cors.py"],
            "storage/core": ["storage/core/pages.py"],
            "storage": ["storage/a.py"],
        }

    @pytest.mark.parametrize(
        "name", ["echo/app.py", "echo/accounts/__init__.py", "storage/nothing.py", "/etc/passwd"]
    )
    def test_are_no_others(self, root: Path, name: str) -> None:
        with pytest.raises(NoSuchModule, match=name):
            modules_to_mutate(root, ["storage/threads.py", name])


class TestTests:
    @pytest.mark.parametrize(
        ("module", "tests"),
        [
            ("echo/http/client.py", ["tests/http/test_client.py"]),
            (
                "echo/accounts/tokens.py",
                ["tests/accounts/test_tokens.py", "tests/accounts/test_tokens_signed.py"],
            ),
            ("storage/accounts/users.py", ["tests/storage/accounts/test_users.py"]),
            ("storage/threads.py", ["tests/storage/test_threads.py", "tests/storage/threads"]),
            # Without tests of its own name: all of the folder.
            ("echo/http/cors.py", ["tests/http"]),
            ("storage/embedded/server.py", ["tests/storage"]),
            # Named in the table, and found wherever it is.
            ("echo/chat/search.py", ["tests/chat/test_messages.py"]),
            ("echo/dialogue/search.py", ["tests/chat/test_messages.py"]),
        ],
    )
    def test_are_found_by_the_name_of_the_module(self, root: Path, module: str, tests: list[str]) -> None:
        assert [str(path) for path in own_tests(root, Path(module))] == tests

    def test_are_there_for_every_module_of_the_project(self) -> None:
        modules = modules_to_mutate(ROOT)
        assert len(modules) > 80
        for module in modules:
            for path in own_tests(ROOT, module):
                assert (ROOT / path).exists(), module
                assert path != Path("tests"), module

    def test_that_the_table_names_are_there(self) -> None:
        modules = [module.with_suffix("") for module in modules_to_mutate(ROOT)]
        for end, names in ELSEWHERE.items():
            assert any(module.match(end) for module in modules), end
            for name in names:
                assert list((ROOT / "tests").rglob(name)), name
