"""Actions, as LibreChat's client sends and reads them."""

from collections.abc import Mapping
from typing import Any

from marshmallow import fields, missing, post_load

from handlers.schemas.base import Identifier, Input, Output, Text

AUTH = (
    *("type", "authorization_type", "custom_auth_header", "authorization_content_type"),
    *("authorization_url", "client_url", "scope", "token_exchange_method"),
)
METADATA = (
    *("domain", "raw_spec", "privacy_policy_url"),
    *("api_key", "oauth_client_id", "oauth_client_secret"),
)


class AuthSchema(Output):
    """How an action proves itself; no secrets are among it."""

    type = Text(dump_default="none")
    authorization_type = Text()
    custom_auth_header = Text()
    authorization_content_type = Text()
    authorization_url = Text()
    client_url = Text()
    scope = Text()
    token_exchange_method = Text()


class Part(fields.Field[Any]):
    """An object within a document; what is none is left out."""

    def __init__(self, inner: Output, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._inner = inner

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return self._inner.dump_one(value) if isinstance(value, Mapping) else missing


class MetadataSchema(Output):
    """What an action is, without secrets."""

    domain = Text(dump_default="")
    privacy_policy_url = Text()
    raw_spec = Text()
    auth = Part(AuthSchema())


class ActionSchema(Output):
    """A document of `actions`."""

    id_ = Identifier(data_key="_id")
    user = Identifier()
    action_id = Text(dump_default="")
    agent_id = Text()
    type = Text(dump_default="action_prototype")
    metadata = Part(MetadataSchema())


class NewActionSchema(Input):
    """What a client sends; the contract has checked it."""

    functions = fields.Raw()
    metadata = fields.Raw()
    action_id = fields.Raw()

    @post_load
    def _names(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        functions = [each["function"]["name"] for each in data["functions"]]
        said = data["metadata"]
        metadata = {name: said[name] for name in METADATA if said.get(name)}
        if isinstance(auth := said.get("auth"), dict):
            metadata["auth"] = {name: auth[name] for name in AUTH if auth.get(name)}
        return {**data, "functions": functions, "metadata": metadata}


action = ActionSchema()
new_action = NewActionSchema()
