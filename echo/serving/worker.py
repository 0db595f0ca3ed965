"""One worker process, as its master sees it: started, asked whether it still answers, and ended."""

import socket
import threading
from multiprocessing import get_context
from time import monotonic

import structlog
from uvicorn._subprocess import subprocess_started
from uvicorn.supervisors import multiprocess

from echo.serving.config import ServerConfig
from echo.serving.parent import end_with_master

log = structlog.get_logger(__name__)

GRACEFUL_SECONDS = 30
# What a worker gets on top of its thirty seconds for closing down, before it counts as stuck.
STUCK_SECONDS = 5
# The master looks twice a second. What lies above this between two looks was no silence of the worker's: the master
# did not run either (a suspended machine, a stopped group of processes), or waited for another worker's start or end.
MOST_BETWEEN_LOOKS = 2.0
# Until a process has imported what it needs to answer at all, on a busy machine.
BOOT_SECONDS = 60


class Worker(multiprocess.Process):
    """A worker process that has one server, however it is scheduled.

    Uvicorn makes the server where it is first asked for, and two threads ask at once: the one that runs it, and the
    one that tells the master whether it runs. On a busy machine each sometimes makes its own. Such a worker serves,
    but is never known to, and a replacement of the workers waits for it in vain.

    It answers its master from the event loop. Uvicorn's answers come from a thread, which goes on while the loop,
    and with it every connection of the worker, hangs.
    """

    config: ServerConfig

    # When it counts as stuck. One that is killed is not asked first, and ends at once.
    _end = 0.0
    # The master's: whether an answer is due, when it looked last, and the seconds of silence that it saw.
    _asked = _answered = False
    _looked: float | None = None
    _silent = 0.0
    _given_up: float | None = None

    def __init__(self, config: ServerConfig, sockets: list[socket.socket]) -> None:
        super().__init__(config, sockets)
        # By the method of `echo.serving.forking`. Uvicorn's would load everything again.
        about = {"config": config, "target": self.target, "sockets": sockets, "stdin_fileno": None}
        self.process = get_context().Process(target=subprocess_started, kwargs=about)  # type: ignore[assignment]

    def target(self, sockets: list[socket.socket] | None = None) -> None:
        """What the process does: serve until it is told to stop, or its master is gone."""
        end_with_master()
        _ = self.server
        super().target(sockets)

    def pong(self) -> None:
        """Answer the master once: through the event loop as soon as it serves. A start is allowed to block it."""
        self.child_conn.recv()
        loop = self.config.event_loop
        if self.server.started and loop is not None:
            turn = threading.Event()
            try:
                loop.call_soon_threadsafe(turn.set)
            except RuntimeError:
                # It is closed: the process ends, or hangs in doing so, and nobody is served any more.
                return
            turn.wait()
        self.child_conn.send(self.server.started)

    def is_alive(self, timeout: float = 5) -> bool:
        """Whether the process is to be kept; waits for nothing, whatever `timeout`.

        One that did not answer for `hang_seconds` is asked to stop, and is given up when it is still there after
        `STUCK_SECONDS` more.
        """
        if not self.process.is_alive():
            return False
        now = monotonic()
        if self._given_up is not None:
            return now < self._given_up
        if self.config.hang_seconds and self._silence(now) > self._patience():
            log.error("a worker does not answer and is replaced", pid=self.pid, seconds=round(self._silent))
            self._given_up = now + STUCK_SECONDS
            self.process.terminate()
        return True

    def _patience(self) -> int:
        return self.config.hang_seconds if self._answered else max(BOOT_SECONDS, self.config.hang_seconds)

    def _silence(self, now: float) -> float:
        """Seconds for which it has not answered; asks again where it has."""
        if self._asked:
            self._silent += min(now - (self._looked or now), MOST_BETWEEN_LOOKS)
        self._looked = now
        try:
            while self.parent_conn.poll():
                self.parent_conn.recv()
                self._asked, self._answered, self._silent = False, True, 0.0
            if not self._asked:
                self.parent_conn.send(b"ping")
                self._asked = True
        except (OSError, EOFError):
            # It cannot answer any more.
            self._asked = True
        return self._silent

    def terminate(self) -> None:
        """Ask the process to stop; it has its time from now on."""
        self._end = monotonic() + GRACEFUL_SECONDS + STUCK_SECONDS
        super().terminate()

    def join(self) -> None:
        """Wait for an end that was asked for; what does not come to it in time is killed.

        A worker whose event loop is stuck hears no SIGTERM, and the master would wait for it for ever.
        """
        self.process.join(max(STUCK_SECONDS, self._end - monotonic()))
        if self.process.is_alive():
            log.error("a worker did not stop and was killed", pid=self.process.pid)
            self.process.kill()
        super().join()
