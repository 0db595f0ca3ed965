"""What workers are forked from: it has loaded what they need, and can be forked without harm."""

import os
import subprocess
import sys

PROGRAM = """
import gc, os, sys
import echo.serving.preloaded
print(len(os.listdir("/proc/self/task")), gc.isenabled(), gc.get_freeze_count() > 100_000)
needed = ("echo.app", "uvloop", "handlers.health", "handlers.librechat.chat", "toktok")
print(all(name in sys.modules for name in needed))
"""


def test_it_has_one_thread_and_all_that_workers_load() -> None:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, env={**os.environ}
    )
    # A second thread would not be in what is forked, and whatever it held would be held for ever.
    assert run.stdout.splitlines() == ["1 False True", "True"]
    assert not run.stderr
