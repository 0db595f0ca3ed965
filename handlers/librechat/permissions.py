"""With whom things are shared, what each may do with them, and looking for somebody to share with."""

from typing import Any

from echo.access import ResourceType
from echo.handling.caller import Caller
from echo.services import Services
from handlers.librechat.schemas import permissions as schemas

Json = dict[str, Any]
MAX_FOUND = 50


def search_principals(
    services: Services, caller: Caller, *, q: str, limit: int, types: str | None = None
) -> Json:
    """Users, groups and roles by a part of a name or an address."""
    wanted, most = types.split(",") if types else None, max(1, min(limit, MAX_FOUND))
    found = [
        schemas.person(principal.type, document)
        for principal, document in services.people.search(caller, q, wanted, most)
    ]
    entra = sum(each["source"] == "entra" for each in found)
    return {
        "query": q,
        "limit": most,
        "types": wanted,
        "results": schemas.principal.dump_all(found),
        "count": len(found),
        "sources": {"local": len(found) - entra, "entra": entra},
    }


def list_access_roles(services: Services, caller: Caller, *, resource_type: str) -> list[Json]:
    """What a thing of the type can be shared for."""
    return schemas.access_role.dump_all(services.sharing.access_roles(ResourceType(resource_type)))


def get_resource_permissions(
    services: Services, caller: Caller, *, resource_type: str, resource_id: str
) -> Json:
    """With whom a thing is shared."""
    shares = services.sharing.describe(caller, ResourceType(resource_type), resource_id)
    return {
        "resourceType": resource_type,
        "resourceId": resource_id,
        "principals": [schemas.dump_shared(each) for each in shares.people],
        **schemas.dump_public(shares),
    }


def update_resource_permissions(
    services: Services, caller: Caller, *, resource_type: str, resource_id: str, body: Json
) -> Json:
    """Share a thing with others, or no longer."""
    changes = schemas.load_changes(body)
    shares = services.sharing.change(caller, ResourceType(resource_type), resource_id, changes)
    given = [schemas.dump_shared(each) for each in shares.people]
    if changes.public:
        given.append({"type": "public", "id": None, "accessRoleId": shares.public_role})
    return {
        "message": "Permissions updated successfully",
        "results": {"principals": given, **schemas.dump_public(shares)},
    }


def get_effective_permissions(
    services: Services, caller: Caller, *, resource_type: str, resource_id: str
) -> Json:
    """What the caller may do with a thing."""
    return {"permissionBits": services.sharing.effective(caller, ResourceType(resource_type), resource_id)}


def list_all_effective_permissions(
    services: Services, caller: Caller, *, resource_type: str
) -> dict[str, int]:
    """What the caller may do with each thing of a type."""
    bits = services.access.each(caller, ResourceType(resource_type))
    return {str(resource): value for resource, value in bits.items()}
