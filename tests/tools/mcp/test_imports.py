"""The SDK takes more than a second to import: a server without MCP servers never does."""

import ast
from pathlib import Path

PACKAGE = Path(__file__).parents[3] / "echo" / "tools" / "mcp"
SDK = {"mcp", "mcp_types", "httpx2", "httpcore2"}
# Imported inside of functions alone.
LATE = {"authorizing", "connection", "dialling", "http", "stdio", "token_storage"}


def imported(path: Path) -> set[str]:
    """What a module imports when it is imported itself."""
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def test_only_what_connects_imports_the_sdk() -> None:
    modules = {path.stem: imported(path) for path in PACKAGE.glob("*.py")}
    assert {
        name for name, found in modules.items() if {each.partition(".")[0] for each in found} & SDK
    } == LATE


def test_and_nothing_else_imports_that_before_it_is_needed() -> None:
    late = {f"echo.tools.mcp.{name}" for name in LATE}
    root = PACKAGE.parents[1]
    early = [path for path in root.rglob("*.py") if not (path.parent == PACKAGE and path.stem in LATE)]
    assert [path for path in early if imported(path) & late] == []
