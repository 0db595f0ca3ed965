"""Stands between Echo and its server where the kernel ends no process with its parent: everywhere but on Linux.

It is run by its path, with the server's command as arguments, and needs nothing of ours. Its standard input is a pipe
from the owner that nothing is written to: it ends when the owner has gone, whatever the cause, and then the server is
ended. Signals are passed on, and its exit code is the server's.
"""

import os
import signal
import subprocess
import sys
import threading
from types import FrameType

STDIN = 0
PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)


def keep(command: list[str]) -> int:
    """Run a command until it ends, or until standard input does; its exit code, as a shell tells it."""
    # Nothing is lost that comes before there is a process.
    signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)
    server = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON),  # noqa: PLW1509 - no thread is there yet
    )

    def pass_on(number: int, _frame: FrameType | None) -> None:
        server.send_signal(number)

    def watch() -> None:
        # Not by way of `sys.stdin`, whose lock would be held when the program ends.
        while os.read(STDIN, 4096):
            pass
        server.terminate()

    for number in PASSED_ON:
        signal.signal(number, pass_on)
    threading.Thread(target=watch, daemon=True).start()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
    code = server.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(keep(sys.argv[1:]))
