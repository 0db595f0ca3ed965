"""What must be there before anything is answered: made in a process of its own, so that the master needs no driver.

It is a fork, as workers are. They build their applications meanwhile, and wait for it.
"""

from collections.abc import Callable
from multiprocessing import get_context, get_start_method
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path
from traceback import format_exc
from typing import Any

from echo.observation.logs import configure_logging
from echo.serving.environment import Environment, take_on
from echo.serving.forking import FORK
from echo.serving.parent import end_with_master
from echo.settings import Settings
from storage.embedded.replica import wait_until_ready

LOOK_SECONDS = 0.02


def prepare(settings: Settings) -> None:
    """Make what the workers expect to be there: the indexes, the roles, and the categories of agents."""
    # Imported here: the master never needs it, and it brings the driver.
    from echo.access.seeding import seed_access  # noqa: PLC0415
    from storage.agents.categories import AgentCategoryRepository  # noqa: PLC0415
    from storage.core.database import Database  # noqa: PLC0415
    from storage.operator.indexes import ensure_indexes  # noqa: PLC0415

    database = Database(str(settings.mongo_uri))
    try:
        ensure_indexes(database)
        seed_access(settings, database)
        AgentCategoryRepository(database).seed()
    finally:
        database.close()


def prepare_all(
    settings: Settings, environment: Environment, socket: Path | None = None, seed_file: Path | None = None
) -> None:
    """The same in a process of its own, with what a seed file names; a server at `socket` is waited for."""
    take_on(environment)
    configure_logging(settings)
    end_with_master()
    if socket is not None:
        wait_until_ready(str(settings.mongo_uri), socket)
    prepare(settings)
    if seed_file:
        # Imported here: it brings what checks passwords.
        from echo.serving.seeding import seed  # noqa: PLC0415

        seed(settings, seed_file)


def can_fork() -> bool:
    """Whether processes are forks of one that has loaded everything."""
    return get_start_method() == FORK


class Preparation:
    """`prepare_all` with these arguments, begun at once; `done` is set when workers may serve."""

    def __init__(
        self, settings: Settings, environment: Environment, socket: Path | None, seed_file: Path | None
    ) -> None:
        self.done: Event = get_context().Event()
        self._told, telling = get_context().Pipe(duplex=False)
        arguments = (telling, settings, environment, socket, seed_file)
        self._process = get_context().Process(target=_prepare_there, args=arguments)
        self._process.start()
        telling.close()

    def wait(self, goes_on: Callable[[], bool]) -> bool:
        """Wait until all is there; False once `goes_on` says so. Raises what that and the preparation raise."""
        try:
            while goes_on():
                if self._told.poll(LOOK_SECONDS):
                    self._take()
                    self.done.set()
                    return True
            return False
        finally:
            self._process.kill()
            self._process.join()

    def _take(self) -> None:
        try:
            error = self._told.recv()
        except EOFError:
            raise RuntimeError("the process that prepares the database has died") from None
        if error is not None:
            raise error


def _prepare_there(telling: Connection, *arguments: Any) -> None:
    """Tells the master the error, or None."""
    try:
        prepare_all(*arguments)
    except Exception as error:
        error.add_note(format_exc())
        telling.send(error)
    else:
        telling.send(None)
