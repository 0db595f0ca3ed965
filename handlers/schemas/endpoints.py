"""Endpoints."""

from marshmallow import Schema, fields


class EndpointSchema(Schema):
    """An `echo.providers.catalog.Endpoint` as the contract's EndpointConfig."""

    name = fields.String()
    type = fields.String()
    models = fields.List(fields.String())
    available = fields.Boolean()


endpoint = EndpointSchema()
