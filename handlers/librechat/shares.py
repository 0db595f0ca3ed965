"""Links by which others read a conversation."""

from typing import Any

from echo.handling.caller import Caller
from echo.handling.file_body import FileBody
from echo.handling.pending import Pending
from echo.handling.stream_body import JsonItems
from echo.services import Services
from handlers.librechat.schemas import conversations, files
from handlers.librechat.schemas import shares as schemas
from handlers.paging import all_under, clamp

Json = dict[str, Any]
File = tuple[FileBody, int, dict[str, str]]
FILE_HEADERS = {
    # A link can be withdrawn, and may show another file tomorrow.
    "Cache-Control": "private, no-cache",
    "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
}


def list_shares(
    services: Services,
    caller: Caller,
    *,
    page_size: int,
    sort_by: str,
    sort_direction: str,
    cursor: str | None = None,
    search: str | None = None,
) -> Json | Pending:
    """One page of the caller's links."""
    text = (search or "").strip()

    def page(stop: Any = None) -> Json:
        found = services.conversations.links.list_page(
            caller.id,
            limit=clamp(page_size),
            cursor=cursor,
            search=text or None,
            sort_by=sort_by,
            newest_first=sort_direction == "desc",
            stop=stop,
        )
        more = {} if found.next_cursor is None else {"nextCursor": found.next_cursor}
        return {"links": schemas.listed.dump_all(found.items), **more, "hasNextPage": bool(more)}

    return services.conversations.searches.pending(caller.id, page) if text else page()


def get_share_of_conversation(services: Services, caller: Caller, *, conversation_id: str) -> Json:
    """The caller's link to a conversation, if there is one."""
    link = services.conversations.links.of_conversation(caller.id, conversation_id)
    if link is None:
        return {"success": False, "shareId": None, "conversationId": conversation_id}
    return {"success": True, **schemas.link.dump_one(link), "conversationId": conversation_id}


def create_share(services: Services, caller: Caller, *, share_id: str, body: Json | None = None) -> Json:
    """Make a link to a conversation, whose id LibreChat has in the place of a link's."""
    link = services.conversations.links.create(caller, share_id, **schemas.wanted.load(body or {}))
    return schemas.made.dump_one(link)


def update_share(services: Services, caller: Caller, *, share_id: str, body: Json | None = None) -> Json:
    """Let a link show what its conversation has now."""
    link = services.conversations.links.renew(caller, share_id, **schemas.wanted.load(body or {}))
    return schemas.made.dump_one(link)


def delete_share(services: Services, caller: Caller, *, share_id: str) -> Json:
    """Withdraw a link."""
    link = services.conversations.links.delete(caller.id, share_id)
    gone = {"_id": str(link["_id"]), "success": True, "shareId": share_id}
    return {**gone, "message": "Share deleted successfully"}


def get_share(services: Services, caller: Caller | None, *, share_id: str) -> Json | JsonItems:
    """What a link shows."""
    shared = services.conversations.links.read(caller, share_id)
    head = {**schemas.head.dump_one(shared.link), "conversationId": shared.conversation_id}
    return all_under("messages", schemas.message, shared.messages, head)


def fork_share(
    services: Services, caller: Caller, *, share_id: str, body: Json | None = None
) -> Json | JsonItems:
    """Copy what a link shows into a new conversation of the caller's."""
    offered = services.providers.catalog.endpoints(services.models.of(caller.id))
    made = services.conversations.link_forks.fork(
        caller, share_id, offered, **schemas.forked.load(body or {})
    )
    stored = services.conversations.in_full.messages
    return conversations.copied(made, stored.read_conversation(caller.id, made["conversationId"]))


def get_share_config(services: Services, caller: Caller | None, *, share_id: str) -> Json:
    """What the page around a link says of this server."""
    services.conversations.links.find(caller, share_id)
    return schemas.config(
        services.administration.live.startup(None).librechat_anyone, services.settings.client.custom_footer
    )


def show_shared_file(services: Services, caller: Caller | None, *, share_id: str, file_id: str) -> File:
    """A file that a link shows: a picture in its place, anything else as an attachment."""
    links = services.conversations.links
    return links.body(links.file(caller, share_id, file_id), inline=True), 200, FILE_HEADERS


def download_shared_file(services: Services, caller: Caller | None, *, share_id: str, file_id: str) -> File:
    """The same, always as an attachment."""
    links = services.conversations.links
    return links.body(links.file(caller, share_id, file_id), inline=False), 200, FILE_HEADERS


def preview_shared_file(services: Services, caller: Caller | None, *, share_id: str, file_id: str) -> Json:
    """The text of a file that a link shows, where there is one."""
    return files.preview.dump_one(services.conversations.links.file(caller, share_id, file_id))
