"""`${VAR}` in the values of the file, and nowhere else: what users send is never expanded."""

import re
from collections.abc import Callable

VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
# What protects the server itself has no business in a request to anyone; LibreChat leaves the same ones alone.
FORBIDDEN = frozenset(
    {
        *("JWT_SECRET", "JWT_REFRESH_SECRET", "CREDS_KEY", "CREDS_IV", "MONGO_URI", "METRICS_SECRET"),
        *("MEILI_MASTER_KEY", "REDIS_URI", "REDIS_PASSWORD"),
    }
)


class Unset(Exception):
    """A variable that has no value."""


class Forbidden(Exception):
    """A variable that may not be used."""


class Expansion:
    """Expands texts from an environment; `used` collects the variables."""

    def __init__(self, variable: Callable[[str], str | None]) -> None:
        self._variable = variable
        self.used: set[str] = set()

    def expand(self, text: str) -> str:
        """The text with its variables' values in it, which are not expanded again. Raises `Unset`, `Forbidden`."""
        return VARIABLE.sub(self._value, text.strip())

    def _value(self, found: re.Match[str]) -> str:
        name = found[1]
        if name in FORBIDDEN:
            raise Forbidden(name)
        self.used.add(name)
        value = self._variable(name)
        if value is None:
            raise Unset(name)
        return value
