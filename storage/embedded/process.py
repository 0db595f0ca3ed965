"""The process of the embedded server: its death, wanted or not."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable

STOP_SECONDS = 60.0
PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> Callable[[], None]:
    """What a child runs before it becomes the server: the kernel shall end it with its parent (Linux only)."""
    # Looked up here: between fork and exec nothing should be loaded any more.
    prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None

    def arrange() -> None:
        if prctl is not None:
            prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:
                # It died just before; no signal will come.
                os._exit(1)

    return arrange


def end(process: "subprocess.Popen[bytes]") -> None:
    """SIGTERM, and SIGKILL for what has not gone after a minute; the journal makes up for that."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()
