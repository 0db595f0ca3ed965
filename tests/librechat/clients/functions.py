"""What becomes of each function of LibreChat's data service at an Echo: the table in `functions.tsv`.

The functions and what they call are those of `librechat-data-provider` 0.8.524. What the web client asks past the
service is there too. An outcome is one of these:

- `works`: Echo does it.
- `switched off`: Echo answers as LibreChat does where the feature is switched off or empty.
- `missing`: Echo answers that there is no such operation.
"""

import csv
import re
from pathlib import Path
from typing import Literal, NamedTuple

TABLE = Path(__file__).with_suffix(".tsv")
# What the web client asks without the service.
PAST_THE_SERVICE = {
    *(
        "refreshToken",
        "startGeneration",
        "streamGeneration",
        "statusGeneration",
        "abortGeneration",
        "saveMessage",
    ),
}


class Function(NamedTuple):
    """A line of the table; without a `call` the function asks nothing of the server."""

    area: str
    name: str
    call: str
    outcome: Literal["works", "switched off", "missing"]
    reason: str

    def is_of(self, method: str | None, path: str | None) -> bool:
        """Whether a request is what the function should have asked."""
        if not self.call:
            return method is None
        pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(self.call))
        return re.fullmatch(pattern, f"{method} {path}") is not None


def read_functions() -> list[Function]:
    """The table, in its order."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [Function(*row) for row in list(rows)[1:]]
