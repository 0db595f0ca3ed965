"""How a command ends whose output, or a file of which, cannot be read or written."""

import os
import sys
from typing import NoReturn

from echo.cli.common import EXIT_IO, fail
from echo.cli.output import for_people


def end_without_output(error: OSError) -> NoReturn:
    """Say in one sentence what cannot be read or written, and end."""
    if error.filename is None:
        # What is left of the output would fail once more at the end, and change the exit code.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        fail(f"Reading or writing failed: {error.strerror or error}.", EXIT_IO)
    fail(f"{for_people(error.filename)} cannot be read or written: {error.strerror}.", EXIT_IO)
