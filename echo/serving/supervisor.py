"""The workers of a server: how they are started, what each runs, and who watches over them."""

import gc
import logging
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from multiprocessing.synchronize import Event
from pathlib import Path

import structlog
import uvicorn
from starlette.types import ASGIApp
from uvicorn.supervisors import Multiprocess, multiprocess

from echo.observation.metrics.shared import forget_worker
from echo.serving.config import ServerConfig
from echo.serving.descriptors import room_for
from echo.serving.environment import Environment, handed_on, take_on
from echo.serving.forking import ignore_test_client
from echo.serving.listening import bind
from echo.serving.preparing import Preparation, can_fork, prepare_all
from echo.serving.ready import address_of, ready_file
from echo.serving.worker import GRACEFUL_SECONDS, Worker
from echo.settings import Settings
from storage.embedded import EmbeddedServer

log = structlog.get_logger(__name__)

# For a worker to start in: on a busy machine uvicorn's five seconds end a replacement of the workers half-way.
WORKER_SECONDS = 20
FORM_BYTES = 1024 * 1024
# Python's are 700, 10 and 10.
GC_THRESHOLDS = (10_000, 10, 50)


def run_workers(
    settings: Settings,
    embedded: EmbeddedServer | None,
    ready: Path | None = None,
    seed_file: Path | None = None,
) -> None:
    """Start the workers and watch over them and the database until a signal ends it."""
    listener = bind(settings.host, settings.port)
    settings = listening_on(listener.getsockname()[1], settings)
    environment = handed_on()
    preparation = None
    if can_fork():
        preparation = Preparation(settings, environment, embedded.socket if embedded else None, seed_file)
    else:
        prepare_all(settings, environment, seed_file=seed_file)
    config = ServerConfig(
        partial(worker_app, settings, environment, preparation.done if preparation else None),
        limits=settings.connections,
        largest_body=largest_body(settings),
        hang_seconds=settings.worker_hang_seconds,
        factory=True,
        lifespan="on",
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        log_config=None,
        log_level=logging.WARNING,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
        timeout_worker_healthcheck=WORKER_SECONDS,
    )
    if (most := room_for(settings.connections.connections)) < settings.connections.connections:
        log.warning("there are file descriptors for fewer connections (ulimit -n)", each_worker=most)
    address = f"[{settings.host}]" if ":" in settings.host else settings.host
    announced = ready_file(ready, address_of(settings.host, settings.port))
    log.info("Echo is listening", url=f"http://{address}:{settings.port}", workers=settings.workers)
    gc.freeze()
    gc.enable()
    with announced:
        Supervisor(config, sockets=[listener], embedded=embedded, preparation=preparation).run()
    log.info("Echo has stopped")


def largest_body(settings: Settings) -> int:
    """The most bytes that any operation reads of a body, with a form's own around its file."""
    return FORM_BYTES + max(settings.max_import_bytes, settings.max_upload_bytes, settings.max_body_bytes)


def listening_on(port: int, settings: Settings) -> Settings:
    """The settings with the port that the system chose, which addresses that nobody sets have too."""
    before, after = "http://localhost:0", f"http://localhost:{port}"
    server, client = (
        after + address[len(before) :] if address.startswith(before) else address
        for address in (settings.domain_server, settings.domain_client)
    )
    return replace(settings, port=port, domain_server=server, domain_client=client)


def worker_app(settings: Settings, environment: Environment, prepared: Event | None = None) -> ASGIApp:
    """The application of one worker process, once `prepared` is set."""
    take_on(environment)
    ignore_test_client()
    # Nothing that a start makes is garbage: to look for some among it took a tenth of the time.
    gc.disable()
    # Imported here: the master, which only watches, would hold 30 MB that it never uses.
    from echo.app import create_app  # noqa: PLC0415
    from echo.serving.response_cycle import use_response_cycle  # noqa: PLC0415

    use_response_cycle()
    app = create_app(settings)
    # What is there now stays. To look for garbage among it, and among all that belongs to open streams whenever there
    # are some more, would stop a worker of a thousand streams for a third of a second each time.
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    gc.enable()
    if prepared:
        prepared.wait()
    return app


# The supervisor has no parameter for it, and looks it up by this name.
multiprocess.Process = Worker  # type: ignore[misc, assignment]


class Supervisor(Multiprocess):
    """Uvicorn's supervisor of worker processes, which looks after the embedded database too.

    The database must be restarted from the thread that lives as long as the master does, and that is this one: the
    kernel's parent-death signal follows the thread that started the process.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        sockets: list[socket.socket],
        embedded: EmbeddedServer | None,
        preparation: Preparation | None = None,
    ) -> None:
        super().__init__(config, sockets)
        self._embedded = embedded
        self._preparation = preparation

    def init_processes(self) -> None:
        """Start the workers, which serve once what they need is there. Raises what kept it from being made."""
        super().init_processes()
        try:
            if self._preparation and not self._preparation.wait(self._goes_on):
                self.should_exit.set()
        except BaseException:
            self._kill_all()
            raise
        if self.should_exit.is_set():
            # They wait for what will not come.
            self._kill_all()

    def _goes_on(self) -> bool:
        if self._embedded:
            self._embedded.check()
        return not {signal.SIGTERM, signal.SIGINT} & set(self.signal_queue)

    def _kill_all(self) -> None:
        for process in self.processes:
            process.kill()
            process.join()
        self.processes = []

    def keep_subprocess_alive(self) -> None:
        """Called twice a second by the supervisor's loop."""
        if self._embedded and not self.should_exit.is_set() and self._embedded.restart_if_dead():
            log.error("the embedded database had died and was started again")
        with self._noticing_ends():
            super().keep_subprocess_alive()

    def handle_signals(self) -> None:
        """Called likewise; SIGHUP replaces the workers one after the other, SIGTTOU ends one."""
        with self._noticing_ends():
            super().handle_signals()

    @contextmanager
    def _noticing_ends(self) -> Iterator[None]:
        before = {process.pid for process in self.processes}
        yield
        for pid in before - {process.pid for process in self.processes}:
            forget_worker(pid)
