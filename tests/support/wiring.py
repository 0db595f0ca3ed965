"""What a composition root gives to whom."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from storage.core.database import Database

NOWHERE = "mongodb://127.0.0.1:1/echo"


@contextmanager
def unreached() -> Iterator[Database]:
    """A database at an address where nobody listens."""
    database = Database(NOWHERE)
    yield database
    database.close()


def holders(whole: object, given: Mapping[str, object]) -> dict[str, list[str]]:
    """The places that hold each thing that was given, as `Class.attribute`: of `whole` and of what that is made of.

    Repositories are made on the way: each counts by the name of its class.
    """
    places: dict[str, set[str]] = {name: set() for name in given}
    seen, waiting = set[int](), [whole]
    while waiting:
        holder = waiting.pop()
        if id(holder) in seen or not _is_ours(holder, "echo."):
            continue
        seen.add(id(holder))
        for attribute, value in vars(holder).items():
            place = f"{type(holder).__name__}.{attribute.lstrip('_')}"
            for name in (name for name, each in given.items() if each is value):
                places[name].add(place)
            if _is_ours(value, "storage."):
                places.setdefault(type(value).__name__, set()).add(place)
            waiting.append(value)
    return {name: sorted(found) for name, found in places.items()}


def _is_ours(value: Any, layer: str) -> bool:
    return type(value).__module__.startswith(layer) and hasattr(value, "__dict__")
