"""What can go wrong between a call and a server."""

from collections.abc import Mapping

from echo.accounts.federation.delegation import NotDelegated
from echo.tools.mcp.catalog import plain
from echo.tools.mcp.resolving import MissingValues, UnusableValue

MAX_SAID = 200


class NotConnected(Exception):
    """A server that cannot be reached, or whose connection has ended.

    `unsent` says that the server has surely not done what it was asked; `why` is for the operator.
    """

    def __init__(self, text: str, *, unsent: bool = True, why: str = "") -> None:
        super().__init__(text)
        self.unsent = unsent
        self.why = why or text


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


SENTENCES: Mapping[type[BaseException], str] = {
    LoginNeeded: "it wants the user to log in",
    NotAllowed: "its address is not allowed (mcpSettings.allowedDomains), or not for a token of the user's",
    Resting: "it has failed before, and is not asked again yet",
    TooManyConnections: "too many connections are open",
    TimeoutError: "it did not answer in time",
    UnusableValue: "a value of the user's cannot stand where the server has it",
}


def why(error: BaseException) -> str:
    """What went wrong, for the operator: never an address or a header, and of a server's words a line at most."""
    if isinstance(error, NotConnected):
        return error.why
    if isinstance(error, MissingValues):
        return f"values are not set: {', '.join(error.names) or 'of the user, such as an email'}"
    if isinstance(error, NotDelegated):
        return str(error)
    if isinstance(error, CallFailed | LoginFailed):
        return plain(" ".join(str(error).split()), MAX_SAID)
    for kind, sentence in SENTENCES.items():
        if isinstance(error, kind):
            return sentence
    return type(error).__name__
