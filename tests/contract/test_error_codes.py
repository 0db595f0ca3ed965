"""The table of error codes in `docs/contract.md` is that of the source."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from echo import errors
from tests.support.operations import ALL_OPERATIONS, JSON, examples, responses

ROOT = Path(__file__).parents[2]


class TestTableOfCodes:
    def test_it_is_exactly_what_the_code_can_answer(self) -> None:
        assert documented_codes() == codes_in_the_source()

    def test_each_line_says_what_its_code_means(self) -> None:
        text = (ROOT / "docs" / "contract.md").read_text(encoding="utf-8")
        assert len(code_rows(text)) == len(documented_codes()), "a code is listed twice"

    def test_every_example_of_the_contract_shows_one_of_them(self) -> None:
        shown = {
            # LibreChat's clients of chats are told codes in capitals.
            (example["code"].lower(), status)
            for op in ALL_OPERATIONS
            for status, response in responses(op).items()
            if status >= 400
            for example in examples(response["content"][JSON])
        }
        assert shown
        assert shown <= documented_codes()


def code_rows(text: str) -> list[tuple[str, str]]:
    return re.findall(r"^\| `([a-z0-9_]+)` \| (\d{3}) \| \S.* \|$", text, re.MULTILINE)


def documented_codes() -> set[tuple[str, int]]:
    text = (ROOT / "docs" / "contract.md").read_text(encoding="utf-8")
    return {(code, int(status)) for code, status in code_rows(text)}


def codes_in_the_source() -> set[tuple[str, int]]:
    """Every code with its status: the classes' own, and what is passed as `code=`, directly or through a helper."""
    found = {(kind.default_code, kind.status) for kind in error_classes().values()}
    for layer in ("echo", "handlers", "storage"):
        for path in sorted((ROOT / layer).rglob("*.py")):
            found |= set(codes_of_module(ast.parse(path.read_text(encoding="utf-8")), path))
    return found


def error_classes() -> dict[str, type[errors.ApiError]]:
    return {
        name: value
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.ApiError)
    }


def codes_of_module(tree: ast.Module, path: Path) -> Iterator[tuple[str, int]]:
    helpers = {}
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef):
            continue
        names = [argument.arg for argument in function.args.args]
        passed_on = [call for call in error_calls(function) if is_name(code_argument(call), "code")]
        if "code" in names and passed_on:
            helpers[function.name] = (names.index("code"), status_of(passed_on[0]))
    for call in error_calls(tree):
        code = code_argument(call)
        if isinstance(code, ast.Constant):
            yield str(code.value), status_of(call)
        else:
            assert is_name(code, "code"), f"{path}:{call.lineno}: a code that cannot be read from the source"
    for call in calls(tree, helpers.__contains__):
        index, status = helpers[str(name_of(call))]
        code = call.args[index]
        assert isinstance(code, ast.Constant), (
            f"{path}:{call.lineno}: a code that cannot be read from the source"
        )
        yield str(code.value), status


def calls(tree: ast.AST, wanted: Callable[[str], object]) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and wanted(str(name_of(node))):
            yield node


def error_calls(tree: ast.AST) -> Iterator[ast.Call]:
    """Calls of the error classes that name a code."""
    for call in calls(tree, error_classes().__contains__):
        if code_argument(call) is not None:
            yield call


def name_of(call: ast.Call) -> str | None:
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", None)


def code_argument(call: ast.Call) -> ast.expr | None:
    return next((keyword.value for keyword in call.keywords if keyword.arg == "code"), None)


def is_name(node: ast.expr | None, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def status_of(call: ast.Call) -> int:
    return error_classes()[str(name_of(call))].status


class TestReadingTheSource:
    """The collection of codes itself: it must see each way of giving one."""

    def read(self, source: str) -> set[tuple[str, int]]:
        return set(codes_of_module(ast.parse(source), Path("module.py")))

    def test_sees_a_code_given_to_an_error(self) -> None:
        assert self.read('raise errors.NotFound("text", code="gone")') == {("gone", 404)}

    def test_sees_a_code_given_through_a_helper(self) -> None:
        source = 'def refuse(why, code):\n    return Conflict(why, code=code)\nraise refuse("text", "taken")'
        assert self.read(source) == {("taken", 409)}

    def test_refuses_a_code_that_is_computed(self) -> None:
        with pytest.raises(AssertionError, match="cannot be read"):
            self.read('raise NotFound(code=f"no_{thing}")')
