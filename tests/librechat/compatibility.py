"""Writes `docs/librechat-compatibility.md` out of what tests hold: `python -m tests.librechat.compatibility`."""

import ast
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from tests.librechat.clients.functions import Function, read_functions

PAGE = Path(__file__).parents[2] / "docs" / "librechat-compatibility.md"
CLIENTS = Path(__file__).parent / "clients"

HEAD = """\
# What works for LibreChat's clients

Echo serves LibreChat's own API as its second contract ([librechat-api.md](librechat-api.md)). This page says how far
that goes.
Tests hold what it says, and `python -m tests.librechat.compatibility` writes it. Do not edit it by hand.

## LibreChat's client library
LibreChat's web client calls the server through one library, `librechat-data-provider` (version 0.8.524). A test lets
Node run every function of the library against an Echo. Of its {total} functions and calls

- **{works} work**,
- **{off} are switched off**: Echo answers as LibreChat does where the feature is off or empty,
- **{missing} are missing**: Echo answers 404, or 405 where the path has other methods.

Functions without a call ask nothing of the server. Echo's contract is LibreChat's of version 0.8.8-rc1; the library
knows some calls of later versions, and some that no version has.
"""
PHONES = """
## Phone apps
The app of garfiec/Librechat-Mobile for Android and iOS, and that of berry-13/LibreChatIOS, talk to LibreChat's API,
too. Tests send what they send, with their headers, and hold the answers against what they insist on:
"""
SDK = """
## Scripts
`librechat-python-sdk` 0.1.0 from PyPI works. It needs the value of a browser's `refreshToken` cookie. It gets access
tokens for it, keeps the next cookie in a file, and asks agents. It returns what the start of a chat answers, and
reads no stream: the answer is in `GET /api/messages/{conversationId}`. Name an agent: a chat without one is a 422.

For OpenAI's protocol see [v1.md](v1.md).
"""


def make_page() -> str:
    """The whole page."""
    functions = read_functions()
    count = {
        name: sum(each.outcome == name for each in functions) for name in ("works", "switched off", "missing")
    }
    head = HEAD.format(
        total=len(functions), works=count["works"], off=count["switched off"], missing=count["missing"]
    )
    areas = [
        line
        for area, group in groupby(functions, key=lambda each: each.area)
        for line in _area(area, list(group))
    ]
    phones = [f"- {claim}" for claim in _claims(CLIENTS / "test_phone_apps.py")]
    return "\n".join([head, *areas]).rstrip("\n") + "\n" + PHONES + "\n" + "\n".join(phones) + "\n" + SDK


def _area(name: str, functions: list[Function]) -> Iterator[str]:
    """A table of an area."""
    yield f"### {name}"
    yield "| function | call | |"
    yield "|---|---|---|"
    for each in functions:
        call = f"`{each.call}`" if each.call else ""
        said = f"**{each.outcome}**: {each.reason}" if each.reason else str(each.outcome)
        yield f"| `{each.name}` | {call} | {said} |"
    yield ""


def _claims(path: Path) -> Iterator[str]:
    """What each class of tests promises: the first line of its docstring."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            yield (ast.get_docstring(node) or "").splitlines()[0]


if __name__ == "__main__":
    PAGE.write_text(make_page(), encoding="utf-8")
