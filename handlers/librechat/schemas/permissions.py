"""With whom things are shared, as LibreChat's clients read and write it."""

from typing import Any

from marshmallow import fields

from echo.access.sharing import Changes, Share, Shares
from handlers.librechat.schemas.pictures import Picture
from handlers.schemas.base import Input, Output, Text, Whole


class AccessRoleSchema(Output):
    """A document of `accessroles`."""

    access_role_id = Text(data_key="accessRoleId")
    name = Text()
    description = Text()
    perm_bits = Whole(data_key="permBits")


class PrincipalSchema(Output):
    """A user, a group or a role, and what they may do."""

    type = Text()
    id = Text()
    name = Text()
    email = Text()
    username = Text()
    avatar = Picture()
    description = Text()
    provider = Text()
    source = Text()
    id_on_the_source = Text(data_key="idOnTheSource")
    member_count = Whole(data_key="memberCount")
    access_role_id = Text(data_key="accessRoleId")


class PrincipalInput(Input):
    """One whose rights change."""

    type = fields.String(required=True)
    id = fields.String(allow_none=True)
    access_role_id = fields.String(data_key="accessRoleId", allow_none=True)


class ChangesInput(Input):
    """Changes of the grants on a thing."""

    updated = fields.List(fields.Nested(PrincipalInput))
    removed = fields.List(fields.Nested(PrincipalInput))
    public = fields.Boolean()
    public_role = fields.String(data_key="publicAccessRoleId", allow_none=True)


access_role = AccessRoleSchema()
principal = PrincipalSchema()
_changes = ChangesInput()


def load_changes(body: dict[str, Any]) -> Changes:
    """What a client asks for."""
    loaded = _changes.load(body)
    given, taken = (
        tuple(
            (each["type"], each.get("id") or "", each.get("access_role_id")) for each in loaded.get(name, ())
        )
        for name in ("updated", "removed")
    )
    return Changes(given, taken, loaded.get("public"), loaded.get("public_role"))


def person(type_: str, document: dict[str, Any]) -> dict[str, Any]:
    """Somebody as LibreChat names them: a role by its name, users and groups by their ids."""
    identifier = str(document["name"] if type_ == "role" else document["_id"])
    elsewhere = document.get("idOnTheSource")
    source = document.get("source") or ("entra" if type_ == "user" and elsewhere else "local")
    own = {"idOnTheSource": elsewhere or identifier} if type_ != "role" else {}
    return {**document, "type": type_, "id": identifier, "source": source, **own}


def dump_shared(share: Share) -> dict[str, Any]:
    """One with whom a thing is shared. Others need no user's name and provider to tell two people apart."""
    who = person(share.principal.type, dict(share.document))
    told = {name: value for name, value in who.items() if name not in ("username", "provider", "memberCount")}
    return principal.dump_one({**told, "accessRoleId": share.access_role})


def dump_public(shares: Shares) -> dict[str, Any]:
    """Whether everybody may see a thing, and as what."""
    role = shares.public_role
    return {"public": role is not None, **({"publicAccessRoleId": role} if role is not None else {})}
