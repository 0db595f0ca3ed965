"""The errors that reach a client. Handlers and services raise them; `echo.error_bodies` renders them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

RETRY_AFTER_SECONDS = 2
BEARER_CHALLENGE = 'Bearer realm="echo"'


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field; `field` is a dotted path such as `files.0.file_id`."""

    field: str
    message: str


class ApiError(Exception):
    """An error that is answered to the client as it stands.

    Subclasses fix the HTTP status and the default code and message; an instance may be more specific.
    """

    status: ClassVar[int] = 500
    default_code: ClassVar[str] = "internal_error"
    default_message: ClassVar[str] = "Something went wrong on our side."

    def __init__(
        self,
        message: str | None = None,
        *,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
        errors: tuple[FieldError, ...] = (),
    ) -> None:
        self.message = message or self.default_message
        self.code = code or self.default_code
        self.headers = dict(headers or {})
        self.errors = errors
        # What LibreChat's own clients read in the body, in place of ours; for operations of its contract only.
        self.librechat: Mapping[str, Any] = {}
        super().__init__(f"{self.status} {self.code}: {self.message}")


class BadRequest(ApiError):
    """The request cannot be read: malformed JSON, a broken cursor, a body where none can be."""

    status = 400
    default_code = "bad_request"
    default_message = "The request could not be understood."


class InvalidRequest(ApiError):
    """The request was read but does not fit the contract; `errors` says where."""

    status = 400
    default_code = "validation_failed"
    default_message = "The request does not fit the contract."


class Unauthorized(ApiError):
    """No credentials, or none that are valid. Carries `WWW-Authenticate` (RFC 9110, section 11.6.1)."""

    status = 401
    default_code = "unauthorized"
    default_message = "Unauthorized"

    def __init__(self, message: str | None = None, *, code: str | None = None) -> None:
        super().__init__(message, code=code, headers={"WWW-Authenticate": BEARER_CHALLENGE})


class PaymentRequired(ApiError):
    """The user's credits are used up (RFC 9110, section 15.5.3). Told in streams of chats, by LibreChat's name."""

    status = 402
    default_code = "token_balance"
    default_message = "The credits are used up."


class Forbidden(ApiError):
    """The server understood, and the answer is no."""

    status = 403
    default_code = "forbidden"
    default_message = "That is not allowed."


class NotFound(ApiError):
    """There is no such thing, or it is not the caller's: the answer is the same."""

    status = 404
    default_code = "not_found"
    default_message = "Not found"


class MethodNotAllowed(ApiError):
    """The path exists, the method does not; `Allow` lists those that do (RFC 9110, section 15.5.6)."""

    status = 405
    default_code = "method_not_allowed"
    default_message = "This path does not have that method."

    def __init__(self, allowed: tuple[str, ...]) -> None:
        super().__init__(headers={"Allow": ", ".join(allowed)})


class RequestTimeout(ApiError):
    """The client took too long over its request (RFC 9110, section 15.5.9)."""

    status = 408
    default_code = "request_timeout"
    default_message = "The request did not come in time."


class Conflict(ApiError):
    """The request contradicts what is stored."""

    status = 409
    default_code = "conflict"
    default_message = "That is already taken."


class PayloadTooLarge(ApiError):
    """The body, or what it unpacks to, is over a limit."""

    status = 413
    default_code = "payload_too_large"
    default_message = "That is larger than this server accepts."


class UriTooLong(ApiError):
    """The path with its query is longer than any that has a meaning here (RFC 9110, section 15.5.15)."""

    status = 414
    default_code = "uri_too_long"
    default_message = "The address of the request is longer than this server accepts."


class UnsupportedMediaType(ApiError):
    """The content is of a type that the operation does not take."""

    status = 415
    default_code = "unsupported_media_type"
    default_message = "This operation does not take that type of content."


class RangeNotSatisfiable(ApiError):
    """The range lies behind the end of the file; `Content-Range` says how long that is (RFC 9110, 15.5.17)."""

    status = 416
    default_code = "range_not_satisfiable"
    default_message = "The file has no such range."

    def __init__(self, size: int) -> None:
        super().__init__(headers={"Content-Range": f"bytes */{size}"})


class Unprocessable(ApiError):
    """Well formed and valid, but its meaning is refused."""

    status = 422
    default_code = "unprocessable"
    default_message = "That cannot be done with this content."


class TooManyRequests(ApiError):
    """A rate limit is used up; `retry_after` is in seconds (RFC 6585, section 4)."""

    status = 429
    default_code = "rate_limited"
    default_message = "Too many requests; try again later."

    def __init__(self, retry_after: int, message: str | None = None, *, code: str | None = None) -> None:
        super().__init__(message, code=code, headers={"Retry-After": str(max(1, retry_after))})


class HeadersTooLarge(ApiError):
    """Too many headers, or too large ones: at the head, after a body, or beside its chunks (RFC 6585, section 5)."""

    status = 431
    default_code = "headers_too_large"
    default_message = "The headers of the request are larger than this server accepts."


class ProviderLimited(TooManyRequests):
    """A provider's own limit is used up, under the server's key or the user's; its `Retry-After` is passed on."""

    default_code = "provider_limited"
    default_message = "The provider's limit is reached; try again later."


class InternalError(ApiError):
    """A fault of the server; the client learns nothing more."""


class NoDownloadUrl(ApiError):
    """No cloud store has the file; LibreChat's status for one on its disk (RFC 9110, section 15.6.2)."""

    status = 501
    default_code = "no_download_url"
    default_message = "The file is on this server: download it from here."


class BadGateway(ApiError):
    """A provider that the server asked failed."""

    status = 502
    default_code = "provider_failed"
    default_message = "The provider did not give a usable answer."


class ServiceUnavailable(ApiError):
    """Something that the operation needs is not there now; carries `Retry-After` in seconds."""

    status = 503
    default_code = "service_unavailable"
    default_message = "This is not available at the moment."

    def __init__(
        self,
        message: str | None = None,
        *,
        code: str | None = None,
        retry_after: int = RETRY_AFTER_SECONDS,
        errors: tuple[FieldError, ...] = (),
    ) -> None:
        super().__init__(message, code=code, headers={"Retry-After": str(retry_after)}, errors=errors)


def owner_required(message: str) -> Unprocessable:
    """Who owns a shared thing cannot be changed like this."""
    return Unprocessable(message, code="owner_required")
