"""OpenAI's API beside chats at the endpoints that speak it: the address of an operation, headers, and the body."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from echo.errors import Unprocessable
from echo.providers.azure import AzureDialect
from echo.providers.chat import ChatRequest
from echo.providers.custom import CustomDialect
from echo.providers.forms import Form, FormFile
from echo.providers.openai import OpenAIDialect
from echo.providers.provider import Access
from echo.providers.transport import Call
from echo.settings import ProviderSettings

CHATS = "/chat/completions"


@dataclass(frozen=True)
class Wanted:
    """A model as its provider calls it, and for whom: LibreChat's placeholders in the operator's headers."""

    model: str
    placeholders: Mapping[str, str] = field(default_factory=dict, repr=False)


class OpenAIOperations(OpenAIDialect):
    """Any operation of OpenAI's: each stands where the chat completions stand.

    What the operator drops is not sent; what the operator adds is for chats, and stays there.
    """

    def json(
        self,
        operation: str,
        wanted: Wanted,
        access: Access,
        parameters: Mapping[str, Any],
        optional: Iterable[str] = (),
    ) -> Call:
        """A request with a JSON body; parameters that are None are left to the provider.

        Those that are `optional` are left out where the provider refuses them.
        """
        dropped = self._settings.drop_parameters
        given = {
            name: value
            for name, value in parameters.items()
            if value is not None and not (name in dropped and name in optional)
        }
        return Call(
            self._address(operation, wanted, access),
            self._headers(as_chat(wanted), access),
            {"model": wanted.model, **given},
            access.own_url,
            wanted.model,
            parameters=frozenset(given),
            optional=frozenset(optional) & given.keys(),
        )

    def form(
        self,
        operation: str,
        wanted: Wanted,
        access: Access,
        fields: Iterable[tuple[str, Any]],
        files: Iterable[FormFile],
    ) -> Call:
        """A request with a form; fields that are None are left out."""
        headers = self._headers(as_chat(wanted), access)
        texts = [
            ("model", wanted.model),
            *((name, str(value)) for name, value in fields if value is not None),
        ]
        return Call(
            self._address(operation, wanted, access),
            # The boundary stands in the type, which is therefore the transport's to say.
            {name: value for name, value in headers.items() if name.lower() != "content-type"},
            Form(texts, tuple(files)),
            access.own_url,
            wanted.model,
            parameters=frozenset(name for name, _ in texts),
        )

    def _address(self, operation: str, wanted: Wanted, access: Access) -> str:
        base, _, query = self._url(as_chat(wanted), access).rpartition(CHATS)
        return f"{base}/{operation}{query}"


class AzureOperations(AzureDialect, OpenAIOperations):
    """The same at an address for each deployment."""


class CustomOperations(CustomDialect, OpenAIOperations):
    """The same at any server that resembles OpenAI's."""


OPERATIONS: Mapping[str, type[OpenAIOperations]] = {
    "openai": OpenAIOperations,
    "azure": AzureOperations,
    "custom": CustomOperations,
}


def operations_of(settings: ProviderSettings, what: str) -> OpenAIOperations:
    """OpenAI's operations at an endpoint. Raises `Unprocessable` (`not_offered`) where it is of another kind."""
    if settings.type not in OPERATIONS:
        raise not_offered(what)
    return OPERATIONS[settings.type](settings)


def not_offered(what: str) -> Unprocessable:
    """The endpoint's provider has no such operation at all, whatever the model."""
    return Unprocessable(f"The provider of that model has no {what}.", code="not_offered")


def as_chat(wanted: Wanted) -> ChatRequest:
    """What addresses and headers go by."""
    return ChatRequest(wanted.model, (), placeholders=wanted.placeholders)
