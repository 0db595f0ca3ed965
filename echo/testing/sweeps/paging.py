"""Lists in pages: no object comes twice, and none is lost, however large a page is."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from echo.testing.bodies import is_id
from echo.testing.operations import Operation
from echo.testing.references import resolve
from echo.testing.sweeps.exchanges import Exchange
from echo.testing.sweeps.findings import Finding, Kind, Result
from echo.testing.sweeps.links import of_answer
from echo.testing.sweeps.session import ADA
from echo.testing.sweeps.world import World

NAME = "paging"
REPEATED = Kind("page-repeats", "An object comes on two pages", "high")
LOST = Kind("page-loses", "An object of the whole list comes on no page", "high")
ENDLESS = Kind("pages-without-end", "The pages of a list do not end", "high")
TOO_MANY = Kind("page-too-large", "A page has more objects than were asked for", "medium")
SIZES = ("limit", "pageSize", "per_page")
# What a page says of the next one, by the parameter that takes it.
NEXT = {
    "cursor": ("nextCursor", "next_cursor", "after", "cursor"),
    "after": ("last_id", "after", "nextCursor"),
}
MORE = ("has_more", "hasNextPage", "hasMore")
LARGE = 100
MAX_PAGES = 300


@dataclass(frozen=True)
class Paged:
    """A list in pages: the parameter that leads on (`offset` counts), and the one for how many."""

    operation: Operation
    leads: str
    size: str
    largest: int
    # Where an answer has what the parameter takes.
    pointers: tuple[str, ...] = ()


def sweep(world: World, result: Result) -> None:
    """Each list that has pages, by ones and by many. Raises `TimeIsUp`."""
    for operation in world.each():
        if operation.method != "GET" or (paged := paged_of(world, operation)) is None:
            continue
        whole = list(walk(world, paged, paged.largest))
        if not whole or not whole[0].answer.ok:
            result.untried.append(f"{operation.label}: {whole[0].answer.shown[:120] if whole else ''}")
            continue
        if len(rows_of(whole)) < 2:
            result.untried.append(f"{operation.label}: fewer than two objects")
            continue
        result.tried += 1
        pages = list(walk(world, paged, 1))
        result.found.extend(compared(paged, whole, pages))


def paged_of(world: World, operation: Operation) -> Paged | None:
    """How an operation pages, None if it does not."""
    queries = {each["name"]: each for each in world.session.operations.parameters(operation, "query")}
    size = next((name for name in SIZES if name in queries), None)
    leads = next((name for name in (*NEXT, "offset") if name in queries), None)
    if size is None or leads is None:
        return None
    schema = resolve(world.session.document, queries[size].get("schema", {}))
    largest = min(LARGE, int(schema.get("maximum", LARGE)))
    linked = [
        str(link["parameters"][leads]).partition("#")[2]
        for target, link in world.links.declared(operation)
        if target.id == operation.id and leads in link.get("parameters", {})
    ]
    pointers = (*linked, *(f"/{name}" for name in NEXT.get(leads, ())))
    return Paged(operation, leads, size, largest, pointers)


def walk(world: World, paged: Paged, size: int) -> Iterator[Exchange]:
    """The pages of that size, from the first to the last, or to one more than lists have."""
    place, seen = "", 0
    for _ in range(MAX_PAGES):
        values = {paged.size: str(size), **({paged.leads: place} if place else {})}
        exchange = world.session.send(ADA, world.builders[ADA].request(paged.operation, values))
        yield exchange
        rows = rows_in(exchange.answer.json)
        seen += len(rows)
        place = str(seen) if paged.leads == "offset" else following(paged, exchange)
        if not place or not rows or not exchange.answer.ok:
            return


def following(paged: Paged, exchange: Exchange) -> str:
    """What leads to the next page; nothing after the last one."""
    value = exchange.answer.json
    if isinstance(value, Mapping) and any(value.get(name) is False for name in MORE):
        return ""
    found = (of_answer(exchange.answer, pointer) for pointer in paged.pointers)
    return next((str(each) for each in found if each), "")


def rows_in(value: Any) -> list[Any]:
    """The objects of a page: the answer itself, or its first list of objects."""
    if isinstance(value, list):
        return value
    if isinstance(value, Mapping):
        for each in value.values():
            if isinstance(each, list) and all(isinstance(row, Mapping) for row in each):
                return each
    return []


def rows_of(pages: list[Exchange]) -> list[str]:
    """What tells the objects of some pages apart, in their order."""
    return [key_of(row) for page in pages for row in rows_in(page.answer.json)]


def key_of(row: Any) -> str:
    """An object by its own id: the first field that is called so; by all that it has where none is."""
    if isinstance(row, Mapping):
        for name in ("id", "_id", "messageId", "conversationId", *filter(is_id, row)):
            if isinstance(row.get(name), str):
                return f"{name} {row[name]}"
    return json.dumps(row, sort_keys=True)


def compared(paged: Paged, whole: list[Exchange], pages: list[Exchange]) -> Iterator[Finding]:
    """The list in ones beside the list in many."""
    one, many = rows_of(pages), rows_of(whole)
    label, last = paged.operation.label, pages[-1:]
    if len(pages) >= MAX_PAGES:
        yield Finding(NAME, ENDLESS, label, f"After {len(pages)} pages there is one more", tuple(last))
        return
    for rows, what in ((one, f"{paged.size}=1"), (many, f"{paged.size}={paged.largest}")):
        if twice := sorted({each for each in rows if rows.count(each) > 1}):
            yield Finding(NAME, REPEATED, label, f"With {what}: {', '.join(twice[:3])}", tuple(last))
    if lost := [each for each in many if each not in one]:
        detail = f"With {paged.size}=1, {len(lost)} of {len(many)} are missing: {', '.join(lost[:3])}"
        yield Finding(NAME, LOST, label, detail, tuple(last))
    if too_many := [each for each in pages if len(rows_in(each.answer.json)) > 1]:
        count = len(rows_in(too_many[0].answer.json))
        yield Finding(NAME, TOO_MANY, label, f"{paged.size}=1 gives {count}", tuple(too_many[:1]))
