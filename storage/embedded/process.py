"""The process of the embedded server: its death, wanted or not."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable

from storage.embedded import keeper

STOP_SECONDS = 60.0
PR_SET_PDEATHSIG = 1
# Whether the kernel ends a process with the one that started it.
BY_KERNEL = sys.platform == "linux"


def start(command: list[str], env: dict[str, str]) -> "subprocess.Popen[bytes]":
    """Start a server that ends with this process, whatever ends that. Raises `OSError`.

    It has a process group of its own: Ctrl-C in the terminal is for Echo, which then stops the server last.
    """
    arrange = die_with_parent(os.getpid()) if BY_KERNEL else None
    return subprocess.Popen(
        command if BY_KERNEL else [sys.executable, "-I", keeper.__file__, *command],
        stdin=subprocess.DEVNULL if BY_KERNEL else subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=env,
        process_group=0,
        preexec_fn=arrange,  # noqa: PLW1509 - two calls of C's, which take no lock of Python's
    )


def die_with_parent(parent: int) -> Callable[[], None]:
    """What a child runs before it becomes the server: the kernel shall end it with its parent."""
    # Looked up here: between fork and exec nothing should be loaded any more.
    prctl = ctypes.CDLL(None).prctl

    def arrange() -> None:
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
            # With what stands between, if anything does.
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdin is not None:
        process.stdin.close()
