"""Two users at a server: what they send, and what they get, within bounds of time and size."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import requests
from urllib3.exceptions import HTTPError

from echo.testing.accounts import HEADERS
from echo.testing.departures import Departures
from echo.testing.operations import Operation, Operations
from echo.testing.references import Json
from echo.testing.sweeps.exchanges import Answer, Exchange, Request

ADA, BOB = "ada", "bob"
SECONDS = 30
# Of one answer, event streams too.
MAX_BYTES = 4 * 1024 * 1024
PIECE_BYTES = 64 * 1024


class TimeIsUp(Exception):
    """The time for the sweeps is over."""


# Sends a request with headers, and gives what came back.
Transport = Callable[[str, Request], Answer]


@dataclass
class Session:
    """A server, its document, and the access tokens of two users.

    `renew` gets a new token for a user, and is None where tokens were given. `strict` is whether the server is held
    to what only Echo promises. `deadline` is of `time.monotonic`.
    """

    url: str
    document: Json
    tokens: dict[str, str] = field(repr=False)
    renew: Callable[[str], str] | None = None
    strict: bool = True
    deadline: float = float("inf")
    transport: Transport = field(default_factory=lambda: over_http(requests.Session()))

    def __post_init__(self) -> None:
        self.operations = Operations(self.document)
        self.departures = Departures(self.document)

    def send(self, user: str | None, request: Request) -> Exchange:
        """Send a request as a user, or as nobody. Raises `TimeIsUp`.

        A user who has been logged out meanwhile logs in again, once.
        """
        answer = self._send(user, request)
        if answer.status == 401 and user and self.renew:
            self.tokens[user] = self.renew(user)
            answer = self._send(user, request)
        return Exchange(self.url, user, request, answer)

    def _send(self, user: str | None, request: Request) -> Answer:
        if time.monotonic() > self.deadline:
            raise TimeIsUp
        token = {"Authorization": f"Bearer {self.tokens[user]}"} if user else {}
        return self.transport(self.url, request.changed(headers={**HEADERS, **token, **request.headers}))

    def departures_of(self, operation: Operation, answer: Answer) -> list[str]:
        """How an answer departs from the document."""
        return list(self.departures.of_answer(operation, answer.status, answer.headers, answer.body))


def over_http(http: requests.Session) -> Transport:
    """Sends over the network; no redirect is followed, and no answer is waited for or read without end."""

    def send(url: str, request: Request) -> Answer:
        end = time.monotonic() + SECONDS
        # Cookies would say who somebody is beside the token.
        http.cookies.clear()
        try:
            response = http.request(
                request.method,
                url + request.target,
                headers=dict(request.headers),
                data=request.body,
                files=_parts(request.form) if request.form is not None else None,
                timeout=SECONDS,
                allow_redirects=False,
                stream=True,
            )
            with response:
                body, cut = _read(response, end)
        except requests.RequestException as error:
            # As no answer at all: a status that no document has.
            return Answer(0, {}, str(error).encode(), cut=True)
        return Answer(response.status_code, lowered(response.headers), body, cut)

    return send


def _read(response: requests.Response, end: float) -> tuple[bytes, bool]:
    if response.is_redirect:
        # `requests` has read it, to see where it leads.
        return response.content, False
    pieces: list[bytes] = []
    size = 0
    try:
        while piece := response.raw.read1(PIECE_BYTES, decode_content=True):
            pieces.append(piece)
            size += len(piece)
            if size > MAX_BYTES or time.monotonic() > end:
                return b"".join(pieces), True
    except HTTPError:
        return b"".join(pieces), True
    return b"".join(pieces), False


def _parts(
    form: Mapping[str, str | tuple[str, bytes, str]],
) -> dict[str, tuple[str | None, bytes] | tuple[str, bytes, str]]:
    return {name: (None, part.encode()) if isinstance(part, str) else part for name, part in form.items()}


def lowered(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers by their names in lower case."""
    return {name.lower(): value for name, value in headers.items()}
