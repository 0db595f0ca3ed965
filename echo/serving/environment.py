"""What processes that are started later have in their environment besides that of the one they are forked from."""

import os

from echo.observation.metrics.shared import DIRECTORY
from echo.trust import STORE

# Known only when what is to be forked loads already: where workers count together, and whom TLS believes.
NAMES = (DIRECTORY, STORE)
Environment = dict[str, str | None]


def handed_on() -> Environment:
    """These variables as they are here; None for one that is not there."""
    return {name: os.environ.get(name) for name in NAMES}


def take_on(environment: Environment) -> None:
    """Have these variables as they were there."""
    for name, value in environment.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
