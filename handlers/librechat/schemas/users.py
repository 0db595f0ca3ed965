"""Users as LibreChat's client knows them: never the password's hash, nor what else LibreChat itself lets out."""

from typing import Any, ClassVar

from marshmallow import ValidationError, validates_schema

from handlers.librechat.schemas.pictures import Picture
from handlers.schemas.base import Flag, Identifier, Input, Moment, Output, Text, Texts


class PersonalizationSchema(Output):
    """What the user lets models know."""

    memories = Flag()
    stateful_code_environment = Text(data_key="statefulCodeEnvironment")


class Personalization(Text):
    """The `personalization` of a user; memories are on where nothing says otherwise, as in LibreChat."""

    schema: ClassVar[PersonalizationSchema] = PersonalizationSchema()

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return self.schema.dump_one({"memories": True, **(value if isinstance(value, dict) else {})})


class FavoriteSchema(Output):
    """An entry of the favourites."""

    agent_id = Text(data_key="agentId")
    model = Text()
    endpoint = Text()
    spec = Text()


favorite = FavoriteSchema()


class Favorites(Text):
    """The list; what else an old document may have in it is left out."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        entries = value if isinstance(value, list) else []
        return [dumped for each in entries if isinstance(each, dict) and (dumped := favorite.dump_one(each))]


class Switches(Text):
    """An object of booleans."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        entries = value.items() if isinstance(value, dict) else ()
        return {name: state for name, state in entries if isinstance(state, bool)}


class UserSchema(Output):
    """A document of `users` as a `TUser`."""

    _id = Identifier(data_key="_id", dump_only=True)
    id = Identifier(attribute="_id", dump_only=True)
    name = Text(dump_default="")
    username = Text(dump_default="")
    email = Text(dump_default="")
    email_verified = Flag(data_key="emailVerified")
    avatar = Picture()
    provider = Text(dump_default="local")
    role = Text(dump_default="USER")
    plugins = Texts(dump_default=())
    two_factor_enabled = Flag(data_key="twoFactorEnabled", dump_default=False)
    terms_accepted = Flag(data_key="termsAccepted", dump_default=False)
    personalization = Personalization(dump_default={})
    favorites = Favorites(dump_default=[])
    skill_states = Switches(data_key="skillStates", dump_default={})
    created_at = Moment(data_key="createdAt")
    updated_at = Moment(data_key="updatedAt")


class TermsSchema(Output):
    """Whether a user has accepted the terms."""

    terms_accepted = Flag(data_key="termsAccepted", dump_default=False)
    terms_accepted_at = Moment(data_key="termsAcceptedAt")


class PinnedOrderSchema(Output):
    """The order of pinned conversations."""

    pinned_order = Texts(data_key="pinnedOrder", dump_default=())


class ToolFavoriteSchema(Output):
    """A mark among tools, MCP servers and skills."""

    item_type = Text(data_key="itemType", dump_default="")
    item_id = Text(data_key="itemId", dump_default="")


class NewFavoriteSchema(Input):
    """One entry that a client sends."""

    agent_id = Text(data_key="agentId", attribute="agentId")
    model = Text()
    endpoint = Text()
    spec = Text()

    @validates_schema
    def check_kind(self, data: dict[str, Any], **kwargs: Any) -> None:
        """One kind and nothing of another, as LibreChat asks: an agent, a model with its endpoint, or a spec."""
        if set(data) not in ({"agentId"}, {"model", "endpoint"}, {"spec"}):
            raise ValidationError("is an agent, a model with its endpoint, or a spec", "favorites")


user = UserSchema()
terms = TermsSchema()
pinned_order = PinnedOrderSchema()
tool_favorite = ToolFavoriteSchema()
new_favorite = NewFavoriteSchema()
