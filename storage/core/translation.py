"""The one place where a driver's error becomes one of ours."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from bson.errors import BSONError
from pymongo.errors import (
    BulkWriteError,
    ConfigurationError,
    ConnectionFailure,
    DocumentTooLarge,
    DuplicateKeyError,
    ExecutionTimeout,
    InvalidOperation,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
    WriteError,
    WTimeoutError,
)

from storage.core.errors import AccessDenied, Conflict, InvalidDocument, StorageFull, Unavailable, Uncertain

DUPLICATE_KEY = 11000
# The fields that say whose a document is: a conflict is never about them.
OWNER_FIELDS = {"user", "tenantId", "_id"}
# MongoDB's codes for a document that the server refuses: too deep, malformed BSON, a key that may not be (52 to 57),
# a change of `_id` (66), too large, or too large for the server's cache (388).
REFUSED = {15, 22, *range(52, 58), 66, 388, 10334, 17280, 17419, 17420}
# Bad value, cannot parse, type mismatch: of a write they speak of the document; of a query, of a mistake of ours.
REFUSED_WRITE = REFUSED | {2, 9, 14}
# InterruptedAtShutdown, PrimarySteppedDown, NotWritablePrimary, TemporarilyUnavailable and the like: come back later.
# So are those between the servers of a deployment: HostUnreachable, HostNotFound, NetworkTimeout, SocketException.
TRANSIENT = {
    11600,
    11602,
    10107,
    13435,
    13436,
    189,
    91,
    112,
    251,
    24,
    365,
    6,
    7,
    89,
    133,
    134,
    202,
    317,
    9001,
}
# MaxTimeMSExpired, WriteConcernTimeout, ExceededTimeLimit, TransactionExceededLifetimeLimitSeconds.
OUT_OF_TIME = {50, 64, 262, 290}
# OutOfDiskSpace.
FULL = {14031}
# Unauthorized, AuthenticationFailed, and Atlas's own: a database that does not let us in is none that serves.
LOCKED_OUT = {13, 18, 8000}
MEANINGS: tuple[tuple[set[int], type[Unavailable]], ...] = (
    (LOCKED_OUT, AccessDenied),
    (FULL, StorageFull),
    (OUT_OF_TIME, Uncertain),
    (TRANSIENT, Unavailable),
)


@contextmanager
def translated() -> Iterator[None]:
    """Run pymongo calls; raise `Conflict`, `InvalidDocument` or `Unavailable` for what it raises."""
    try:
        yield
    except DuplicateKeyError as error:
        raise Conflict(conflicting_field(error)) from error
    # Deep nesting: below the interpreter's limit the server refuses it, above the encoder gives up.
    except (DocumentTooLarge, BSONError, OverflowError, UnicodeEncodeError, RecursionError) as error:
        raise InvalidDocument(str(error)) from error
    except (ConfigurationError, InvalidOperation) as error:
        raise Unavailable(str(error)) from error
    except (ConnectionFailure, ExecutionTimeout, WTimeoutError) as error:
        raise (Unavailable if was_not_sent(error) else Uncertain)(str(error)) from error
    except OperationFailure as error:
        raise translate_failure(error) from error


def was_not_sent(error: PyMongoError) -> bool:
    """Whether the operation certainly did not reach a server; a commit that was sent before may have."""
    return isinstance(
        error, ServerSelectionTimeoutError | WaitQueueTimeoutError
    ) and not error.has_error_label("UnknownTransactionCommitResult")


def translate_failure(error: OperationFailure) -> Exception:
    """What a refusal of the server means; one that means nothing to us stays as it is."""
    if isinstance(error, BulkWriteError):
        return translate_bulk(error)
    if error.code in (REFUSED_WRITE if isinstance(error, WriteError) else REFUSED):
        return InvalidDocument(str(error))
    for codes, kind in MEANINGS:
        if error.code in codes:
            return kind(str(error))
    if error.has_error_label("TransientTransactionError"):
        return Unavailable(str(error))
    return error


def translate_bulk(error: BulkWriteError) -> Exception:
    """What the first refused document of several means."""
    details = error.details
    failures = details.get("writeErrors") or details.get("writeConcernErrors") or []
    if not failures:
        return error
    first = failures[0]
    if first.get("code") == DUPLICATE_KEY:
        return Conflict(field_of(first))
    return translate_failure(WriteError(str(first.get("errmsg")), first.get("code"), first))


def conflicting_field(error: PyMongoError) -> str:
    """The field of the violated unique index."""
    return field_of(getattr(error, "details", None) or {})


def field_of(details: Mapping[str, Any]) -> str:
    """The field of a violated unique index, as the server names it in `keyPattern`."""
    fields = [name for name in details.get("keyPattern", {}) if name not in OWNER_FIELDS]
    return fields[0] if fields else "_id"
