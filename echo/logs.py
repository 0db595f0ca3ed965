"""Structured logs: JSON lines, or colours on a terminal; the standard library's loggers included."""

import logging
import sys
from typing import Any

import orjson
import structlog

from echo.settings import Settings

QUIET = ("connexion", "pymongo", "werkzeug", "multipart", "python_multipart", "urllib3", "PIL", "asyncio")


def configure_logging(settings: Settings) -> None:
    """Set up logging of this process; every line carries the id of the request that it belongs to."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=_renderers(settings.log_format)
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


def _renderers(log_format: str) -> list[Any]:
    console = log_format == "console" or (log_format == "auto" and sys.stderr.isatty())
    remove_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if console:
        # repr keeps line breaks and terminal escapes of a client out of the log.
        return [
            remove_meta,
            escape_controls,
            structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
        ]
    return [
        remove_meta,
        # Without the values of variables, which can be a user's or a secret.
        structlog.processors.ExceptionRenderer(
            structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        ),
        structlog.processors.JSONRenderer(serializer=_dumps),
    ]


def escape_controls(_logger: Any, _name: str, event: Any) -> Any:
    """Show control characters in values as escapes: a client must not write lines or colours into our log."""
    for key, value in event.items():
        if isinstance(value, str) and key != "exception" and not value.isprintable():
            event[key] = value.encode("unicode_escape").decode("ascii")
    return event


def _dumps(event: Any, **_: Any) -> str:
    return orjson.dumps(event, default=repr, option=orjson.OPT_NON_STR_KEYS).decode()
