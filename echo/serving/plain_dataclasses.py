"""Dataclasses, made in less time: Echo has four hundred, and to make them took a fifth of a start.

Up to Python 3.12 each method of a dataclass is written as text, compiled and executed on its own. Here the methods
whose work does not depend on the fields' number are plain functions; an `__init__` that only takes the fields' values
and keeps them is compiled once for each number of them, and gets the names afterwards. They do the same.
Python 3.13 writes all methods of a class at once.
"""

import dataclasses
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from operator import attrgetter
from types import CellType, CodeType, FunctionType
from typing import Any

Method = Callable[..., Any]
Fields = Sequence["dataclasses.Field[Any]"]
NAMES = ("_init_fn", "_repr_fn", "_frozen_get_del_attr", "_cmp_fn", "_hash_fn")
# Those that write text, as far as they are there: they have no promise to stay.
WRITERS = {name: getattr(dataclasses, name, None) for name in NAMES}
EQUALS = "=="


@contextmanager
def plain_dataclasses() -> Iterator[None]:
    """Make the dataclasses of this context so; a no-op where Python does not need or does not know it."""
    if sys.version_info >= (3, 13) or None in WRITERS.values():
        yield
        return
    plain = {
        "_init_fn": _init,
        "_repr_fn": _repr,
        "_frozen_get_del_attr": _frozen,
        "_cmp_fn": _compared,
        "_hash_fn": _hash,
    }
    for name, maker in plain.items():
        setattr(dataclasses, name, maker)
    try:
        yield
    finally:
        for name, writer in WRITERS.items():
            setattr(dataclasses, name, writer)


def _init(  # noqa: PLR0917 - its parameters there
    fields: Fields,
    std_fields: Fields,
    kw_only_fields: Fields,
    frozen: bool,
    has_post_init: bool,
    self_name: str,
    globals: Any,  # noqa: A002
    slots: bool,
) -> Any:
    if kw_only_fields or self_name != "self" or not _are_kept_as_given(fields):
        return WRITERS["_init_fn"](  # type: ignore[misc]
            fields, std_fields, kw_only_fields, frozen, has_post_init, self_name, globals, slots
        )
    names = [field.name for field in fields]
    code = _named(_init_code(len(names), frozen=frozen, has_post_init=has_post_init), names)
    defaults = tuple(field.default for field in fields if field.default is not dataclasses.MISSING)
    put = (CellType(object.__setattr__),) if code.co_freevars else ()
    made = FunctionType(code, globals, "__init__", defaults or None, put)
    made.__annotations__ = {**{field.name: field.type for field in fields}, "return": None}
    return made


def _are_kept_as_given(fields: Fields) -> bool:
    """Whether each field is a parameter whose value is kept, those without a default first."""
    defaults = [field.default is not dataclasses.MISSING for field in fields]
    ordinary = dataclasses._FIELD  # type: ignore[attr-defined]
    return defaults == sorted(defaults) and all(
        field.init and field.default_factory is dataclasses.MISSING and field._field_type is ordinary  # type: ignore[attr-defined]
        for field in fields
    )


@cache
def _init_code(count: int, *, frozen: bool, has_post_init: bool) -> CodeType:
    """The code for so many fields, which have the names of `_placeholders`."""
    names = _placeholders(count)
    keep = "__put(self, {0!r}, {0})" if frozen else "self.{0} = {0}"
    lines = [*map(keep.format, names), *(["self.__post_init__()"] if has_post_init else [])]
    body = "\n  ".join(lines or ["pass"])
    text = f"def make(__put):\n def __init__({', '.join(['self', *names])}):\n  {body}\n return __init__"
    found: dict[str, Any] = {}
    exec(text, found)  # noqa: S102 - nothing in it is anybody's but ours
    code: CodeType = found["make"](None).__code__
    return code


def _named(code: CodeType, names: Sequence[str]) -> CodeType:
    """The same with the names of the fields."""
    named = dict(zip(_placeholders(len(names)), names, strict=True))
    return code.replace(
        co_varnames=("self", *names),
        co_names=tuple(named.get(name, name) for name in code.co_names),
        co_consts=tuple(named.get(each, each) for each in code.co_consts),
    )


def _placeholders(count: int) -> list[str]:
    return [f"_field_{number}" for number in range(count)]


def _repr(fields: Fields, _globals: Any) -> Method:
    names = [field.name for field in fields]

    def __repr__(self: Any) -> str:  # noqa: N807 - the name that it has in a traceback
        values = ", ".join([f"{name}={getattr(self, name)!r}" for name in names])
        return f"{self.__class__.__qualname__}({values})"

    recursive: Method = dataclasses._recursive_repr(__repr__)  # type: ignore[attr-defined]
    return recursive


def _frozen(cls: Any, fields: Fields, _globals: Any) -> tuple[Method, Method]:
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


def _hash(fields: Fields, _globals: Any) -> Method:
    values = _values([field.name for field in fields])

    def __hash__(self: Any) -> int:  # noqa: N807
        return hash(values(self))

    return __hash__


def _values(names: Sequence[str]) -> Callable[[Any], tuple[Any, ...]]:
    """What gives the values of an object's fields, always as a tuple."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda instance: tuple(getattr(instance, name) for name in names)
