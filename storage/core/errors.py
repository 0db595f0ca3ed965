"""The few errors that a repository raises; a driver's own never leave this package."""


class StorageError(Exception):
    """Base of every error of this package."""


class NotFound(StorageError):
    """There is no such document among the owner's."""


class Conflict(StorageError):
    """A unique value is taken; `field` is its name in the stored document."""

    def __init__(self, field: str) -> None:
        self.field = field
        super().__init__(f"{field} is already taken")


class Unavailable(StorageError):
    """The database cannot be reached, or did not answer in time."""


class Uncertain(Unavailable):
    """It was sent and not answered in time: a write may have been stored, wholly, or not at all."""


class StorageFull(Unavailable):
    """The database has no room left for what was to be written."""


class AccessDenied(Unavailable):
    """The deployment answers, but does not let us: user or password are wrong, or a right is missing."""


class TookTooLong(StorageError):
    """A query was ended: it took longer than it may, or nobody waits for it any more."""


class InvalidDocument(StorageError):
    """MongoDB cannot store the value; `reason` is for the log."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class BrokenCursor(StorageError):
    """A page cursor is not one that `storage.core.pages` made for this list."""


class UnknownParent(StorageError):
    """The parent of a message is not in the message's conversation."""


class NoOwnerLeft(StorageError):
    """What is shared would belong to nobody any more."""


class UnknownPart(StorageError):
    """A message has no such part, or none that can be changed in this way."""


class TooMany(StorageError):
    """An owner has as many documents of a kind as anybody may: `most`; `kind` is their name in the plural."""

    def __init__(self, kind: str, most: int) -> None:
        self.kind, self.most = kind, most
        super().__init__(f"there are {most} {kind} already")


class LastAdministrator(StorageError):
    """Nobody else is an administrator."""
