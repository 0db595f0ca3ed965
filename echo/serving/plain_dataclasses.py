"""Dataclasses, made in less time: Echo has four hundred, and to make them took a fifth of a start.

Up to Python 3.12 each method of a dataclass is written as text, compiled and executed on its own. Here the methods
whose work does not depend on the fields' number are plain functions; `__init__` stays as it is. They do the same.
Python 3.13 writes all methods of a class at once.
"""

import dataclasses
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from operator import attrgetter
from typing import Any

Method = Callable[..., Any]
NAMES = ("_repr_fn", "_frozen_get_del_attr", "_cmp_fn", "_hash_fn")
# Those that write text, as far as they are there: they have no promise to stay.
WRITERS = {name: getattr(dataclasses, name, None) for name in NAMES}
EQUALS = "=="


@contextmanager
def plain_dataclasses() -> Iterator[None]:
    """Make the dataclasses of this context so; a no-op where Python does not need or does not know it."""
    if sys.version_info >= (3, 13) or None in WRITERS.values():
        yield
        return
    plain = {"_repr_fn": _repr, "_frozen_get_del_attr": _frozen, "_cmp_fn": _compared, "_hash_fn": _hash}
    for name, maker in plain.items():
        setattr(dataclasses, name, maker)
    try:
        yield
    finally:
        for name, writer in WRITERS.items():
            setattr(dataclasses, name, writer)


def _repr(fields: Sequence["dataclasses.Field[Any]"], _globals: Any) -> Method:
    names = [field.name for field in fields]

    def __repr__(self: Any) -> str:  # noqa: N807 - the name that it has in a traceback
        values = ", ".join([f"{name}={getattr(self, name)!r}" for name in names])
        return f"{self.__class__.__qualname__}({values})"

    recursive: Method = dataclasses._recursive_repr(__repr__)  # type: ignore[attr-defined]
    return recursive


def _frozen(cls: Any, fields: Sequence["dataclasses.Field[Any]"], _globals: Any) -> tuple[Method, Method]:
    names = frozenset(field.name for field in fields)

    def __setattr__(self: Any, name: str, value: Any) -> None:  # noqa: N807
        if type(self) is cls or name in names:
            raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")
        super(cls, self).__setattr__(name, value)

    def __delattr__(self: Any, name: str) -> None:  # noqa: N807
        if type(self) is cls or name in names:
            raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")
        super(cls, self).__delattr__(name)

    return __setattr__, __delattr__


def _compared(name: str, operator: str, own: str, others: str, globals: Any) -> Method:  # noqa: A002 - its name there
    if operator != EQUALS:
        written: Method = WRITERS["_cmp_fn"](name, operator, own, others, globals=globals)  # type: ignore[misc]
        return written
    values = _values([each.removeprefix("self.") for each in own.strip("()").split(",") if each])

    def __eq__(self: Any, other: Any) -> Any:  # noqa: N807
        if other.__class__ is self.__class__:
            return values(self) == values(other)
        return NotImplemented

    return __eq__


def _hash(fields: Sequence["dataclasses.Field[Any]"], _globals: Any) -> Method:
    values = _values([field.name for field in fields])

    def __hash__(self: Any) -> int:  # noqa: N807
        return hash(values(self))

    return __hash__


def _values(names: Sequence[str]) -> Callable[[Any], tuple[Any, ...]]:
    """What gives the values of an object's fields, always as a tuple."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda instance: tuple(getattr(instance, name) for name in names)
