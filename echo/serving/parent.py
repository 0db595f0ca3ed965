"""A worker ends with its master, whatever ended that.

Otherwise it would hold the port and answer `/health` for ever, with its embedded database gone. The kernel's
parent-death signal would do on Linux only; the end of the pipe through which a master starts a process does
everywhere, and also where the master died before anybody looked.
"""

import os
import signal
import threading
from collections.abc import Callable
from multiprocessing import connection, parent_process

import structlog

from echo.observation.metrics.shared import discard_counts

log = structlog.get_logger(__name__)

# For what is under way when the master dies. The database may be gone with it, so it is less than a stop gets.
ORPHAN_SECONDS = 10.0
LOOK_SECONDS = 1.0


def end_with_master(*, seconds: float = ORPHAN_SECONDS, leave: Callable[[int], None] = os._exit) -> None:
    """Watch the master from a thread; when it is gone, stop as on SIGTERM, and leave at the latest after `seconds`.

    In a process that no `multiprocessing` started, nothing is watched.
    """
    master = parent_process()
    if master is None:
        return

    forked_from = os.getppid()

    def watch() -> None:
        # The process that workers are forked from is their parent for the system: with it, the master loses sight of
        # them, and starts others.
        while not connection.wait([master.sentinel], LOOK_SECONDS) and os.getppid() == forked_from:
            pass
        log.error("the master process is gone; this worker ends")
        discard_counts()
        os.kill(os.getpid(), signal.SIGTERM)
        # The thread ends with the process. This is for one that cannot stop: it is stuck, or waits for what is gone.
        threading.Event().wait(seconds)
        leave(1)

    threading.Thread(target=watch, name="echo-master", daemon=True).start()
