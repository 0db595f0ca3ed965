"""Endpoints."""

from typing import Any

from marshmallow import Schema, fields, post_dump


class EndpointSchema(Schema):
    """An `echo.providers.catalog.Endpoint` as the contract's EndpointConfig."""

    name = fields.String()
    type = fields.String()
    models = fields.List(fields.String())
    available = fields.Boolean()
    order = fields.Integer()
    userProvide = fields.Boolean(attribute="user_provides_key")  # noqa: N815 - the contract's name
    userProvideURL = fields.Boolean(attribute="user_provides_url")  # noqa: N815
    modelDisplayLabel = fields.String(attribute="model_display_label")  # noqa: N815
    iconURL = fields.String(attribute="icon_url")  # noqa: N815

    @post_dump
    def without_nulls(self, dumped: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Leave out what an endpoint does not have."""
        return {name: value for name, value in dumped.items() if value is not None}


endpoint = EndpointSchema()
