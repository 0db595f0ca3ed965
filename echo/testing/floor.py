"""The floor of Echo's own contract: what the document that it grew from accepts, and the exceptions from that."""

import json
from importlib import resources
from pathlib import Path
from typing import Any

from echo.testing.comparison import Difference

NAME = "seed-openapi.json"

_REGISTER, _FORK = "POST /api/auth/register", "POST /api/convos/fork"
# A weak password is refused for safety. The other fields are added: a body that happened to carry them was
# accepted by the seed whatever they held, and now they have a meaning. docs/contract.md names each.
EXCEPTIONS = frozenset(
    {
        Difference(_REGISTER, "body.password", "minLength"),
        Difference(_REGISTER, "body.password", "maxLength"),
        Difference(_REGISTER, "body.username", "type"),
        Difference(_REGISTER, "body.username", "maxLength"),
        Difference(_REGISTER, "body.token", "type"),
        Difference(_FORK, "body.option", "type"),
        Difference(_FORK, "body.option", "enum"),
    }
)


def floor_document() -> dict[str, Any]:
    """The seed: beside the modules where Echo is installed, among the tests in a checkout."""
    installed = resources.files("echo") / NAME
    checkout = Path(__file__).parents[2] / "tests" / "contract" / NAME
    text = (installed if installed.is_file() else checkout).read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads(text)
    return document
