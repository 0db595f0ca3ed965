"""The one place where a driver's error becomes one of ours."""

from collections.abc import Iterator
from contextlib import contextmanager

from bson.errors import BSONError
from pymongo.errors import (
    ConfigurationError,
    ConnectionFailure,
    DocumentTooLarge,
    DuplicateKeyError,
    ExecutionTimeout,
    InvalidOperation,
    OperationFailure,
    PyMongoError,
    WTimeoutError,
)

from storage.errors import Conflict, InvalidDocument, Unavailable

# The fields that say whose a document is: a conflict is never about them.
OWNER_FIELDS = {"user", "tenantId", "_id"}
# MongoDB's codes for a document that the server refuses: too large, bad value, malformed BSON, type mismatch.
REFUSED = {2, 9, 14, 22, 10334, 17280, 17419, 17420}
# InterruptedAtShutdown, PrimarySteppedDown, NotWritablePrimary and the like: come back later.
TRANSIENT = {11600, 11602, 10107, 13435, 13436, 189, 91, 112, 251, 24}


@contextmanager
def translated() -> Iterator[None]:
    """Run pymongo calls; raise `Conflict`, `InvalidDocument` or `Unavailable` for what it raises."""
    try:
        yield
    except DuplicateKeyError as error:
        raise Conflict(conflicting_field(error)) from error
    except (DocumentTooLarge, BSONError, OverflowError, UnicodeEncodeError) as error:
        raise InvalidDocument(str(error)) from error
    except (
        ConnectionFailure,
        ExecutionTimeout,
        WTimeoutError,
        ConfigurationError,
        InvalidOperation,
    ) as error:
        raise Unavailable(str(error)) from error
    except OperationFailure as error:
        raise translate_failure(error) from error


def translate_failure(error: OperationFailure) -> Exception:
    """What a refusal of the server means; one that means nothing to us stays as it is."""
    if error.code in REFUSED:
        return InvalidDocument(str(error))
    if error.code in TRANSIENT or error.has_error_label("TransientTransactionError"):
        return Unavailable(str(error))
    return error


def conflicting_field(error: PyMongoError) -> str:
    """The field of the violated unique index, as the server names it in `keyPattern`."""
    details = getattr(error, "details", None) or {}
    fields = [name for name in details.get("keyPattern", {}) if name not in OWNER_FIELDS]
    return fields[0] if fields else "_id"
