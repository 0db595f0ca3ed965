"""What becomes of an exception that nobody has dealt with."""

import structlog
from connexion.exceptions import OAuthProblem

from echo.error_causes import from_exception
from echo.errors import ApiError, InternalError, Unauthorized

log = structlog.get_logger(__name__)


def to_api_error(exc: Exception) -> ApiError:
    """The error to answer with; a fault of ours is logged in full and answered with nothing."""
    if isinstance(exc, OAuthProblem):
        return Unauthorized()
    error = from_exception(exc)
    if error is None:
        log.error("unhandled exception", exc_info=exc)
        return InternalError()
    if error.status >= 500:
        log.warning("request failed", code=error.code, cause=repr(exc.__cause__ or exc))
    return error
