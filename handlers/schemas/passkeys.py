"""Passkeys as their users see them."""

from handlers.schemas.base import Flag, Identifier, Moment, Output, Text


class PasskeySchema(Output):
    """A document of `echo_passkeys`, without the key."""

    id = Identifier(attribute="_id")
    name = Text()
    backed_up = Flag(data_key="backedUp")
    created_at = Moment(data_key="createdAt")
    used_at = Moment(data_key="usedAt")


passkey = PasskeySchema()
