"""What the lists have in common: limits within bounds, one form of page, and no more in memory than fits."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Protocol

from echo.handling.stream_body import JsonItems
from handlers.schemas.base import Output

MAX_LIMIT = 100
# What LibreChat's clients send where they have no cursor.
NO_CURSOR = {"", "null", "undefined"}


class Reading(Protocol):
    """What a repository gives of a list without pages."""

    @property
    def portions(self) -> Iterable[list[dict[str, Any]]]:
        """The documents, some at a time."""

    @property
    def is_whole(self) -> bool:
        """Whether they are all in memory."""

    @property
    def held(self) -> int:
        """How many bytes a portion has at most."""

    def documents(self) -> Iterator[dict[str, Any]]:
        """One after the other."""


class Page(Protocol):
    """What a repository's `list_page` gives."""

    @property
    def items(self) -> list[dict[str, Any]]:
        """The documents."""

    @property
    def next_cursor(self) -> str | None:
        """Where the next page begins; None after the last."""


def given(cursor: str | None) -> str | None:
    """A cursor of LibreChat's clients; None for what they send where they have none."""
    return None if cursor in NO_CURSOR else cursor


def clamp(limit: int) -> int:
    """A page size from 1 to 100: the contract takes any integer and promises no more than the largest page."""
    return max(1, min(limit, MAX_LIMIT))


def all_items(schema: Output, reading: Reading) -> list[dict[str, Any]] | JsonItems:
    """The body for all of a list: few and small documents as they are; more are made while they are sent."""
    if reading.is_whole:
        return schema.dump_all(reading.documents())
    return JsonItems(map(schema.dump_all, reading.portions), reading.held)


def all_under(
    name: str, schema: Output, reading: Reading, others: dict[str, Any]
) -> dict[str, Any] | JsonItems:
    """The same as one property of a body, beside others."""
    items = all_items(schema, reading)
    return (
        replace(items, name=name, others=others) if isinstance(items, JsonItems) else {**others, name: items}
    )


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
