"""What the lists have in common: limits within bounds, and one form of page."""

from typing import Any, Protocol

from handlers.schemas.base import Output

MAX_LIMIT = 100


class Page(Protocol):
    """What a repository's `list_page` gives."""

    @property
    def items(self) -> list[dict[str, Any]]:
        """The documents."""

    @property
    def next_cursor(self) -> str | None:
        """Where the next page begins; None after the last."""


def clamp(limit: int) -> int:
    """A page size from 1 to 100: the contract takes any integer and promises no more than the largest page."""
    return max(1, min(limit, MAX_LIMIT))


def page_body(name: str, schema: Output, page: Page) -> dict[str, Any]:
    """The body for one page.

    `cursor` is there only when there is a next page; `nextCursor` always, null at the end, as in LibreChat.
    """
    body = {
        name: schema.dump_all(page.items),
        "hasMore": page.next_cursor is not None,
        "nextCursor": page.next_cursor,
    }
    return body if page.next_cursor is None else {**body, "cursor": page.next_cursor}
