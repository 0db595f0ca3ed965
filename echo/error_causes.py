"""What exceptions of others mean for a client: of storage, of the operating system."""

import errno
from collections.abc import Callable, Mapping

from echo.errors import (
    ApiError,
    BadRequest,
    Conflict,
    FieldError,
    NotFound,
    ServiceUnavailable,
    Unprocessable,
    owner_required,
)
from storage.core import errors as storage_errors

# Somebody has to make room, or to repair something.
DISK_RETRY_SECONDS = 60
# No space, no quota, the process's own limit on a file.
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# Read-only, not ours to write, broken, a network file system that has gone.
DISK_FAULTS = {errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE, errno.ENODEV, errno.ENXIO}
# Every descriptor is in use: of the process, of the machine.
DESCRIPTORS = {errno.EMFILE, errno.ENFILE}


def no_room() -> ServiceUnavailable:
    """A disk is full: ours, or the database's."""
    return ServiceUnavailable(
        "The server has no room left for this.", code="disk_full", retry_after=DISK_RETRY_SECONDS
    )


def disk_failed() -> ServiceUnavailable:
    """The disk does not take a file, or does not give it."""
    return ServiceUnavailable(
        "The server cannot use its disk.", code="disk_failed", retry_after=DISK_RETRY_SECONDS
    )


_STORAGE_ERRORS: Mapping[type[storage_errors.StorageError], Callable[[], ApiError]] = {
    storage_errors.NotFound: NotFound,
    storage_errors.BrokenCursor: lambda: BadRequest(
        "The cursor is not one that this server gave.", code="broken_cursor"
    ),
    storage_errors.InvalidDocument: lambda: Unprocessable(
        "A value in the request cannot be stored.", code="unstorable"
    ),
    storage_errors.StorageFull: no_room,
    storage_errors.Unavailable: lambda: ServiceUnavailable(
        "The database is not available.", code="storage_unavailable"
    ),
    storage_errors.TookTooLong: lambda: Unprocessable(
        "The search took too long; a longer or rarer text, or one conversation alone, is found faster.",
        code="search_too_slow",
    ),
    storage_errors.LastAdministrator: lambda: Conflict(
        "That is the only administrator. Give somebody else that role first.", code="last_administrator"
    ),
    storage_errors.NoOwnerLeft: lambda: owner_required("Somebody must own this."),
    storage_errors.UnknownParent: lambda: Unprocessable(
        "The parent message is not in this conversation.", code="unknown_parent"
    ),
    storage_errors.UnknownPart: lambda: Unprocessable(
        "The message has no such part that can be changed.", code="unknown_part"
    ),
}


def from_exception(exc: Exception) -> ApiError | None:
    """The error that a client sees for an exception of ours; None if it is none of ours (a fault)."""
    if isinstance(exc, ApiError):
        return exc
    if isinstance(exc, storage_errors.Conflict):
        return Conflict(errors=(FieldError(exc.field, "already taken"),))
    if isinstance(exc, storage_errors.TooMany):
        return Unprocessable(f"Nobody may have more than {exc.most} {exc.kind}.", code="too_many_of_a_kind")
    for kind, make in _STORAGE_ERRORS.items():
        if isinstance(exc, kind):
            return make()
    return from_os_error(exc) if isinstance(exc, OSError) else None


def from_os_error(error: OSError) -> ApiError | None:
    """What a refusal of the operating system means, wherever a file was written or read; None for a fault of ours."""
    if error.errno in FULL:
        return no_room()
    if error.errno in DISK_FAULTS:
        return disk_failed()
    if error.errno in DESCRIPTORS:
        return ServiceUnavailable("The server is busy.", code="overloaded")
    return None
