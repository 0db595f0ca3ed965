"""Libraries, loaded without what they bring along and Echo does not use: a start takes a fifth less so.

Only for the processes that serve, and only while they load. A library that is asked for one of these things after
all gets it: what stands in for a module loads the module then.
"""

import re
import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property, partial
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

# Structlog colours tracebacks with it where it is installed; `echo.observation.logs` chooses its own way.
FOR_COLOURS = ("better_exceptions", "rich")
# Structlog's adapters; each is loaded where its library is.
FOR_ADAPTERS = ("greenlet", "twisted")
# What Uvicorn watches source files with.
FOR_RELOADS = ("watchfiles",)
# What Connexion asks other servers with, and its client for tests: everything that it reads here is local. What it
# checks documents, requests and answers with: `echo.contract` does that. Werkzeug's servers and clients for tests.
ON_DEMAND = (
    "httpx",
    "starlette.testclient",
    "jsonschema",
    "jsonschema.exceptions",
    "jsonschema.validators",
    "werkzeug.serving",
    "werkzeug.test",
)
# Limits' clients of Redis and Memcached, and what aiohttp tells those that trace its requests.
FOR_OTHER_STORES, FOR_TRACING = ("limits.aio",), ("aiohttp.tracing",)


def load_logging() -> None:
    """Import structlog."""
    with _absent(*FOR_COLOURS, *FOR_ADAPTERS):
        import_module("structlog")


def load_checks() -> None:
    """Import marshmallow."""
    with _patterns_on_demand():
        import_module("marshmallow")


def load_server() -> None:
    """Import Uvicorn."""
    with _absent(*FOR_RELOADS):
        import_module("uvicorn")


def load_libraries() -> None:
    """Import all of these, Connexion, aiohttp and Limits."""
    load_logging()
    load_checks()
    load_server()
    with _patterns_on_demand():
        for name in ("jwt", "requests", "yaml"):
            import_module(name)
    with _on_demand(*ON_DEMAND):
        import_module("connexion")
    with _on_demand(*FOR_OTHER_STORES):
        import_module("limits")
    with _without_authorities(), _on_demand(*FOR_TRACING):
        import_module("aiohttp")


@contextmanager
def _absent(*names: str) -> Iterator[None]:
    """Let optional modules not be found, those that are not loaded yet."""
    with _as_modules({name: None for name in names if name not in sys.modules}):
        yield


@contextmanager
def _on_demand(*names: str) -> Iterator[None]:
    """Let modules be stood in for, those that are installed and not loaded yet."""
    missing = [name for name in names if name not in sys.modules and find_spec(name.partition(".")[0])]
    with _as_modules({name: _StandIn(name) for name in missing}):
        yield


@contextmanager
def _as_modules(others: dict[str, Any]) -> Iterator[None]:
    sys.modules.update(others)
    try:
        yield
    finally:
        for name in others:
            del sys.modules[name]


class _StandIn(ModuleType):
    """A module that is loaded when something of it is called; for as long as this stands in for it, it is not."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Later(self, lambda: getattr(import_module(self.__name__), name))


class _Later:
    """Something of a module that is not loaded. Classes inherit nothing from it."""

    def __init__(self, module: _StandIn, find: Callable[[], Any]) -> None:
        self._module = module
        self._find = find

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if sys.modules.get(self._module.__name__) is self._module:
            return _Later(self._module, lambda: self(*args, **kwargs))
        return self._find()(*(each._find() if isinstance(each, _Later) else each for each in args), **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Later(self._module, lambda: getattr(self._find(), name))

    def __getitem__(self, key: Any) -> Any:
        return _Later(self._module, lambda: self._find()[key])

    def __mro_entries__(self, _bases: tuple[Any, ...]) -> tuple[type, ...]:
        return ()


@contextmanager
def _patterns_on_demand() -> Iterator[None]:
    """Let regular expressions be compiled when they are first used: one takes as long as fifty modules."""
    compile_now = re.compile
    re.compile = lambda *args, **kwargs: _Pattern(partial(compile_now, *args, **kwargs))  # type: ignore[assignment]
    try:
        yield
    finally:
        re.compile = compile_now


class _Pattern:
    """A pattern that is compiled when something is asked of it; whoever asks whether it is a pattern is told yes."""

    def __init__(self, make: Callable[[], re.Pattern[Any]]) -> None:
        self._make = make

    # The functions of `re` take a compiled pattern too, and know one by this.
    __class__ = property(lambda self: re.Pattern)

    @cached_property
    def _made(self) -> re.Pattern[Any]:
        return self._make()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._made, name)


@contextmanager
def _without_authorities() -> Iterator[None]:
    """Let aiohttp's default contexts believe nobody: each takes a twentieth of a second to read the system's.

    Every connection of Echo's gets the context of `echo.trust`. One that did not would be refused.
    """
    load = ssl.SSLContext.set_default_verify_paths
    ssl.SSLContext.set_default_verify_paths = lambda self: None  # type: ignore[method-assign]
    try:
        yield
    finally:
        ssl.SSLContext.set_default_verify_paths = load  # type: ignore[method-assign]
