"""The tests of whole documents, such as this folder's, come last and are not traced."""

import os
import sys
import threading
from pathlib import Path

from tests.support.measuring import NOT_MEASURED, ROOT, place


def test_nothing_is_traced_here() -> None:
    traces = [sys.gettrace()]
    thread = threading.Thread(target=lambda: traces.append(sys.gettrace()))
    thread.start()
    thread.join()
    assert traces == [None, None]


def test_nothing_that_is_started_here_is_traced() -> None:
    assert [name for name in os.environ if name.startswith("COVERAGE")] == []


def test_what_is_measured_comes_first() -> None:
    assert place(ROOT / "tests" / "handlers" / "test_config.py") == 0
    assert place(ROOT / "tests" / "contract" / "test_floor.py") > 0
    assert place(Path(__file__)) > 0


def test_every_name_means_something() -> None:
    assert [name for name in NOT_MEASURED if not (ROOT / name).exists()] == []
