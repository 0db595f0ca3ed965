"""How workers come to be: as forks of a process that has loaded everything, and waits.

A worker starts in a tenth of the time then, and shares with the others the memory of what all of them have loaded.
It is `multiprocessing`'s fork server: it has one thread and no connections, so nothing is torn by a fork. On other
systems than Linux a fork is not safe beside the system's own libraries, and each worker loads everything itself.
"""

import os
import signal
import sys
import warnings
from contextlib import suppress
from multiprocessing import forkserver, get_context, set_start_method, util

from echo.serving.descriptors import raise_limit

FORK, SPAWN = "forkserver", "spawn"
PRELOADED = "echo.serving.preloaded"
# For glibc: few arenas, and large buffers back to the system at once. Without, a worker that has taken sixteen
# uploads of 1 MB at a time keeps 20 MB more. To set the second makes the third fixed as well, at a value that costs
# each read 5 %, so that one is set too. Elsewhere nobody reads these variables.
MALLOC = {
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": str(128 * 1024),
    "MALLOC_TRIM_THRESHOLD_": str(8 * 1024 * 1024),
}


def prepare_workers() -> str | None:
    """Begin to load what workers need, in a process of its own; meanwhile the caller does something else.

    Returns why each worker must load everything itself, where that process cannot be started. It has the
    environment and the limits of now: what is decided later, workers must be told.
    """
    # Its limits are the workers' too, and the database's, which keeps a file open for each collection and index.
    raise_limit()
    for name, value in MALLOC.items():
        os.environ.setdefault(name, value)
    set_start_method(SPAWN, force=True)
    return _begin() if sys.platform == "linux" else None


def _begin() -> str | None:
    # Who reaches its socket has code of his run here: never one that is outside of the file system's rights.
    util.abstract_sockets_supported = False  # type: ignore[misc]
    get_context(FORK).set_forkserver_preload([PRELOADED])
    try:
        forkserver.ensure_running()
    except OSError as error:
        return error.strerror
    set_start_method(FORK, force=True)
    return None


def give_up_workers() -> None:
    """End that process while it still loads: nothing will be served. Else it would go on for a second or two."""
    pid = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]
    if pid is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def ignore_test_client() -> None:
    """Connexion imports Starlette's test client, which says on stderr what only tests need to know."""
    warnings.filterwarnings("ignore", message="Using `httpx` with `starlette.testclient`")
