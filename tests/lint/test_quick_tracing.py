"""Coverage hears the same of measured files, whether its tracer sees the others or not."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support import quick_tracing

MEASURED = """
import contextlib
import threading
from elsewhere import call, failing, numbers, suspended


@contextlib.contextmanager
def around():
    try:
        yield 1
    except KeyError:
        pass


def caught(value):
    with around():
        failing(value)
    try:
        call(failing, value)
    except KeyError as error:
        return [each for each in numbers(str(error))]
    return None


class Thing:
    def __getitem__(self, item):
        if item:
            return item
        raise IndexError(item)


async def steps():
    for each in (1, 2):
        await suspended()
        yield each


async def main():
    async with contextlib.aclosing(steps()) as each_step:
        async for each in each_step:
            if each == 2:
                break
    return list(Thing().__getitem__(each) for each in "ab")


def work():
    threads = [threading.Thread(target=call, args=(caught, number)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted([3, 1, 2], key=lambda number: call(abs, -number))
"""
ELSEWHERE = """
import asyncio


def call(function, *arguments):
    return function(*arguments)


def failing(value):
    try:
        raise ValueError(value)
    except ValueError:
        raise KeyError(value) from None


def numbers(text):
    for each in text:
        yield ord(each)


async def suspended():
    await asyncio.sleep(0)
"""
RUN = """
import asyncio, json, sys
import coverage

here, quick = sys.argv[1:]
sys.path[:0] = [here, here + "/own"]
if quick == "quick":
    from tests.support import quick_tracing
    quick_tracing.begin([here + "/own/"])
running = coverage.Coverage(
    branch=True, data_file=None, source=[here + "/own"], config_file=False, concurrency=["thread"]
)
running.start()
import own
own.caught(0)
asyncio.run(own.main())
own.work()
running.stop()
own.caught(1)
data = running.get_data()
print(json.dumps({name: sorted(data.arcs(name)) for name in data.measured_files()}))
"""


def arcs(directory: Path, how: str) -> object:
    command = [sys.executable, "-c", RUN, str(directory), how]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=quick_tracing.ROOT)
    return json.loads(done.stdout)


@pytest.mark.skipif(not quick_tracing.BUILT.exists(), reason="without a C compiler there is none")
def test_measures_the_same(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "own.py").write_text(MEASURED, encoding="utf-8")
    (tmp_path / "elsewhere.py").write_text(ELSEWHERE, encoding="utf-8")
    quick = arcs(tmp_path, "quick")
    assert quick == arcs(tmp_path, "usual")
    assert len(str(quick)) > 500


def test_measures_what_coverage_does() -> None:
    options = tomllib.loads((quick_tracing.ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert list(quick_tracing.MEASURED) == options["tool"]["coverage"]["run"]["source"]
