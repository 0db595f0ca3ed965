"""The process that reads one document: from its standard input, with little memory and time, onto its output.

It is started with nothing in its environment, so that a document that takes it over finds no key there.
"""

import contextlib
import os
import resource
import signal
import sys

from echo.extraction.pages import Unreadable, bounded, packed
from echo.extraction.readers import read

# By which exit code what is told; anything else is a death.
CODES = {"broken": 10, "locked": 11, "too_large": 12, "missing": 13}
DESCRIPTORS = 64


def main(media_type: str, memory: int, seconds: int) -> None:
    """Write the pages of the document, one a line, and exit."""
    _limit(memory, seconds)
    sys.exit(_written(media_type))


def _limit(memory: int, seconds: int) -> None:
    """Set what the kernel holds us to: nothing that a library does can go beyond."""
    for limit, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, DESCRIPTORS),
    ):
        resource.setrlimit(limit, (value, value))
    # A master that stops its group of processes stops the worker, which stops us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _written(media_type: str) -> int:
    try:
        with os.fdopen(0, "rb", closefd=False) as document, os.fdopen(1, "wb", closefd=False) as out:
            document.seek(0)
            for page in bounded(read(document, media_type)):
                out.write(packed(page))
    except Unreadable as error:
        return CODES[error.reason]
    except ImportError:
        return CODES["missing"]
    except MemoryError:
        return CODES["too_large"]
    except BrokenPipeError:
        # Whoever asked has gone. What is still to be written goes nowhere.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except Exception:
        # Each library has its own errors for what it cannot read, and more for what nobody thought of.
        return CODES["broken"]
    return 0
