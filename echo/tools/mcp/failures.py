"""What can go wrong between a call and a server."""


class NotConnected(Exception):
    """A server that cannot be reached, or whose connection has ended.

    `unsent` says that the server has surely not done what it was asked.
    """

    def __init__(self, text: str, *, unsent: bool = True) -> None:
        super().__init__(text)
        self.unsent = unsent


class CallFailed(Exception):
    """What a server answered in place of a result; the message is the server's."""


class LoginNeeded(Exception):
    """The server wants to know who the user is."""


class LoginFailed(Exception):
    """A login that came to nothing; the message is a word for the client."""


class NotAllowed(Exception):
    """An address that `mcpSettings` does not allow."""


class TooManyConnections(Exception):
    """No more can be opened now."""


class Resting(Exception):
    """A server that has failed is not asked again yet."""
