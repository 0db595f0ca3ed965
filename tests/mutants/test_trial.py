"""In which order a mutant's tests are run."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from _pytest.scope import Scope

from tests.mutants.trial import side_by_side


def item(file: str, **parameters: tuple[Scope, int]) -> Any:
    """A test of that file, with each parameter's scope and place."""
    spec = SimpleNamespace(
        _arg2scope={name: scope for name, (scope, _) in parameters.items()},
        indices={name: place for name, (_, place) in parameters.items()},
    )
    return SimpleNamespace(path=Path(file), callspec=spec) if parameters else SimpleNamespace(path=Path(file))


class TestSideBySide:
    """The quickest come first, but nothing that is shared is put together twice for that."""

    @pytest.mark.parametrize("scope", [Scope.Session, Scope.Package])
    def test_are_those_of_a_folder_with_the_same_server(self, scope: Scope) -> None:
        items = {
            "a1": item("t/a.py", server=(scope, 0)),
            "a2": item("t/a.py", server=(scope, 1)),
            "a3": item("t/a.py", server=(scope, 0), text=(Scope.Function, 5)),
            "b1": item("t/b.py", server=(scope, 1)),
            "b2": item("t/b.py"),
            "c1": item("u/c.py", server=(scope, 0)),
        }
        assert side_by_side(["a1", "a2", "a3", "b1", "b2", "c1"], items) == [
            *("a1", "a3"),
            *("a2", "b1"),
            "b2",
            "c1",
        ]

    def test_are_those_of_a_file_where_the_server_is_a_files(self) -> None:
        items = {
            "a1": item("t/a.py", server=(Scope.Module, 0)),
            "a2": item("t/a.py", server=(Scope.Class, 1)),
            "a3": item("t/a.py", server=(Scope.Module, 0)),
            "b1": item("t/b.py", server=(Scope.Module, 0)),
        }
        assert side_by_side(["a1", "a2", "a3", "b1"], items) == ["a1", "a3", "a2", "b1"]

    def test_keep_their_order_where_nothing_is_shared(self) -> None:
        items = {name: item("t/a.py", text=(Scope.Function, place)) for place, name in enumerate("cab")}
        assert side_by_side(["c", "a", "b"], items) == ["c", "a", "b"]
