"""API keys: everything but the key itself and its hash."""

from handlers.schemas.base import Identifier, Input, Moment, Output, Text, Time


class ApiKeySchema(Output):
    """A document of `agentapikeys` as the contract's ApiKey."""

    id_ = Identifier(data_key="id", attribute="_id")
    name = Text(dump_default="")
    key_prefix = Text(data_key="keyPrefix", dump_default="")
    last_used_at = Moment(data_key="lastUsedAt")
    expires_at = Moment(data_key="expiresAt")
    created_at = Moment(data_key="createdAt")


class NewApiKeySchema(Input):
    """A new key, as arguments of `ApiKeyService.create`."""

    name = Text(required=True)
    expires_at = Time(data_key="expiresAt", allow_none=True)


api_key = ApiKeySchema()
new_api_key = NewApiKeySchema()
