"""What a built-in tool is: what the model is told of it, whose keys it needs, and what a call does."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from echo.providers.chat import Tool
from echo.tools.builtin.keys import Values
from echo.tools.builtin.shelf import PictureShelf
from echo.tools.outbound import Outbound, Reply, Request
from echo.tools.tool import Called, RunPlace, ToolOutput

Arguments = Mapping[str, Any]
# What goes back to a model at most; the run may cut it shorter.
MAX_TEXT = 100_000


@dataclass(frozen=True)
class Bench:
    """What a call works with: connections, the values of the tool's fields, and for whom it is.

    `addresses` are those of the services by the names of the tools, where no field has one.
    """

    outbound: Outbound
    values: Values
    place: RunPlace
    shelf: PictureShelf
    addresses: Mapping[str, str] = field(default_factory=dict)

    def value(self, *names: str) -> str:
        """A value that is there: a tool without its keys is not offered."""
        return self.values.get(*names) or ""

    async def ask(self, request: Request) -> Any:
        """The JSON of an answer of success. Raises `ToolFailure`."""
        return await self.outbound.json(request)

    async def send(self, request: Request) -> Reply:
        """An answer. Raises `ToolFailure`."""
        return await self.outbound.send(request)


@dataclass(frozen=True)
class Builtin:
    """A built-in tool. Of each group of `fields` one must have a value, of the operator or the user.

    `more` is what only the operator may set. `addresses` are fields that say where the others go.
    """

    spec: Tool
    call: Callable[[Bench, Called], Awaitable[ToolOutput]]
    fields: tuple[tuple[str, ...], ...] = ()
    more: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The fields that a user may bring."""
        return tuple(name for group in self.fields for name in group)


def spec(name: str, description: str, properties: Mapping[str, Any], *required: str) -> Tool:
    """What a model is told of a tool with these arguments."""
    return Tool(
        name, description, {"type": "object", "properties": dict(properties), "required": list(required)}
    )


def said(output: str) -> ToolOutput:
    """A text for the model."""
    return ToolOutput.of_text(output[:MAX_TEXT])
