"""One operation of an OpenAPI document, compiled: what it takes and what it promises."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from echo.contract.parameters import Parameter, argument_name
from echo.contract.schemas import Validator

# The contracts by their names.
ECHO, LIBRECHAT = "echo", "librechat"
ANY_MEDIA_TYPE = "*/*"
FORM = "multipart/form-data"
# What a page of another site sends by a form of its own; a body of texts, as JSON would be.
URLENCODED = "application/x-www-form-urlencoded"
JSON = "application/json"


@dataclass(frozen=True)
class Body:
    """What an operation takes as its request body: a compiled validator for each media type."""

    required: bool
    media_types: Mapping[str, Validator]
    schemas: Mapping[str, Mapping[str, Any]]

    @property
    def arguments(self) -> dict[str, bool]:
        """The handler's arguments for this body, and whether a valid request always carries them."""
        if FORM not in self.schemas:
            return {"body": True}
        schema = self.schemas[FORM]
        required = schema.get("required", ())
        return {argument_name(name): name in required for name in schema.get("properties", {})}


@dataclass(frozen=True)
class Response:
    """What an operation promises for one status; what is bytes (`format: binary`) has no validator.

    `items` has a validator for the items of each array in its JSON, by the array's name; None names the body itself.
    """

    media_types: Mapping[str, Validator | None]
    required_headers: tuple[str, ...]
    items: Mapping[str | None, Validator]


@dataclass(frozen=True)
class Operation:
    """One operation of a document, compiled: everything that a request to it needs; `contract` names the document."""

    contract: str
    id: str
    controller: str
    method: str
    path: str
    parameters: tuple[Parameter, ...]
    body: Body | None
    responses: Mapping[int, Response]
    secured: bool
    pool: str
    rate_limits: tuple[str, ...]
    body_limit: str | None
    # What an administrator must be granted.
    capabilities: tuple[str, ...] = ()
    # What the role of the caller must have: permissions by their types.
    permissions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def handler_name(self) -> str:
        """The dotted name of the handler function; also Connexion's id of the operation."""
        return f"{self.controller}.{self.id}"

    @cached_property
    def label(self) -> str:
        """What logs, metrics and traces call it: its id, with the contract before it where it is not the first."""
        return self.id if self.contract == ECHO else f"{self.contract}.{self.id}"

    @cached_property
    def success_status(self) -> int:
        """The status of an answer for which the handler names none: the first 2xx that is declared, or 3xx."""
        return min(status for status in self.responses if 200 <= status < 400)
