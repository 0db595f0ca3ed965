"""What workers are forked from: it has loaded what they need, and can be forked without harm."""

import dataclasses
import os
import subprocess
import sys
from typing import Any

import pytest

from echo.serving.plain_dataclasses import WRITERS, plain_dataclasses

PROGRAM = """
import gc, os, sys
import echo.serving.preloaded
print(len(os.listdir("/proc/self/task")), gc.isenabled(), gc.get_freeze_count() > 100_000)
needed = ("echo.app", "uvloop", "handlers.health", "handlers.librechat.chat", "toktok")
print(all(name in sys.modules for name in needed))
unneeded = ("rich", "httpx", "twisted", "jsonschema", "werkzeug.test", "watchfiles", "limits.aio", "aiohttp.web")
print([name for name in unneeded if name in sys.modules])
"""


def test_it_has_one_thread_and_all_that_workers_load() -> None:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, env={**os.environ}
    )
    # A second thread would not be in what is forked, and whatever it held would be held for ever.
    assert run.stdout.splitlines() == ["1 False True", "True", "[]"]
    assert not run.stderr


def describe(cls: Any) -> list[Any]:
    """What a dataclass of the fields `name` and `size` does, errors by their types and texts."""
    one, same, other = cls("a", 2), cls("a", 2), cls("a", 3)
    said: list[Any] = [
        repr(one),
        one == same,
        one == other,
        one == "a",
        one != other,
        hash(one) == hash(same),
    ]
    for act in (
        lambda: setattr(one, "size", 5),
        lambda: delattr(one, "size"),
        lambda: setattr(one, "further", 1),
        lambda: one < other,
    ):
        try:
            said.append(act())
        except (AttributeError, TypeError) as error:
            said.append((type(error).__name__, str(error)))
    return said


def make(**options: bool) -> Any:
    @dataclasses.dataclass(**options)
    class Made:
        name: str
        size: int = 1

    return Made


@pytest.mark.parametrize(
    "options",
    [
        {"unsafe_hash": True},
        {"frozen": True},
        {"frozen": True, "order": True},
        {"frozen": True, "slots": True},
        {"frozen": True, "repr": False},
    ],
    ids=str,
)
def test_dataclasses_are_the_same_however_they_are_made(options: dict[str, bool]) -> None:
    usual = make(**options)
    with plain_dataclasses():
        quick = make(**options)
    told, usually = describe(quick), describe(usual)
    # Without a repr of its own it has Python's, with an address.
    first = 0 if options.get("repr", True) else 1
    assert told[first:] == usually[first:]
    # What is imported later is made in Python's own way.
    assert all(getattr(dataclasses, name, None) is writer for name, writer in WRITERS.items())
