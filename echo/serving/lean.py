"""Libraries, loaded without what they bring along and Echo does not use: a start takes a tenth less so.

Only for the processes that serve, and only while they load. A library that is asked for one of these things after
all gets it: what stands in for a module loads the module then.
"""

import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

# Structlog colours tracebacks with it where it is installed; `echo.observation.logs` chooses its own way.
FOR_COLOURS = ("better_exceptions", "rich")
# Structlog's adapters; each is loaded where its library is.
FOR_ADAPTERS = ("greenlet", "twisted")
# What Connexion asks other servers with, and its client for tests. Everything that it reads here is local.
ON_DEMAND = ("httpx", "starlette.testclient")


def load_logging() -> None:
    """Import structlog."""
    with _absent(*FOR_COLOURS, *FOR_ADAPTERS):
        import_module("structlog")


def load_libraries() -> None:
    """Import structlog, Connexion and aiohttp."""
    load_logging()
    with _on_demand(*ON_DEMAND):
        import_module("connexion")
    with _without_authorities():
        import_module("aiohttp")


@contextmanager
def _absent(*names: str) -> Iterator[None]:
    """Let optional modules not be found, those that are not loaded yet."""
    with _as_modules({name: None for name in names if name not in sys.modules}):
        yield


@contextmanager
def _on_demand(*names: str) -> Iterator[None]:
    """Let modules be stood in for, those that are installed and not loaded yet."""
    with _as_modules({name: _StandIn(name) for name in names if name not in sys.modules and find_spec(name)}):
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
    """A module whose functions and classes can be called; the first call loads it."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)

        def call(*args: Any, **kwargs: Any) -> Any:
            return getattr(import_module(self.__name__), name)(*args, **kwargs)

        return call


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
