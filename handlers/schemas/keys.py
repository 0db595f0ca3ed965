"""Provider keys of users: their expiry goes out, a new one comes in."""

from datetime import datetime
from typing import Any

from marshmallow import fields

from handlers.schemas.base import Input, Moment, Output, Text, Time


class Expiry(fields.Field[Any]):
    """A time, the word for a key without one, or null where there is no key."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        if isinstance(value, datetime):
            return Moment()._serialize(value, attr, obj)
        return value


class ExpirySchema(Output):
    """When a key expires."""

    expires_at = Expiry(data_key="expiresAt")

    def dump_one(self, document: Any) -> dict[str, Any]:
        """As the base class, but null is kept: in LibreChat it says that there is no key."""
        return {"expiresAt": None, **super().dump_one(document)}


class NewKeySchema(Input):
    """A new key, as arguments of `KeyService.put`."""

    name = Text(required=True)
    value = Text(required=True)
    expires_at = Time(data_key="expiresAt", allow_none=True)


expiry = ExpirySchema()
new_key = NewKeySchema()
