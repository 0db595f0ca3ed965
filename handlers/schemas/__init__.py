"""Marshmallow schemas: the allow-list between MongoDB documents and the contract, one module per resource."""
