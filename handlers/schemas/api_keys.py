"""API keys: everything but the key itself and its hash."""

from typing import Any

from marshmallow import fields, missing

from handlers.schemas.base import Identifier, Input, Moment, Number, Output, Text, Texts, Time, Whole


class LimitsSchema(Output):
    """The `echoLimits` of a key as the contract's ApiKeyLimits."""

    models = Texts()
    requests_per_minute = Whole(data_key="requestsPerMinute")
    tokens_per_minute = Whole(data_key="tokensPerMinute")
    tokens_per_day = Whole(data_key="tokensPerDay")
    tokens_per_month = Whole(data_key="tokensPerMonth")
    dollars_per_day = Number(data_key="dollarsPerDay")
    dollars_per_month = Number(data_key="dollarsPerMonth")


class Dollars(Number):
    """A price: sums of doubles have digits that nobody has paid."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        shown = super()._serialize(value, attr, obj, **kwargs)
        return shown if shown is missing else round(shown, 9)


class CountsSchema(Output):
    """What was used in a time."""

    requests = Whole(dump_default=0)
    input_tokens = Whole(data_key="inputTokens", dump_default=0)
    output_tokens = Whole(data_key="outputTokens", dump_default=0)
    dollars = Dollars(dump_default=0)


class Within(fields.Field[Any]):
    """A part of a document that is one itself, shown by a schema of its own."""

    def __init__(self, schema: Output, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._schema = schema

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return self._schema.dump_one(value) if isinstance(value, dict) else missing


class UsageSchema(Output):
    """The `echoUsage` of a key as the contract's ApiKeyUsage."""

    day = Within(CountsSchema())
    month = Within(CountsSchema())
    total = Within(CountsSchema())


class ApiKeySchema(Output):
    """A document of `agentapikeys` as the contract's ApiKey."""

    id_ = Identifier(data_key="id", attribute="_id")
    name = Text(dump_default="")
    key_prefix = Text(data_key="keyPrefix", dump_default="")
    last_used_at = Moment(data_key="lastUsedAt")
    expires_at = Moment(data_key="expiresAt")
    created_at = Moment(data_key="createdAt")
    limits = Within(LimitsSchema(), attribute="echoLimits")
    usage = Within(UsageSchema(), attribute="echoUsage")


class LimitsInput(Input):
    """Limits as they are stored."""

    models = Texts()
    requests_per_minute = Whole(data_key="requestsPerMinute", attribute="requestsPerMinute")
    tokens_per_minute = Whole(data_key="tokensPerMinute", attribute="tokensPerMinute")
    tokens_per_day = Whole(data_key="tokensPerDay", attribute="tokensPerDay")
    tokens_per_month = Whole(data_key="tokensPerMonth", attribute="tokensPerMonth")
    dollars_per_day = Number(data_key="dollarsPerDay", attribute="dollarsPerDay")
    dollars_per_month = Number(data_key="dollarsPerMonth", attribute="dollarsPerMonth")


class NewApiKeySchema(Input):
    """A new key, as arguments of `ApiKeyService.create`."""

    name = Text(required=True)
    expires_at = Time(data_key="expiresAt", allow_none=True)
    limits = fields.Nested(LimitsInput)


class ApiKeyChangeSchema(Input):
    """Changes of a key, as arguments of `ApiKeyService.change`."""

    name = Text()
    expires_at = Time(data_key="expiresAt", allow_none=True)
    limits = fields.Nested(LimitsInput)


api_key = ApiKeySchema()
new_api_key = NewApiKeySchema()
api_key_change = ApiKeyChangeSchema()
