"""Sessions as their users see them."""

from handlers.schemas.base import Flag, Identifier, Moment, Output, Text


class SessionSchema(Output):
    """A document of `sessions`; those that LibreChat began say less."""

    id = Identifier(attribute="_id")
    current = Flag()
    device = Text()
    address = Text()
    created_at = Moment(data_key="createdAt")
    used_at = Moment(data_key="usedAt")
    expires_at = Moment(attribute="expiration", data_key="expiresAt")


session = SessionSchema()
