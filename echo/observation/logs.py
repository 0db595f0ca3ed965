"""Structured logs on stderr: JSON lines, or colours on a terminal; the standard library's loggers included.

Our own loggers write without a detour through `logging`, which takes four times as long: 3 % of a small request.
"""

import json
import logging
import sys
from contextlib import suppress
from typing import Any, BinaryIO

import orjson
import structlog

from echo.settings import Settings

# What a person looks for in a line of the access log, in this order; everything else comes after it.
FIRST = ("status", "method", "path", "ms", "operation")
QUIET = ("connexion", "pymongo", "werkzeug", "multipart", "python_multipart", "urllib3", "PIL", "asyncio")


def configure_logging(settings: Settings) -> None:
    """Set up logging of this process; every line carries the id of the request that it belongs to."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    console = settings.log_format == "console" or (settings.log_format == "auto" and sys.stderr.isatty())
    render = _for_people() if console else _for_programs()
    context: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*context, *render],
        logger_factory=structlog.BytesLoggerFactory(LogFile(sys.stderr.buffer)),  # type: ignore[arg-type]
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    remove_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=context, processors=[remove_meta, *render, _decode]
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


class LogFile:
    """A file that takes what it can: a full disk or a closed pipe must not fail the request that is logged."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, line: bytes) -> None:
        """Write, or lose the line."""
        with suppress(OSError, ValueError):
            self._file.write(line)

    def flush(self) -> None:
        """Flush, or lose what was not written."""
        with suppress(OSError, ValueError):
            self._file.flush()


def _for_people() -> list[Any]:
    colourful = structlog.dev.ConsoleRenderer(
        exception_formatter=structlog.dev.plain_traceback, sort_keys=False
    )
    return [escape_controls, most_wanted_first, colourful, _encode]


def _for_programs() -> list[Any]:
    # Without the values of variables, which can be a user's or a secret.
    exceptions = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    return [structlog.processors.ExceptionRenderer(exceptions), to_json]


def escape_controls(_logger: Any, _name: str, event: Any) -> Any:
    """Show control characters in values as escapes: a client must not write lines or colours into our log."""
    for key, value in event.items():
        if isinstance(value, str) and key != "exception" and not value.isprintable():
            event[key] = value.encode("unicode_escape").decode("ascii")
    return event


def most_wanted_first(_logger: Any, _name: str, event: Any) -> Any:
    """The event with its fields in the order of `FIRST`."""
    return {**{name: event[name] for name in FIRST if name in event}, **event}


def to_json(_logger: Any, _name: str, event: Any) -> bytes:
    """The event as one line; never fails."""
    try:
        return orjson.dumps(event, default=repr, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:
        # Lone surrogates and huge integers are not for orjson.
        return json.dumps(event, default=repr).encode()


def _encode(_logger: Any, _name: str, line: str) -> bytes:
    return line.encode(errors="backslashreplace")


def _decode(_logger: Any, _name: str, line: Any) -> str:
    text: str = line.decode()
    return text
